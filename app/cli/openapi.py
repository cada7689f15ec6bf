"""The OpenAPI document as a file for people and tools."""

from __future__ import annotations

import yaml

from app.api.application import create_app
from app.config import Settings


def openapi_yaml() -> str:
    """Return the text of ``openapi.yaml``: generated, never edited; a test compares the file with the program."""
    app = create_app(Settings.model_construct())
    text: str = yaml.safe_dump(app.openapi(), sort_keys=False, allow_unicode=True, width=120)
    return text
