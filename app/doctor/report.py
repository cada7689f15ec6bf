"""`doorman doctor`: checks an installation without changing it, and says what to do about each finding."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, quote_plus, urlsplit

from rich.console import Console
from rich.text import Text
from sqlalchemy.engine import make_url

from app.config import Settings
from app.doctor.catalogue import check_policy, check_products
from app.doctor.enrichment import check_enrichment
from app.doctor.findings import DoctorFinding, Level, unchecked
from app.doctor.ingress import check_door
from app.doctor.installation import Records, check_records, check_settings
from app.doctor.panel import check_access_key, check_clock, check_version, knock, version_of
from app.doctor.role import Tried, check_role, try_actions
from app.panels.whmcs.probe import ProbeReply, RoleProbe, Unreached

_MARKS: Final = {
    Level.OK: ("ok     ", "green"),
    Level.WARNING: ("warning", "yellow"),
    Level.FAULT: ("fault  ", "bold red"),
    Level.UNCHECKED: ("-      ", "dim"),
}
_INDENT: Final = " " * 10
_Clean = Callable[[str], str]
_SHORTEST_SECRET: Final = 4  # masking a shorter one would hide half of every sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Findings that belong together."""

    title: str
    findings: Sequence[DoctorFinding]


async def examine(settings: Settings) -> list[Section]:
    """Run all checks that are possible."""
    records = await check_records(settings)
    panel = await _panel(settings, records)
    return [
        Section(title="this service", findings=[*check_settings(settings), *records.findings]),
        *panel,
        Section(title="webhooks and gate", findings=await check_door(settings)),
        Section(title="the addon, from what it has sent", findings=_addon(records)),
        Section(title="enrichment", findings=check_enrichment(settings, records.enrichment)),
    ]


async def _panel(settings: Settings, records: Records) -> list[Section]:
    if not settings.panel_configured:
        return [Section(title="the panel", findings=[unchecked("panel", "the panel: it is not configured")])]
    probe = RoleProbe(settings)
    try:
        found, reply = await knock(settings, probe)
        found = [*check_access_key(settings), *found]
        if reply is None:
            found.append(unchecked("panel", "version, clock, API role and catalogue: we could not log in"))
            return [Section(title="the panel", findings=found)]
        found += [check_version(await _version(probe, reply)), *check_clock(reply, settings)]
        tried = await try_actions(probe)
        products = await check_products(probe, tried)
    finally:
        await probe.aclose()
    return [
        Section(title="the panel", findings=found),
        Section(title="API role", findings=check_role(tried, settings.mode)),
        Section(title="catalogue and policy", findings=[*_policy(settings, records, tried), *products]),
    ]


async def _version(probe: RoleProbe, reply: ProbeReply) -> str:
    if version := version_of(reply):
        return version
    try:
        return version_of(await probe.ask("WhmcsDetails"))
    except Unreached:
        return ""


def _policy(settings: Settings, records: Records, tried: dict[str, Tried]) -> list[DoctorFinding]:
    if records.policy is None:
        return [unchecked("policy-fits", "whether the policy fits the panel: no policy can be read")]
    return check_policy(tried, records.policy, settings.mode)


def _addon(records: Records) -> Sequence[DoctorFinding]:
    return records.addon or [unchecked("addon", "what the addon sent: the database can't be read")]


# --- what is printed ----------------------------------------------------------------------------------------------


def run_doctor(settings: Settings, console: Console) -> int:
    """Run the checks and print the report; return the exit status: 1 if there is a fault, else 0."""
    sections = asyncio.run(examine(settings))
    show(console, sections, secrets=secrets_of(settings))
    return int(any(one.level is Level.FAULT for section in sections for one in section.findings))


def show(console: Console, sections: Sequence[Section], *, secrets: Iterable[str] = ()) -> None:
    """Print the report, a line for each check, without secrets."""
    hidden = sorted((each for each in set(secrets) if len(each) >= _SHORTEST_SECRET), key=len, reverse=True)

    def clean(said: str) -> str:
        for secret in hidden:
            said = said.replace(secret, "***")
        return "".join(char if char.isprintable() else " " for char in said)

    for section in sections:
        console.print(Text(f"\n{section.title}", style="bold"), soft_wrap=True)
        for finding in section.findings:
            _show_finding(console, finding, clean)
    console.print(Text(f"\n{summary(sections)}"), soft_wrap=True)


def _show_finding(console: Console, finding: DoctorFinding, clean: _Clean) -> None:
    word, style = _MARKS[finding.level]
    text = f"not checked: {finding.text}" if finding.level is Level.UNCHECKED else finding.text
    console.print(Text.assemble("  ", (word, style), " ", clean(text)), soft_wrap=True)
    if finding.said:
        console.print(Text(f"{_INDENT}reported: {clean(finding.said)}", style="dim"), soft_wrap=True)
    if finding.cure:
        console.print(Text(f"{_INDENT}fix: {clean(finding.cure)}"), soft_wrap=True)
    for each in finding.list_of:
        console.print(Text(f"{_INDENT}    [ ] {each}"), soft_wrap=True)


def summary(sections: Sequence[Section]) -> str:
    """Return the last line: how many findings of each level."""
    levels = [finding.level for section in sections for finding in section.findings]
    faults, warnings = levels.count(Level.FAULT), levels.count(Level.WARNING)
    return (
        f"{faults} fault{'' if faults == 1 else 's'}, {warnings} warning{'' if warnings == 1 else 's'}, "
        f"{levels.count(Level.OK)} ok, {levels.count(Level.UNCHECKED)} not checked"
    )


def secrets_of(settings: Settings) -> set[str]:
    """Return everything that must not be shown, in every encoding in which an answer may repeat it."""
    held = [
        settings.panel_identifier, settings.panel_secret, settings.panel_access_key, settings.admin_key,
        settings.minfraud_key, settings.fraudrecord_key,
    ]  # fmt: skip
    values = {value.get_secret_value() for value in held if value is not None} | set(settings.webhook_secrets)
    values |= {str(make_url(settings.database_url).password or ""), urlsplit(settings.public_url or "").password or ""}
    return {spelling for value in values for spelling in (value, quote(value, safe=""), quote_plus(value))} - {""}
