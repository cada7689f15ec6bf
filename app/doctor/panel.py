"""Checks of the panel: is it reachable, does it accept our credentials, and are version and clock right?"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from app.config import Settings
from app.core.webhooks import TOLERANCE
from app.doctor.findings import DoctorFinding, Level, fault, ok, unchecked, warning
from app.panels.whmcs import wire
from app.panels.whmcs.probe import ProbeReply, RoleProbe, Trouble, Unreached

OLDEST: Final = (8, 0)
LAST_OF_8: Final = (8, 13)
_ACCESS_KEY: Final = re.compile(r"[A-Za-z0-9!@#$%.()*\[\]_-]+")  # what WHMCS accepts in $api_access_key
_API: Final = "/includes/api.php"
_QUARTER: Final = timedelta(minutes=15)
_SLIGHT_SKEW: Final = timedelta(seconds=30)
_GRAVE_SKEW: Final = TOLERANCE - timedelta(minutes=1)

#: OpenSSL's code for a certificate error → our slug and text.
_CERTIFICATES: Final[dict[int, tuple[str, str]]] = {
    9: ("tls-not-yet", "is not valid yet: is the clock of this machine right?"),
    10: ("tls-expired", "has expired"),
    18: ("tls-self-signed", "is self-signed"),
    19: ("tls-self-signed", "was issued by a self-signed certificate"),
    20: ("tls-chain", "does not chain to an authority known here: an intermediate certificate is missing"),
    21: ("tls-chain", "does not chain to an authority known here: an intermediate certificate is missing"),
    62: ("tls-wrong-host", "is for another host name"),
    64: ("tls-wrong-host", "is for a host name, but DOORMAN_PANEL_URL names an IP address"),
}
_CERTIFICATE_CURES: Final = {
    "tls-not-yet": "Set this machine's clock (NTP), or wait until the certificate is valid.",
    "tls-expired": "Renew the certificate of the panel's web server.",
    "tls-self-signed": "Give the panel a certificate of a public authority (Let's Encrypt is one); "
    "private authorities are not accepted.",
    "tls-chain": "Have the panel's web server send its whole chain (fullchain.pem).",
    "tls-wrong-host": "Set DOORMAN_PANEL_URL to the host name that the certificate is for.",
    "tls-other": "Check the certificate of the panel's web server.",
}

#: Time zones to propose for an offset, the most common first.
_ZONES: Final = (
    "UTC", "Europe/London", "Europe/Berlin", "Europe/Helsinki", "Europe/Istanbul", "Africa/Lagos", "Asia/Dubai",
    "Asia/Karachi", "Asia/Kolkata", "Asia/Kathmandu", "Asia/Dhaka", "Asia/Jakarta", "Asia/Singapore", "Asia/Tokyo",
    "Australia/Adelaide", "Australia/Sydney", "Pacific/Auckland", "America/Sao_Paulo", "America/Halifax",
    "America/St_Johns", "America/New_York", "America/Chicago", "America/Denver", "America/Phoenix",
    "America/Los_Angeles", "America/Anchorage", "Pacific/Honolulu",
)  # fmt: skip


def check_access_key(settings: Settings) -> list[DoctorFinding]:
    """Check the access key alone: WHMCS allows only some characters."""
    held = settings.panel_access_key
    if held is None or _ACCESS_KEY.fullmatch(held.get_secret_value()):
        return []
    cure = (
        "Choose one of letters, digits and ! @ # $ % . ( ) * [ ] - _ for $api_access_key in configuration.php, and set "
        "DOORMAN_PANEL_ACCESS_KEY to the same. In a .env file put it in single quotes."
    )
    return [fault("access-key-characters", "the access key contains characters that WHMCS does not accept", cure)]


async def knock(settings: Settings, probe: RoleProbe) -> tuple[list[DoctorFinding], ProbeReply | None]:
    """Call GetAdminDetails; return what is wrong, and the answer if we were authenticated."""
    try:
        reply = await probe.ask("GetAdminDetails")
    except Unreached as error:
        return [unreached(error, settings)], None
    found = _let_in(reply, settings)
    return [found], reply if found.level is Level.OK else None


def unreached(error: Unreached, settings: Settings) -> DoctorFinding:
    """Explain why there was no answer at all."""
    parts = urlsplit(settings.panel_url or "")
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    said = str(error)
    if error.trouble is Trouble.CERTIFICATE:
        slug, words = _CERTIFICATES.get(error.certificate or 0, ("tls-other", "is not accepted"))
        return fault(slug, f"the certificate of {host} {words}", _CERTIFICATE_CURES[slug], said=said)
    listening = f"Is the panel's web server running, does it listen on port {port}, and is DOORMAN_PANEL_URL right?"
    firewall = f"Let this machine connect to {host} port {port}: check the firewalls on both sides."
    slow = "Check the panel's load. A firewall that inspects traffic may also swallow the answer."
    texts = {
        Trouble.NAME: (
            "dns",
            f"the host name {host} can't be resolved",
            "Correct DOORMAN_PANEL_URL, or the DNS of this machine.",
        ),
        Trouble.REFUSED: ("refused", f"nothing listens on {host} port {port}", listening),
        Trouble.UNREACHABLE: ("unreachable", f"no route to {host} port {port}", firewall),
        Trouble.NO_CONNECTION: ("no-connection", f"{host} port {port} does not answer", firewall),
        Trouble.TLS: ("tls", f"{host} port {port} does not complete a TLS handshake", "Does that port serve https?"),
        Trouble.SILENT: ("silent", f"{host} accepted the request but did not answer in time", slow),
        Trouble.BROKEN: ("broken", f"{host} closed the connection without a complete answer", listening),
    }
    return fault(*texts[error.trouble], said=said)


def _let_in(reply: ProbeReply, settings: Settings) -> DoctorFinding:
    """Check whether WHMCS answered and authenticated us; a role without GetAdminDetails counts as authenticated."""
    words = reply.said.lower()
    if reply.verdict == "success" or words.startswith("invalid permissions"):
        return ok("reached", f"WHMCS answers at {settings.panel_url} and accepts our credential")
    if words.startswith("invalid ip"):
        return _refused_address(reply.said, settings)
    if words.startswith(("invalid or missing credentials", "authentication failed")):
        cure = (
            "Compare DOORMAN_PANEL_IDENTIFIER and DOORMAN_PANEL_SECRET with the credential (Configuration > Manage API "
            "Credentials); make a new one if the secret is lost. Its admin user must be active, in a role group with "
            "API Access."
        )
        return fault("credentials", "WHMCS does not accept our credential", cure, said=reply.said)
    if reply.verdict == "error":
        cure = "The error is from WHMCS itself: check its activity log (Configuration > System Logs) at this time."
        return fault("refused-by-whmcs", "WHMCS answers with an error", cure, said=reply.said)
    return _not_whmcs(reply, settings)


def _refused_address(said: str, settings: Settings) -> DoctorFinding:
    try:
        address = ip_address(said.rsplit(maxsplit=1)[-1].strip(".,;\"'"))
    except ValueError:
        address = None
    wanted = f"exactly {address}" if address else "exactly the address of this machine"
    cure = (
        f"Add {wanted} under General Settings > Security > API IP Access Restriction. "
        "An empty list refuses everybody; networks (10.0.0.0/8) and wildcards are not supported. Or set "
        "$api_access_key in configuration.php and the same as DOORMAN_PANEL_ACCESS_KEY."
    )
    if address is not None and address.version == 6:
        cure += " This is an IPv6 address: an IPv4 one on the list does not help. Make sure that it never changes."
    elif address is not None and address.is_private and not address.is_loopback:
        cure += " It is an internal address: if a proxy is in front of WHMCS, add it under Trusted Proxies instead."
    if settings.panel_access_key is not None:
        cure += " The access key that we sent is not the one in configuration.php."
    return fault("ip-refused", f"WHMCS refuses our address{f' {address}' if address else ''}", cure, said=said)


def _not_whmcs(reply: ProbeReply, settings: Settings) -> DoctorFinding:
    status, said = reply.status, f"HTTP {reply.status}"
    if 300 <= status < 400:
        return _redirected(reply, settings)
    if status == 401:
        cure = "Exempt /includes/api.php from the web server's own password (htpasswd), with an IP restriction instead."
        return fault("http-password", "the web server asks for a password of its own", cure, said=said)
    if status == 403:
        cure = (
            "Let this machine's POSTs to /includes/api.php pass: a rule of Cloudflare, ModSecurity or the web server "
            "blocks them before WHMCS sees them."
        )
        return fault("blocked", "something in front of WHMCS refuses us", cure, said=said)
    if status == 429:
        cure = "Lower DOORMAN_PANEL_RATE, or raise the limit for this machine."
        return fault("too-fast", "something in front of WHMCS asks us to slow down", cure, said=said)
    if status >= 500:
        cure = "Check the web server's and PHP's error log on the panel: often a full disk or a broken hook file."
        return fault("panel-broken", "the panel answers with a server error", cure, said=said)
    cure = (
        "Set DOORMAN_PANEL_URL to the address under which customers see WHMCS, with its folder if it has one: "
        f"https://example.com/billing. {settings.panel_url}{_API} must exist."
    )
    return fault("not-whmcs", f"there is no WHMCS API at {settings.panel_url}", cure, said=said)


def _redirected(reply: ProbeReply, settings: Settings) -> DoctorFinding:
    said = f"HTTP {reply.status}, Location: {reply.location or '(none)'}"
    base = reply.location.split("?", 1)[0].removesuffix(_API)
    parts = urlsplit(base)
    if reply.location.split("?", 1)[0].endswith(_API) and parts.scheme == "https" and parts.hostname:
        cure = f"Set DOORMAN_PANEL_URL={base}"
    else:
        cure = "Set DOORMAN_PANEL_URL to the panel's final address; it must be https."
    return fault("redirect", f"{settings.panel_url} redirects, and redirects are not followed", cure, said=said)


# --- version ------------------------------------------------------------------------------------------------------


def version_of(reply: ProbeReply) -> str:
    """Return the version from GetAdminDetails or WhmcsDetails."""
    given = wire.mapping(reply.answer.get("whmcs")).get("version") or reply.answer.get("whmcs.version")
    return wire.text(given).strip()


def check_version(version: str) -> DoctorFinding:
    """Check the panel's version."""
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None:
        cure = "Tick GetAdminDetails for the API role; Doorman is written for WHMCS 8.13 and 9."
        return unchecked("version", "the panel did not report its version", cure)
    number = (int(numbers[1]), int(numbers[2]))
    if number < OLDEST:
        cure = "Upgrade WHMCS: before 8.0 it does not report who placed an order."
        return fault("version", f"WHMCS {version} is too old", cure)
    if number < LAST_OF_8:
        cure = "Upgrade to WHMCS 9, or at least to 8.13; Doorman is not tested with older versions."
        return warning("version", f"WHMCS {version} is older than 8.13", cure)
    if number[0] == 8:
        return warning("version", f"WHMCS {version} has been out of support since May 2026", "Plan the upgrade to 9.")
    return ok("version", f"WHMCS {version}")


