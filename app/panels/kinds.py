"""The adapter of this installation's kind of panel; so far every panel is a WHMCS."""

from __future__ import annotations

from app.panels.whmcs.opening import CONNECTIONS, open_brakes, open_panel

__all__ = ["CONNECTIONS", "open_brakes", "open_panel"]
