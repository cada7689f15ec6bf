"""Does our API role have every action that we need? The calls that show it are in `app/panels/whmcs/permissions.py`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from app.core.records import Mode
from app.doctor.findings import DoctorFinding, fault, ok, unchecked, warning
from app.panels.whmcs import wire
from app.panels.whmcs.permissions import DANGEROUS, PERMISSIONS, Need, Permission
from app.panels.whmcs.probe import ProbeReply, RoleProbe, Unreached

_ROLE = "Configuration > Manage API Credentials > API Roles"
#: After this many consecutive requests without an answer we stop asking: each may take half a minute.
_SILENCES = 3


class RoleStanding(StrEnum):
    """What trying an action showed."""

    ALLOWED = "allowed"
    MISSING = "missing"
    UNKNOWN = "unknown"  # this WHMCS has no such action
    NOT_TRIED = "not tried"
    UNCLEAR = "unclear"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """One action and what trying it showed; `reply` is the answer, `why` says why it is missing or unreadable."""

    permission: Permission
    standing: RoleStanding
    reply: ProbeReply | None = None
    why: str = ""


async def try_actions(probe: RoleProbe) -> dict[str, Tried]:
    """Try each action once, by name; the rest is not tried once the panel has stopped answering."""
    tried: dict[str, Tried] = {}
    unanswered = 0  # in a row
    for permission in PERMISSIONS:
        if unanswered >= _SILENCES:
            gone = Tried(permission=permission, standing=RoleStanding.NOT_TRIED, why="the panel has stopped answering")
            tried[permission.action] = gone
            continue
        one = tried[permission.action] = await _try(probe, permission, tried)
        if one.standing is not RoleStanding.NOT_TRIED:
            unanswered = unanswered + 1 if one.reply is None else 0
    return tried


async def _try(probe: RoleProbe, permission: Permission, before: Mapping[str, Tried]) -> Tried:
    not_tried = Tried(permission=permission, standing=RoleStanding.NOT_TRIED)
    if permission.probe is None:
        return replace(not_tried, why="no call is known that is certain to change nothing")
    if permission.after is not None and not _is_free(before[permission.after]):
        return replace(not_tried, why=f"{permission.after} did not confirm that the test id is free")
    try:
        reply = await probe.ask(permission.action, permission.probe)
    except Unreached as error:
        return Tried(permission=permission, standing=RoleStanding.UNCLEAR, why=str(error))
    standing = standing_of(reply)
    why = "" if standing is not RoleStanding.UNCLEAR else f"HTTP {reply.status} without a readable result"
    return Tried(permission=permission, standing=standing, reply=reply, why=why)


def standing_of(reply: ProbeReply) -> RoleStanding:
    """Return what an answer shows: WHMCS checks the permission before it runs an action."""
    words = reply.said.lower()
    if words.startswith("invalid permissions"):
        return RoleStanding.MISSING
    if words.startswith("invalid api action") or "action could not be found" in words:
        return RoleStanding.UNKNOWN
    if reply.verdict and reply.status < 300:
        return RoleStanding.ALLOWED
    return RoleStanding.UNCLEAR


def _is_free(read: Tried) -> bool:
    if read.standing is not RoleStanding.ALLOWED or read.reply is None or read.reply.verdict != "success":
        return False
    try:
        return not wire.as_list(read.reply.answer.get("orders"), "order", strict=True)
    except wire.AnswerError:
        return False


def check_role(tried: Mapping[str, Tried], mode: Mode) -> list[DoctorFinding]:
    """Judge the results of the attempts."""
    needed = [one for one in tried.values() if one.permission.need in {Need.READ, Need.ACT}]
    found = [*_missing(needed, mode), *_unclear(needed), *_alerts(tried), *_optional(tried)]
    advice = f"leave {', '.join(DANGEROUS)} unticked: Doorman never uses them"
    return [*found, unchecked("role-dangerous", "excess rights (testing them would be dangerous)", advice)]


def _missing(needed: list[Tried], mode: Mode) -> list[DoctorFinding]:
    missing = [one for one in needed if one.standing is RoleStanding.MISSING]
    allowed = sum(one.standing is RoleStanding.ALLOWED for one in needed)
    if not missing:
        return [ok("role", f"all {allowed} needed actions that could be tested are allowed")] if allowed else []
    fatal = mode is Mode.ENFORCE or any(one.permission.need is Need.READ for one in missing)
    text = f"{len(missing)} of the {len(needed)} needed API actions are not allowed"
    cure = f"Tick these under {_ROLE}, for the role of our credential:"
    if not fatal:
        cure = f"Before DOORMAN_MODE=enforce, tick these under {_ROLE}, for the role of our credential:"
    said = next((one.reply.said for one in missing if one.reply), "")
    listed = tuple(f"{one.permission.action} ({one.permission.purpose})" for one in missing)
    return [replace((fault if fatal else warning)("role", text, cure, said=said), list_of=listed)]


def _unclear(needed: list[Tried]) -> list[DoctorFinding]:
    found = []
    for one in needed:
        action, purpose = one.permission.action, one.permission.purpose
        if one.standing is RoleStanding.UNKNOWN:
            said = one.reply.said if one.reply else ""
            found.append(fault("role-unknown", f"this WHMCS has no {action} ({purpose})", "Upgrade WHMCS.", said=said))
        elif one.standing in {RoleStanding.UNCLEAR, RoleStanding.NOT_TRIED}:
            found.append(unchecked("role-unclear", f"{action} ({purpose}): {one.why}"))
    return found


def _alerts(tried: Mapping[str, Tried]) -> list[DoctorFinding]:
    names = [one.permission.action for one in tried.values() if one.permission.need is Need.NOTIFY]
    text = f"{' and '.join(names)} (alerts for staff): there is no test call that sends nothing"
    cure = f"See that both are ticked under {_ROLE}, and that there is a notification rule for `doorman`."
    return [unchecked("role-alerts", text, cure)]


def _optional(tried: Mapping[str, Tried]) -> list[DoctorFinding]:
    missing = [
        one.permission
        for one in tried.values()
        if one.permission.need is Need.OPTIONAL and one.standing is not RoleStanding.ALLOWED
    ]
    if not missing:
        return []
    text = "; ".join(f"{one.action} ({one.purpose})" for one in missing)
    return [unchecked("role-optional", f"not allowed, but optional: {text}")]
