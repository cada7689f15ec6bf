"""Processes for heavy work ignore Ctrl-C: their parent handles it."""

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor

from app.installation.children import ignore_sigint


def _heeds() -> bool:
    return signal.getsignal(signal.SIGINT) is not signal.SIG_IGN


def test_a_process_is_deaf_before_its_first_line_and_we_are_not() -> None:
    before = signal.getsignal(signal.SIGINT)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        with ignore_sigint():
            heeds = pool.submit(_heeds)
        assert heeds.result() is False
    assert signal.getsignal(signal.SIGINT) is before
