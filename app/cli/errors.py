"""Expected errors of a command: one line for the user, and an exit status."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror
from typing import Any, Final

import typer

_DATABASE = "DOORMAN_DATABASE_URL"
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH}

#: Errors whose text says what to do. They are looked up only in modules that the command has loaded, because no other
#: module can have raised one, and loading them all takes longer than most commands.
_SAID: Final = (
    ("app.config", "SettingsError"),
    ("app.installation.schema", "OldSchema"),
    ("app.messaging.lock", "WorkerRunning"),
    ("app.processes.serve", "CannotServe"),
    ("app.core.webhooks", "SecretError"),
    ("app.errors", "Problem"),
    ("app.panels.base", "PanelUnavailable"),
    ("app.evaluation.backtest.judging", "BacktestFailed"),
)
_BY_DATABASE: Final = (("sqlalchemy.exc", "SQLAlchemyError"),)
_OF_POLICY: Final = (("app.core.policy.document", "PolicyError"),)


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an expected error in one line, and exit with status 2."""
    try:
        yield
    except Exception as error:
        known: Any = error
        if isinstance(error, _loaded(_SAID)):
            raise _failed(str(error)) from None
        if isinstance(error, OSError):
            raise _failed(_in_words(error)) from None
        if isinstance(error, _loaded(_BY_DATABASE)):
            raise _failed(f"database error ({_DATABASE}): {getattr(error, 'orig', None) or error}") from None
        if isinstance(error, _loaded(_OF_POLICY)):
            for path, message in known.errors:
                typer.secho(f"{path or 'document'}: {message}", err=True, fg=typer.colors.RED)
            raise typer.Exit(1) from None
        raise


def _loaded(errors: tuple[tuple[str, str], ...]) -> tuple[type[Exception], ...]:
    return tuple(getattr(sys.modules[module], name) for module, name in errors if module in sys.modules)


def _failed(what: str) -> typer.Exit:
    typer.secho(f"doorman: {what}", err=True, fg=typer.colors.RED)
    return typer.Exit(2)


def _in_words(error: OSError) -> str:
    """Describe a system error. A failed connection is to PostgreSQL: the panel's errors are of another type."""
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    unreachable = isinstance(error, ConnectionError | TimeoutError | gaierror) or error.errno in _NO_WAY
    if unreachable and not isinstance(error, BrokenPipeError):
        return f"the database can't be reached ({error}): is it running, and is {_DATABASE} right?"
    return str(error)
