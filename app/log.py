"""Logs are events with fields (structlog): ids and codes, never payloads or personal data."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog


def configure(log_format: str | None = None, *, level: int = logging.INFO) -> None:
    """Set up logging for this process; `log_format` None means console on a terminal, else JSON."""
    as_json = log_format == "json" or (log_format is None and not sys.stderr.isatty())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Any = structlog.processors.JSONRenderer() if as_json else structlog.dev.ConsoleRenderer()
    errors: list[Any] = [structlog.processors.dict_tracebacks] if as_json else []
    structlog.configure(
        processors=[*shared, *errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(
        format="%(levelname)s %(name)s %(message)s", level=logging.WARNING, stream=sys.stderr, force=True
    )
