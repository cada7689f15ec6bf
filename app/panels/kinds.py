"""The adapter of this installation's kind of panel; so far every panel is a WHMCS."""

from __future__ import annotations

from app.panels.base import PanelLinks
from app.panels.whmcs import CONNECTIONS, open_brakes, open_panel
from app.panels.whmcs.links import WhmcsLinks

__all__ = ["CONNECTIONS", "links_to", "open_brakes", "open_panel"]


def links_to(panel_url: str | None) -> PanelLinks | None:
    """Return the links into the panel at this address; None without one."""
    return None if panel_url is None else WhmcsLinks(panel_url)
