"""Links into the pages of this installation's kind of panel."""

from __future__ import annotations

from app.panels.base import PanelLinks
from app.panels.whmcs.links import WhmcsLinks


def links_to(panel_url: str | None) -> PanelLinks | None:
    """Return the links into the panel at this address; None without one."""
    return None if panel_url is None else WhmcsLinks(panel_url)
