"""Expected errors of a command: one line for the user, and an exit status."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from socket import gaierror

import typer

from app.config import SettingsError

_DATABASE = "DOORMAN_DATABASE_URL"
_NO_WAY = {errno.EHOSTUNREACH, errno.ENETUNREACH}


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print an expected error in one line, and exit with status 2."""
    from sqlalchemy.exc import SQLAlchemyError

    from app.core.policy.document import PolicyError
    from app.core.webhooks import SecretError
    from app.errors import Problem
    from app.evaluation.backtest.judging import BacktestFailed
    from app.installation.schema import OldSchema
    from app.messaging.lock import WorkerRunning
    from app.panels.base import PanelUnavailable
    from app.processes.serve import CannotServe

    expected = (SettingsError, OldSchema, WorkerRunning, CannotServe, SecretError, Problem, PanelUnavailable)
    try:
        yield
    except (*expected, BacktestFailed) as error:
        raise _failed(str(error)) from None
    except OSError as error:
        raise _failed(_in_words(error)) from None
    except SQLAlchemyError as error:
        raise _failed(f"database error ({_DATABASE}): {getattr(error, 'orig', None) or error}") from None
    except PolicyError as error:
        for path, message in error.errors:
            typer.secho(f"{path or 'document'}: {message}", err=True, fg=typer.colors.RED)
        raise typer.Exit(1) from None


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
