"""Journeys of an order for Hypothesis: it begins in any situation, and news comes, one piece after another."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from hypothesis import strategies as st

from app.core.consequences.draft import LIFECYCLE
from app.core.consequences.refused import CallUnderWay, Refused
from app.core.consequences.settling import _HANDLERS
from app.core.consequences.snapshot import LIVE, ON_THE_WIRE, CallSeen, Snapshot
from app.core.records import CallState
from app.core.states import STAFF_ACTIONS, InvoiceTurn
from tests.core.consequences.becoming import after
from tests.core.consequences.news import Followed, plan_for
from tests.core.consequences.situations import Situation, conditions, situation
from tests.core.consequences.standing import STANDINGS

ENFORCE, SHADOW, EARLY = "enforce", "shadow", "before the cut-over"
POLICIES: Final = (
    "",
    "accept.mode = 'release_only'",
    "modes.hold = 'suggest'\nmodes.fees = 'suggest'\nmodes.reject = 'suggest'",
    "modes.hold = 'shadow'\nmodes.fees = 'shadow'\nmodes.reject = 'shadow'",
    "modes.accept = 'suggest'\nmodes.fees = 'shadow'",
    "currencies.USD.custom_rate_per_hour = '60'\nmessages.review_hold.send = true\nmessages.rejected.send = true",
)
_REQUESTS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "approve": ({}, {"work": "free"}, {"work": "fee"}),
    "reject": ({}, {"fraud": True}),
    "cancel": ({}, {"reason": "duplicate"}),
    "ask": ({"question": "Which disk?"}, {"question": "What is it for?"}),
    "charge-fee": ({"minutes": 60}, {"amount": "12.50"}, {}),
}
LOOKS: Final = (
    *(f"verdict: {one}" for one in ("approve", "fee", "review", "review with work", "reject")),
    *(f"order invoice: {turn}" for turn in InvoiceTurn),
    *(f"panel: {status} by {who}" for status in ("Active", "Pending again", "Cancelled", "Fraud")
      for who in ("staff", "cron", "nobody knows")),
    "services: done", "services: none", "service: failed",
)  # fmt: skip
OTHERS: Final = (
    "clock: hold due", "clock: question due", "told: the customer answered", "told: provisioned by hand",
    "told: deleted in the panel",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A piece of news that may come: which one, with what mode, and a number that picks what it is about."""

    news: str
    mode: str = ENFORCE
    pick: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a journey: the news as it came, what followed, and the order as it became."""

    news: str
    how: Mapping[str, Any]
    mode: str
    followed: Followed
    became: Snapshot

    @property
    def before(self) -> Situation:
        """The order before the news."""
        return self.followed.before

    @property
    def kind(self) -> str:
        """The kind of the news."""
        return self.news.partition(": ")[0]

    @property
    def is_look(self) -> bool:
        """True if the panel was looked at."""
        return self.kind in {"verdict", "order invoice", "fee invoice", "panel", "services", "service"}


@st.composite
def beginnings(draw: Any) -> dict[str, Any]:
    """Draw a situation in which an order may be."""
    state = draw(st.sampled_from(sorted(STANDINGS)))
    standing = STANDINGS[state]
    when: dict[str, Any] = {
        "state": state, "paid": draw(st.booleans()), "policy": draw(st.sampled_from(POLICIES)),
        "provisioning": draw(st.sampled_from(["none", "none", "partial", "done"])),
        "hold_over": draw(st.booleans()),
        "limits": draw(st.lists(st.sampled_from(["held_share", "fees", "rejects"]), max_size=2)),
    }  # fmt: skip
    if standing.calls and draw(st.booleans()):
        sent = draw(st.sampled_from(["pending", "sending", "unknown"]))
        when["calls"] = [call.replace(" pending", f" {sent}") for call in standing.calls]
    if standing.fee:
        when["fee"] = draw(st.sampled_from(["pending", "unpaid", "unpaid", "partly_paid", "payment_pending", "paid"]))
    if standing.question:
        when["question"] = draw(st.sampled_from(["sent", "unsent", "answered", "reminded"]))
        when["question_age"] = draw(st.sampled_from([1, 3, 10]))
    if standing.outcome is not None and standing.reason is None:
        when["touched"] = draw(st.booleans())
    return when


def events(*news: str) -> st.SearchStrategy[Event]:
    """Draw news; an order is mostly acted on."""
    modes = st.sampled_from([ENFORCE] * 6 + [SHADOW, EARLY])
    return st.builds(Event, news=st.sampled_from(news), mode=modes, pick=st.integers(0, 11))


ANY_NEWS: Final = (
    *LOOKS, *OTHERS, *(f"staff: {action}" for action in STAFF_ACTIONS), *(["a call ends", "a call is sent"] * 8),
    *(f"fee invoice: {turn}" for turn in InvoiceTurn),
)  # fmt: skip
histories = st.lists(events(*ANY_NEWS), min_size=1, max_size=5)


def journey(when: Mapping[str, Any], history: list[Event]) -> Iterator[Step]:
    """Let news come to an order; what is refused, or waits for a call, changes nothing."""
    snapshot = situation(when).snapshot
    for number, event in enumerate(history):
        if event.news == "a call is sent":
            snapshot = _with_call_sent(snapshot, event.pick)
            continue
        found = _about(event, snapshot)
        if found is None:
            continue
        given = replace(conditions({**when, "mode": event.mode}), fresh_id=uuid.UUID(int=100 + number))
        step = taken(*found, Situation(snapshot=snapshot, given=given), mode=event.mode)
        if step is not None:
            yield step
            snapshot = step.became


def taken(news: str, how: Mapping[str, Any], before: Situation, *, mode: str) -> Step | None:
    """Return the step that news leads to; None if it is refused or waits for a call."""
    try:
        followed = plan_for(news, how, before)
    except (Refused, CallUnderWay):
        return None
    became = after(followed.before.snapshot, followed.plan)
    return Step(news=news, how=how, mode=mode, followed=followed, became=became)


def _about(event: Event, snapshot: Snapshot) -> tuple[str, Mapping[str, Any]] | None:
    """Return the news and its details as they fit to the order; None if there is nothing that it could be about."""
    kind, _, rest = event.news.partition(": ")
    if kind == "a call ends":
        return _call_ends(event, snapshot)
    if kind == "fee invoice":
        fees = [fee for fee in snapshot.fees if fee.invoice_id is not None]
        return (event.news, {"fee_id": fees[event.pick % len(fees)].id}) if fees else None
    if kind == "staff":
        requests = _REQUESTS.get(rest, ({},))
        return event.news, {"request": requests[event.pick % len(requests)]}
    return event.news, {}


def _call_ends(event: Event, snapshot: Snapshot) -> tuple[str, Mapping[str, Any]] | None:
    live = [call for call in snapshot.calls or () if call.state in LIVE and call.action in _HANDLERS]
    if not live:
        return None
    call = live[event.pick % len(live)]
    end = (CallState.DONE, CallState.DEAD, CallState.CANCELLED, CallState.DONE)[event.pick % 4]
    return f"call: {call.action} {end}", {"whole_key": call.key, "answer": {"ticket_id": 40}}


def _with_call_sent(snapshot: Snapshot, pick: int) -> Snapshot:
    """Send one of the calls that wait: at most one lifecycle call is sent at a time."""
    calls = snapshot.calls or ()
    busy = any(call.action in LIFECYCLE and call.state in ON_THE_WIRE for call in calls)
    waiting = [call for call in calls if call.state is CallState.PENDING and not (busy and call.action in LIFECYCLE)]
    if not waiting:
        return snapshot
    sent: CallSeen = waiting[pick % len(waiting)]
    return replace(
        snapshot, calls=tuple(replace(call, state=CallState.SENDING) if call is sent else call for call in calls)
    )