# --- clock and zone -----------------------------------------------------------------------------------------------


def check_clock(reply: ProbeReply, settings: Settings) -> list[DoctorFinding]:
    """Compare the panel's clock with ours, and its time zone with the setting."""
    local = wire.local_moment(reply.answer.get("requesttime"))
    here = reply.at.astimezone(UTC)
    if local is None:
        found = [] if reply.date is None else [_skew("the panel's web server", reply.date - here)]
        cure = "Tick GetAdminDetails for the API role, or set DOORMAN_PANEL_TIMEZONE."
        return [*found, unchecked("zone", "the panel did not report its local time", cure)]
    offset = local.utcoffset()
    if offset is None:  # the web server's UTC time first: a wrong clock is not another time zone
        offset = round((local.replace(tzinfo=UTC) - (reply.date or here)) / _QUARTER) * _QUARTER
    skew = local.replace(tzinfo=UTC) - offset - here
    return [_skew("the panel", skew), check_zone(offset, settings.zone, now=here)]


def _skew(whose: str, skew: timedelta) -> DoctorFinding:
    seconds = round(skew.total_seconds())
    if abs(skew) <= _SLIGHT_SKEW:
        return ok("clock", f"the clock of {whose} agrees with ours")
    text = f"the clock of {whose} is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} ours"
    cure = "Let NTP set both clocks (timedatectl set-ntp true)."
    if abs(skew) < _GRAVE_SKEW:
        return warning("clock", text, cure)
    return fault("clock", text, f"{cure} Webhooks are refused when they differ by five minutes.")


