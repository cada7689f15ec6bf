"""Checks of our own side: settings, database, keys, worker, and what our records show about the panel's side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.clock import utc_now
from app.config import Settings
from app.context import Context
from app.core.judgement.contradictions import find_warnings
from app.core.policy.document import Policy, PolicyError, parse_policy
from app.core.records import Mode, Role
from app.core.webhooks import SecretError, parse_secrets
from app.db import Database
from app.doctor import records
from app.doctor.findings import DoctorFinding, fault, fault_in, ok, unchecked, warning
from app.doctor.muting import check_muting
from app.doctor.records import EnrichmentDay, Signs, Webhooks
from app.errors import NotFound
from app.installation import facts as installation
from app.installation import schema
from app.policies import versions
from app.upkeep.health import Probe

_SLIGHT_SKEW: Final = timedelta(seconds=2)
_GRAVE_SKEW: Final = timedelta(seconds=60)
_MIGRATE: Final = "Run `doorman migrate`."


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What the database shows about this installation."""

    findings: list[DoctorFinding]
    policy: Policy | None = None
    addon: tuple[DoctorFinding, ...] = ()
    enrichment: Mapping[str, EnrichmentDay] = field(default_factory=dict)


def check_settings(settings: Settings) -> list[DoctorFinding]:
    """Check the settings, which have been read without errors by now."""
    return [_mode(settings), _panel(settings), _webhook_secret(settings), *_policy_file(settings)]


def _mode(settings: Settings) -> DoctorFinding:
    if settings.mode is Mode.ENFORCE:
        return ok("mode", "settings read; mode enforce: decisions are acted on")
    return ok("mode", "settings read; mode shadow: everything is computed, nothing in the panel changes")


def _panel(settings: Settings) -> DoctorFinding:
    given = {
        "DOORMAN_PANEL_URL": settings.panel_url,
        "DOORMAN_PANEL_IDENTIFIER": settings.panel_identifier,
        "DOORMAN_PANEL_SECRET": settings.panel_secret,
    }
    missing = [name for name, value in given.items() if not value]
    if missing:
        cure = "Set them to WHMCS's address and to an API credential (Configuration > Manage API Credentials)."
        return fault("panel-settings", f"no panel: {', '.join(missing)} not set", cure)
    return ok("panel-settings", f"the panel is {settings.panel_url}")


def _webhook_secret(settings: Settings) -> DoctorFinding:
    try:
        keys = parse_secrets(settings.webhook_secrets)
    except SecretError as error:
        cure = "Make one with: echo whsec_$(openssl rand -base64 32)"
        return fault("webhook-secret", "DOORMAN_WEBHOOK_SECRET can't be used", cure, said=str(error))
    if not keys:
        cure = "Set DOORMAN_WEBHOOK_SECRET (echo whsec_$(openssl rand -base64 32)), and the same in the addon."
        return fault("webhook-secret", "DOORMAN_WEBHOOK_SECRET is not set: webhooks are answered 404", cure)
    if min(map(len, keys)) < 16:
        cure = "Make one with: echo whsec_$(openssl rand -base64 32)"
        return warning("webhook-secret", "DOORMAN_WEBHOOK_SECRET is shorter than 16 bytes", cure)
    one, many = "the webhook secret is usable", f"{len(keys)} webhook secrets are usable; the first one signs"
    return ok("webhook-secret", one if len(keys) == 1 else many)


def _policy_file(settings: Settings) -> list[DoctorFinding]:
    if settings.policy_file is None:
        return []
    try:
        policy = parse_policy(versions.read_file(settings.policy_file))
    except OSError as error:
        cure = "Correct DOORMAN_POLICY_FILE, or let this user read the file."
        return [fault("policy-file", "the policy file can't be read", cure, said=error.strerror or "")]
    except PolicyError as error:
        cure = f"`doorman policy check {settings.policy_file}` lists what is wrong."
        return [fault("policy-file", "the policy file is not valid", cure, said=str(error)[:300])]
    found = [
        warning("policy-file", f"the policy file: {each}", "Change it and publish it.")
        for each in find_warnings(policy)
    ]
    return found or [ok("policy-file", "the policy file is valid")]


# --- the database -------------------------------------------------------------------------------------------------


