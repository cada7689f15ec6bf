"""Logs are events with fields (structlog): ids and codes, never payloads or personal data.

structlog is imported with the first line: most small commands log none, and it takes longer to load than they run.
"""

from __future__ import annotations

import logging
import sys
from typing import Any


class Logger:
    """structlog's logger, for modules that small commands load; its methods are the levels."""

    def __getattr__(self, level: str) -> Any:
        """Return the method of a level."""
        import structlog

        return getattr(structlog.get_logger(), level)


def configure(log_format: str | None = None, *, level: int = logging.INFO) -> None:
    """Set up logging for this process; `log_format` None means console on a terminal, else JSON."""
    import structlog
    from structlog.tracebacks import ExceptionDictTransformer

    as_json = log_format == "json" or (log_format is None and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    # the default formatters print local variables in tracebacks: names, addresses, texts, request bodies
    if as_json:
        without_locals = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
        renderers: list[Any] = [without_locals, structlog.processors.JSONRenderer()]
    else:
        renderers = [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[*shared, *renderers],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        # not cached: a cached logger would keep writing to a stream that has been replaced or closed
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        format="%(levelname)s %(name)s %(message)s", level=logging.WARNING, stream=sys.stderr, force=True
    )
