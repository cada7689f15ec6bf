"""The application in this process, as often as tests want one: its routes, which take longest, are made once."""

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
    """Build the application on a context, with the settings in it."""
    app = create_app(context.settings, context=context, freeze=False)
    app.router.routes[:] = _routes()
    return app