async def check_records(settings: Settings) -> Records:
    """Check the database, if it can be reached, and what it shows about everything else."""
    db = Database.open(settings.database_url)
    try:
        if db.is_sqlite and not _sqlite_file_exists(db):
            return Records(findings=[fault("database", "there is no database yet", _MIGRATE)])
        return await _records(settings, db)
    except (sa.exc.SQLAlchemyError, OSError) as error:
        cure = "Is the server running, and is DOORMAN_DATABASE_URL right (host, user, password, database)?"
        return Records(findings=[fault("database", "the database can't be reached", cure, said=_reason(error))])
    except ImportError:
        cure = 'Install with PostgreSQL: pip install ".[postgres]"'
        return Records(findings=[fault("database", "the driver for PostgreSQL is not installed", cure)])
    finally:
        await db.close()


def _sqlite_file_exists(db: Database) -> bool:
    """True if the file exists: opening it would create it, and the doctor changes nothing."""
    return bool(db.url.database) and Path(db.url.database or "").is_file()


def _reason(error: Exception) -> str:
    origin = getattr(error, "orig", None) or error
    return " ".join(str(origin).split())[:200] or type(origin).__name__


async def _records(settings: Settings, db: Database) -> Records:
    have, want = await schema.current(db), schema.head()
    if have != want:
        text = f"the database is at revision {have or 'none'}, but this version needs {want}"
        return Records(findings=[fault("schema", text, f"Make a backup. {_MIGRATE}")])
    kind = "SQLite" if db.is_sqlite else "PostgreSQL"
    found = [ok("database", f"{kind} answers and its schema is current ({want})")]
    async with db.read() as connection:
        found += await _database_clock(connection)
        found += _keys(settings, await records.key_roles(connection))
        policy, about_policy = await _policy(connection)
        since = await installation.get(connection, installation.ENFORCE_SINCE)
        now = utc_now()
        cut_off = await records.workers_without_panel(connection, now=now)
        sent = await records.webhooks(connection, now=now)
        signs = await records.signs(connection, now=now)
        enrichment = await records.enrichment_day(connection, now=now)
        asked = await installation.get(connection, installation.GATE_ASKED)
        muted = [] if policy is None else await check_muting(connection, policy, now=now)
    if settings.mode is Mode.ENFORCE and since is not None:
        found.append(ok("cut-over", f"acts on orders placed since {str(since)[:16].replace('T', ' ')} UTC"))
    found += [about_policy, *muted, *await _standing(settings, db)]
    if cut_off:
        text = f"the worker on {', '.join(cut_off)} gets no answer from the panel: its circuit breaker is open"
        cure = "Run `doorman doctor` on that machine. The worker retries by itself, at least once a minute."
        found.append(fault("breaker", text, cure))
    addon = (check_webhooks(sent, settings.mode), check_gate_calls(asked, settings.mode), *check_signs(signs))
    return Records(findings=found, policy=policy, addon=addon, enrichment=enrichment)


async def _database_clock(connection: AsyncConnection) -> list[DoctorFinding]:
    await records.database_skew(connection, now=utc_now())  # so that connecting does not count as skew
    skew = await records.database_skew(connection, now=utc_now())
    if skew is None:
        return []
    if abs(skew) <= _SLIGHT_SKEW:
        return [ok("database-clock", "PostgreSQL's clock agrees with ours")]
    seconds = skew.total_seconds()
    text = f"PostgreSQL's clock is {abs(seconds):.0f} s {'ahead of' if seconds > 0 else 'behind'} ours"
    say = fault if abs(skew) > _GRAVE_SKEW else warning
    return [say("database-clock", text, "Let NTP set the clocks of all replicas and of the database server.")]


def _keys(settings: Settings, roles: frozenset[Role]) -> list[DoctorFinding]:
    found = []
    if Role.PANEL in roles:
        found.append(ok("panel-key", "there is an API key of role panel for the addon"))
    else:
        cure = "`doorman keys create whmcs --role panel`, and paste what it prints into the addon's api_key."
        text = "there is no API key of role panel: the addon can't ask the gate"
        found.append(fault_in(settings.mode, "panel-key", text, cure))
    if not (settings.admin_key or roles & {Role.OPS, Role.ADMIN}):
        cure = "`doorman keys create anna --role ops` for each person."
        found.append(fault("people-keys", "nobody can log in: no DOORMAN_ADMIN_KEY, no key of role ops or admin", cure))
    return found


