"""Makes a WHMCS panel and its brakes from the settings."""

from __future__ import annotations

from app.config import Settings
from app.db import Database
from app.panels.brakes.brakes import Brakes, make_brakes
from app.panels.requests import RequestCounts
from app.panels.whmcs.bulk import BulkLine, LeanTransport
from app.panels.whmcs.client import WhmcsClient, default_timeout
from app.panels.whmcs.lines import HttpxLine
from app.panels.whmcs.panel import WhmcsPanel

#: The maximum number of concurrent calls.
CONNECTIONS = 32


def open_brakes(settings: Settings, db: Database | None = None) -> Brakes:
    """Make the brakes of this process; all processes on the same PostgreSQL database share the rate."""
    return make_brakes(settings.panel_rate, slots=CONNECTIONS, db=db)


def open_panel(
    settings: Settings, brakes: Brakes | None = None, *, bulk: bool = False, requests: RequestCounts | None = None
) -> WhmcsPanel:
    """Make the panel from the settings, without calling it. Without `brakes` it makes its own.

    `bulk` is for very many reads; `requests` counts the requests. Raises ValueError if `panel_configured` is
    false.
    """
    if not (settings.panel_url and settings.panel_identifier and settings.panel_secret):
        raise ValueError("the panel is not configured: DOORMAN_PANEL_URL, _IDENTIFIER and _SECRET")
    brakes = brakes or open_brakes(settings)
    client = WhmcsClient(
        settings.panel_url,
        identifier=settings.panel_identifier,
        secret=settings.panel_secret,
        access_key=settings.panel_access_key,
        timeout=default_timeout(settings.panel_timeout),
        limiter=brakes.limiter,
        breaker=brakes.breaker,
        lines=[HttpxLine()],
        reads=BulkLine() if bulk else HttpxLine(LeanTransport()),
        requests=requests,
    )
    return WhmcsPanel(client, zone=settings.zone)
