"""Was it built? After an accept the order's services are read back until they are active, or a person has to look.

A panel can accept an order whose module failed, and never retries automatically. Lines that no module builds are left
to staff and don't count as failures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final

from app.core.consequences.draft import Draft
from app.core.consequences.news import CallEnded, Look
from app.core.consequences.timers import CHECK_BUILD, look_again
from app.core.judgement.decide import Outcome
from app.core.records import PANEL, AlertKind, TimelineCode
from app.core.states import Flag, Provisioning
from app.core.statuses import BUILT, PanelServiceStatus

#: Seconds after an accept at which its services are read back, until everything is built. At the first look a module
#: may still be running, so only services that the panel itself reports as failed count.
LOOKS: Final = (4.0, 60.0, 600.0)
_LINES_NAMED: Final = 5
_ERROR_LENGTH: Final = 200
_UNREADABLE: Final = "the module queue, which says why, can't be read"


@dataclass(frozen=True, slots=True, kw_only=True)
class LineBuilt:
    """How far the panel has built one line of an order.

    `module` is empty if none is known to build it. `queued` is the error in the panel's module queue, empty if it gives
    none; None if nothing is queued for the line, or our role may not read the queue.
    """

    kind: str  # product, addon, domain
    relid: int | None
    name: str
    status: str
    module: str
    queued: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What the panel shows of an order's provisioning: the order's status, and its lines.

    `items` are the lines as they are shown of the order. `said`: the newest line of the timeline that says what was not
    built.
    """

    status: str
    items: list[dict[str, Any]]
    lines: tuple[LineBuilt, ...]
    queue_readable: bool
    said: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildQuestion:
    """What to check: which parts the accept asked for, and what is known to have failed already."""

    autosetup: bool = False
    sendregistrar: bool = False
    sure: bool = False  # enough time has passed, or the panel reported a failure
    failed_service: int | None = None
    accept: str = ""  # the call that the checks of `LOOKS` follow; empty for a check of its own
    look: int = 0  # which of them this is

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> BuildQuestion:
        """Read it from the data of a check's event."""
        service, look = data.get("service_id"), data.get("look")
        return cls(
            autosetup=data.get("autosetup") is True,
            sendregistrar=data.get("sendregistrar") is True,
            sure=data.get("sure") is True,
            failed_service=service if isinstance(service, int) else None,
            accept=str(data.get("accept") or ""),
            look=look if isinstance(look, int) else 0,
        )

    @property
    def is_first(self) -> bool:
        """True for the first look after an accept, for which the order is read back."""
        return bool(self.accept) and self.look == 0


# --- when to look -----------------------------------------------------------------------------------------------------


def watch(draft: Draft, call: CallEnded) -> bool:
    """Schedule the first check after a completed accept; False if it asked for nothing to be built."""
    warning = call.result.get("warning")
    if warning:
        draft.say(f"accepted, but {str(warning)[:_ERROR_LENGTH]}", by=PANEL)
    autosetup, sendregistrar = (call.params.get(name) is True for name in ("autosetup", "sendregistrar"))
    if not (autosetup or sendregistrar):
        return False
    question = BuildQuestion(
        autosetup=autosetup, sendregistrar=sendregistrar, sure=bool(warning), accept=str(call.id)
    )  # fmt: skip
    _look_after_accept(draft, question, seconds=LOOKS[0])
    return True


def _look_after_accept(draft: Draft, question: BuildQuestion, *, seconds: float) -> None:
    data = {name: getattr(question, name) for name in ("autosetup", "sendregistrar", "sure", "accept", "look")}
    _look(draft, data, name=f"built:{question.accept}:{question.look}", seconds=seconds)


def follow_hook(draft: Draft, look: Look) -> None:
    """Follow the panel's module hooks, once the order's row is up to date."""
    flagged = Flag.PROVISIONING_FAILED.value in draft.order.flags
    if draft.order.provisioning is Provisioning.DONE:
        if draft.flag(Flag.PROVISIONING_FAILED, raised=False):
            draft.say("everything is provisioned now", by=PANEL)
        return
    failed = look.event_type == "service.failed" and draft.order.outcome is Outcome.APPROVE
    if failed and draft.flag(Flag.PROVISIONING_FAILED):
        draft.say("the panel could not set it up", by=PANEL)
    if failed or (flagged and look.event_type == "service.provisioned"):
        data = {"service_id": look.service_id} if failed else {}
        _look(draft, data, name=f"built:{look.event_id}", seconds=0)


