"""The application in this process, for many tests: its routes, the slowest part, are built once."""

from __future__ import annotations

from functools import cache

from fastapi import FastAPI
from starlette.routing import BaseRoute

from app.api.application import create_app
from app.config import Settings
from app.context import Context


@cache
def _routes() -> list[BaseRoute]:
    return create_app(Settings.model_construct()).router.routes


def application(context: Context) -> FastAPI:
    """Build the application for a context, with its settings."""
    app = create_app(context.settings, context=context, freeze=False)
    app.router.routes[:] = _routes()
    return app
