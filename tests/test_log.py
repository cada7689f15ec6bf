"""The log shows where an error happened, never personal data."""

import contextlib
import io

import pytest
import structlog

from app import log


def judge(address: str) -> None:
    if address:
        raise RuntimeError("the judgement failed")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_traceback_shows_no_local_variables(log_format: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(log_format)
    try:
        judge("Elm Street 13, " + "Spring" + "field")  # in parts: the traceback shows the line itself
    except RuntimeError:
        structlog.get_logger("test").exception("event.error", order_id=7)
    said = capsys.readouterr().err
    assert "the judgement failed" in said
    assert "judge" in said  # the traceback itself exists
    assert "Springfield" not in said


def test_a_logger_writes_where_it_was_last_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    logger = structlog.get_logger("test")
    with io.StringIO() as closed_later, contextlib.redirect_stderr(closed_later):
        log.configure("json")
        logger.info("first")
        assert "first" in closed_later.getvalue()
    log.configure("json")
    logger.info("second")
    assert "second" in capsys.readouterr().err