def _look(draft: Draft, data: Mapping[str, Any], *, name: str, seconds: float) -> None:
    draft.set_clock(CHECK_BUILD, at=draft.now + timedelta(seconds=seconds), name=name, **data)


# --- what it means ----------------------------------------------------------------------------------------------------


def conclude(draft: Draft, built: Built, question: BuildQuestion) -> str:
    """Follow what the panel shows; return the result as a slug. While something is not built, it is looked at again."""
    result = _progressed(draft, built, question)
    if draft.order.provisioning is Provisioning.DONE and built.status == draft.order.panel_status:
        draft.change(items=built.items, last_read_at=draft.now)  # nothing is left to look at
        return result
    if question.is_first or (result == "built" and draft.order != draft.before.order):
        look_again(draft, seconds=0)
    if question.accept and question.look + 1 < len(LOOKS):
        seconds = LOOKS[question.look + 1] - LOOKS[question.look]
        _look_after_accept(draft, replace(question, sure=True, look=question.look + 1), seconds=seconds)
    return result


def not_found(draft: Draft) -> None:
    """Look at an order that the panel does not show: what became of it?"""
    look_again(draft, seconds=0)


def _progressed(draft: Draft, built: Built, question: BuildQuestion) -> str:
    """Note how far the panel has built the order; return it as a slug."""
    unbuilt = [line for line in built.lines if _unbuilt(line, question)]
    if unbuilt:
        _failed(draft, built, unbuilt)
        return "not-built"
    if any(_may_be_unbuilt(line) for line in built.lines):
        return "not-built-yet"
    if draft.flag(Flag.PROVISIONING_FAILED, raised=False):
        draft.say("everything that a module provisions is provisioned now", by=PANEL)
    draft.change(provisioning=_progress(built.lines).value)
    return "built"


def _unbuilt(line: LineBuilt, question: BuildQuestion) -> bool:
    """True if this line should be built by now and is not."""
    if not _may_be_unbuilt(line):
        return False
    if line.queued is not None:
        return True
    if line.kind == "product":
        wanted = question.autosetup and question.sure
        return wanted or (question.failed_service is not None and question.failed_service == line.relid)
    return line.kind == "domain" and question.sendregistrar and question.sure


def _may_be_unbuilt(line: LineBuilt) -> bool:
    """True if this line is unbuilt and a module or registrar should build it; False if none is known to."""
    if line.relid is None or line.status != PanelServiceStatus.PENDING:
        return False  # the panel's own words, such as "Pending Transfer", mean that it is in progress
    return line.kind == "domain" or bool(line.module) or line.queued is not None


def _progress(lines: Sequence[LineBuilt], *, failed: bool = False) -> Provisioning:
    built = sum(line.status in BUILT for line in lines)
    if lines and built == len(lines):
        return Provisioning.DONE
    if built:
        return Provisioning.PARTIAL
    return Provisioning.FAILED if failed else Provisioning.NONE


def _failed(draft: Draft, built: Built, unbuilt: Sequence[LineBuilt]) -> None:
    """Flag it, notify staff once, and note in the timeline what was seen."""
    draft.flag(Flag.PROVISIONING_FAILED)
    draft.change(provisioning=_progress(built.lines, failed=True).value)
    named = [_named(line) for line in unbuilt[:_LINES_NAMED]]
    if len(unbuilt) > _LINES_NAMED:
        named.append(f"and {len(unbuilt) - _LINES_NAMED} more")
    said = f"not built: {'; '.join(named)}" + ("" if built.queue_readable else f" ({_UNREADABLE})")
    if said != built.said:
        draft.say(said, by=PANEL, code=TimelineCode.NOT_BUILT)
    if draft.acts:
        ids = ", ".join(f"{_word(line)} {line.relid}" for line in unbuilt[:_LINES_NAMED])
        text = f"Order {draft.order_id} was accepted, but {len(unbuilt)} of its lines are not provisioned: {ids}."
        draft.alert(AlertKind.PROVISIONING_FAILED, name=f"provisioning:{draft.order_id}", text=text)


def _word(line: LineBuilt) -> str:
    return "service" if line.kind == "product" else line.kind


def _named(line: LineBuilt) -> str:
    why = "" if line.queued is None else f": {line.queued[:_ERROR_LENGTH] or 'no reason given'}"
    return f"{line.name[:80]} ({_word(line)} {line.relid}) is {line.status.lower()}{why}"