def check_zone(offset: timedelta, zone: ZoneInfo | None, *, now: datetime) -> DoctorFinding:
    """Compare the panel's offset from UTC with the time zone of the settings."""
    proposed = [name for name in _ZONES if now.astimezone(ZoneInfo(name)).utcoffset() == offset][:4]
    names = ", ".join(proposed) or "the one that PHP has there (date.timezone)"
    if zone is None:
        text = f"the panel's local time is {_hours(offset)}, as learned from its clock"
        if offset:
            text += f"; DOORMAN_PANEL_TIMEZONE (perhaps {names}) would also follow summer time"
        return ok("zone", text)
    expected = now.astimezone(zone).utcoffset() or timedelta()
    if expected == offset:
        return ok("zone", f"the panel's local time is {_hours(offset)}, as DOORMAN_PANEL_TIMEZONE={zone.key} says")
    text = f"the panel's local time is {_hours(offset)}, but DOORMAN_PANEL_TIMEZONE={zone.key} is {_hours(expected)}"
    cure = f"Set DOORMAN_PANEL_TIMEZONE to the panel's own zone, perhaps {names}; or leave it out to have it learned."
    return fault("zone", text, cure)


def _hours(offset: timedelta) -> str:
    minutes = round(offset.total_seconds() / 60)
    return f"UTC{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"
