"""What the log shows of an error: where it happened, never what somebody's data was."""

from collections.abc import Iterator

import pytest
import structlog

from app import log


@pytest.fixture(autouse=True)
def configured_as_before() -> Iterator[None]:
    kept = structlog.get_config()
    yield
    structlog.configure(**kept)


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
    assert "judge" in said  # the traceback itself is there
    assert "Springfield" not in said