async def _policy(connection: AsyncConnection) -> tuple[Policy | None, DoctorFinding]:
    try:
        active = await versions.active(connection)
    except NotFound:
        return None, unchecked("policy", "no policy is active yet", "`doorman serve` publishes one at its first start.")
    return active.policy, ok("policy", f"policy version {active.version} is active")


async def _standing(settings: Settings, db: Database) -> list[DoctorFinding]:
    readiness = await Probe(Context(db=db, settings=settings)).readiness()
    found = []
    for reason in readiness.reasons:
        cure = "`doorman handbook runbook` says what to do."
        if "worker" in reason:
            cure = "Start `doorman serve`; if it is running, check its log."
        found.append(fault("not-ready", reason, cure))
    if readiness.paused:
        cure = "`POST /v1/ops/resume` once the cause is fixed."
        found.append(warning("paused", "panel calls are paused: nothing is sent to the panel", cure))
    if not found:
        found.append(ok("ready", f"workers alive: {readiness.workers}; nothing has waited too long"))
    return found


# --- the addon, from what it has sent ---------------------------------------------------------------------------------


def check_webhooks(sent: Webhooks, mode: Mode) -> DoctorFinding:
    """Check whether the addon sends us webhooks."""
    if sent.last_at is None:
        cure = (
            "Install the addon (`doorman whmcs-addon DIR`), activate it, fill in url, webhook_secret and api_key, and "
            "press *Send test event* on its page."
        )
        return fault_in(mode, "addon", "the panel has never sent a webhook", cure)
    age = utc_now() - sent.last_at
    text = f"the panel's last webhook ({sent.last_type}) is {_ago(age)} old; {sent.last_day} in the last 24 hours"
    if age > timedelta(days=1):
        cure = "If orders have come in since: is the addon active? Its page shows what it could not deliver, and why."
        return warning("addon", text, cure)
    return ok("addon", text)


def check_gate_calls(asked: Any, mode: Mode) -> DoctorFinding:
    """Check whether the addon's gate has asked about one of our orders; `asked` has the first and last time."""
    if asked:
        return ok(
            "gate-asked", f"the addon's gate is in use; its last recorded request was at {str(asked['last'])[:16]} UTC"
        )
    cure = (
        "Switch the gate on in the addon's settings; it asks when an order is set up. Without it a hold stops only "
        "what is set up when you accept a pending order."
    )
    if mode is Mode.SHADOW:
        return unchecked("gate-asked", "whether the addon's gate asks: no order has been set up yet", cure)
    return warning(
        "gate-asked", "the gate has never been asked: a hold can't stop what the panel sets up by itself", cure
    )


def _ago(age: timedelta) -> str:
    minutes = max(0, round(age.total_seconds() / 60))
    if minutes < 120:
        return f"{minutes} min" if minutes else "less than a minute"
    return f"{minutes // 60} h" if minutes < 2 * 24 * 60 else f"{minutes // (24 * 60)} days"


def check_signs(signs: Signs) -> list[DoctorFinding]:
    """Check for signs that something else accepts or provisions: the API does not show hooks of other addons."""
    culprits = (
        "Search includes/hooks and the addon modules for code that calls AcceptOrder: the usual ones are "
        "AcceptOrderOnInvoicePaid (Katamaze), WHMCS-Auto-Accept-Orders, and order-management scripts run by cron. "
        "Remove it: Doorman accepts orders itself."
    )
    found = []
    if signs.accepted_by_automation:
        text = f"held orders were accepted by a program: {_some(signs.accepted_by_automation)}"
        found.append(warning("auto-accept", text, culprits))
    if signs.accepted_at_once:
        text = f"orders went Active within a minute, without a person: {_some(signs.accepted_at_once)}"
        found.append(warning("auto-accept", text, culprits))
    if signs.hold_breached:
        text = f"held orders were set up anyway: {_some(signs.hold_breached)}"
        cure = "Switch the addon's gate on; without it, set these products up when you accept a pending order."
        found.append(warning("hold-breached", text, cure))
    return found or [ok("auto-accept", "no sign in 30 days of anything else that accepts or sets up orders")]


def _some(order_ids: tuple[int, ...]) -> str:
    shown = ", ".join(map(str, order_ids[:5]))
    return f"{shown} and {len(order_ids) - 5} more" if len(order_ids) > 5 else shown
