"""A plan in the making: the order as it becomes, and what is done so far. Pure: it reads and writes nothing."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

from app.core.actions import Action, PanelAction
from app.core.consequences.effects import (
    NEW_DECISION,
    Alert,
    ChangeFee,
    Count,
    Decide,
    Effect,
    Plan,
    Say,
    SetClock,
    Want,
    Withdraw,
)
from app.core.consequences.limits import Limit, Reached
from app.core.consequences.snapshot import LIVE, ON_THE_WIRE, CallSeen, Conditions, Lacking, Need, Recent, Snapshot
from app.core.judgement.decide import Judgement, Outcome, Reason
from app.core.judgement.stored import load_judgement
from app.core.policy.document import Policy
from app.core.policy.sections.acting import AcceptMode
from app.core.records import AlertKind, CallState, Mode, TimelineCode
from app.core.rows.belongings import Decision, Fee, Question
from app.core.rows.order import Order
from app.core.rows.typed import typed
from app.core.states import (
    OPEN_FEE_STATES,
    Flag,
    HoldKind,
    OrderState,
    Trigger,
    is_breached,
    next_state,
    release_state,
)
from app.core.statuses import PanelOrderStatus

LIFECYCLE: Final = (Action.ACCEPT_ORDER, Action.PENDING_ORDER, Action.CANCEL_ORDER, Action.FRAUD_ORDER)
_ENDED: Final = frozenset({CallState.CANCELLED, CallState.DEAD})


@dataclass(slots=True, kw_only=True)
class Draft:
    """One order while a plan for it is made."""

    before: Snapshot
    given: Conditions
    order: Order
    decision: Decision | None
    fees: list[Fee]
    questions: list[Question]
    known_calls: list[CallSeen] | None
    effects: list[Effect] = field(default_factory=list)
    rehearsed: bool = False  # carries out what the mode or the policy forbids, to see what it would be

    @classmethod
    def of(cls, snapshot: Snapshot, given: Conditions) -> Draft:
        """Begin a plan."""
        return cls(
            before=snapshot,
            given=given,
            order=snapshot.order,
            decision=snapshot.decision,
            fees=list(snapshot.fees),
            questions=list(snapshot.questions),
            known_calls=None if snapshot.calls is None else list(snapshot.calls),
        )

    def plan(self) -> Plan:
        """Return the finished plan."""
        self.change(breached=is_breached(self.state, self.order.flags))
        return Plan(
            before=self.before.order,
            order=self.order,
            effects=tuple(self.effects),
        )

    def rehearsal(self) -> Draft:
        """Return a copy on which anything may be carried out, to see what it would be."""
        return replace(
            self,
            fees=list(self.fees),
            questions=list(self.questions),
            known_calls=list(self.calls),
            effects=[],
            rehearsed=True,
        )

    # --- what is known ------------------------------------------------------------------------------------------------

    @property
    def now(self) -> datetime:
        """The time of the plan."""
        return self.given.now

    @property
    def policy(self) -> Policy:
        """The policy in force."""
        return self.given.active.policy

    @property
    def order_id(self) -> int:
        """The panel's order id."""
        return self.order.order_id

    @property
    def customer_id(self) -> int | None:
        """The panel's client id, once known."""
        return self.order.customer_id

    @property
    def state(self) -> OrderState:
        """Our own state of the order."""
        return self.order.state

    @property
    def acts(self) -> bool:
        """True if decisions about this order are carried out: not in shadow, nor for orders before the cut-over."""
        cut_over = self.given.cut_over
        return self.rehearsed or (
            cut_over.mode is Mode.ENFORCE
            and (
                self.order.touched_by_person
                or cut_over.acts_on(
                    self.order_id, placed_at=self.order.placed_at, first_heard_at=self.before.order.first_heard_at
                )
            )
        )

    @property
    def paid(self) -> bool:
        """True if nothing is left to pay before it may run: paid, free, or postpaid by the policy."""
        return self.order.settled

    @property
    def judged(self) -> Judgement | None:
        """The policy's newest judgement, even if somebody decided after it."""
        for effect in reversed(self.effects):
            if isinstance(effect, Decide) and effect.judgement is not None:
                return effect.judgement
        if self.before.judged is None:
            raise Lacking(Need.JUDGED)
        return load_judgement(self.before.judged) if self.before.judged else None

    @property
    def calls(self) -> list[CallSeen]:
        """The panel calls about the order, those of this plan included."""
        if self.known_calls is None:
            raise Lacking(Need.CALLS)
        return self.known_calls

    @property
    def recent(self) -> Recent:
        """What happened lately."""
        if self.before.recent is None:
            raise Lacking(Need.RECENT)
        return self.before.recent

    @property
    def decision_cause(self) -> str:
        """The cause of calls that follow from the decision in force."""
        return f"decision:{self.order.decision_id}"

    @property
    def open_fee(self) -> Fee | None:
        """The open fee, or None."""
        return next((fee for fee in self.fees if fee.state in OPEN_FEE_STATES), None)

    @property
    def latest_fee(self) -> Fee | None:
        """The newest fee, or None."""
        return self.fees[-1] if self.fees else None

    def was_wanted(self, key: str) -> bool:
        """True if a call with this key is queued, in flight or done; cancelled and dead calls don't count."""
        return any(call.key == key and call.state not in _ENDED for call in self.calls)

    def is_on_the_wire(self, key: str) -> bool:
        """True if a call with this key was sent and its outcome isn't known yet."""
        return any(call.key == key and call.state in ON_THE_WIRE for call in self.calls)

    def fresh_id(self) -> uuid.UUID:
        """Return the id of a new row."""
        return uuid.uuid5(self.given.fresh_id, str(len(self.effects)))

    # --- the order ----------------------------------------------------------------------------------------------------

    def change(self, **values: Any) -> None:
        """Set columns."""
        self.order = self.order.changed(**values)

    def flag(self, flag: Flag, *, raised: bool = True) -> bool:
        """Raise or lower a flag; return whether that changed anything."""
        flags = self.order.flags
        if (flag.value in flags) is raised:
            return False
        self.change(flags=sorted([*flags, flag.value]) if raised else [one for one in flags if one != flag.value])
        return True

    def move(self, trigger: Trigger) -> OrderState | None:
        """Take this trigger's transition and return the new state, or None if the table has no such row."""
        target = next_state(self.state, trigger, release=self.release_target())
        if target is None:
            return None
        self.change(state=target.value)
        if target is not OrderState.HELD:
            self.end_hold()
        return target

    def release_target(self) -> OrderState:
        """Return the state that an approval of this order leads to."""
        return release_state(
            paid=self.paid,
            release_only=self.order.accept_mode == AcceptMode.RELEASE_ONLY,
            already_active=self.order.panel_status == PanelOrderStatus.ACTIVE,
        )

    def hold(self, kind: HoldKind, *, due_at: datetime | None, expires_at: datetime | None) -> None:
        """Set what a held order waits for; its waiting time counts from the first hold."""
        self.change(
            hold_kind=kind.value,
            hold_since=self.order.hold_since or self.now,
            hold_due_at=due_at,
            hold_expires_at=expires_at,
        )

    def end_hold(self) -> None:
        """Let it wait for nothing any more."""
        self.change(hold_kind=None, hold_since=None, hold_due_at=None, hold_expires_at=None)

    # --- effects ------------------------------------------------------------------------------------------------------

    def say(self, what: str, *, by: str, code: TimelineCode | None = None) -> None:
        """Add a line to the timeline."""
        self.effects.append(Say(what=what, by=by, code=code))

    def want(
        self,
        action: PanelAction,
        *,
        key: str,
        cause: str,
        due_at: datetime | None = None,
        customer_id: int | None = None,
    ) -> None:
        """Want a panel call; `key` names the desired effect, never the requester."""
        self.effects.append(
            Want(action=action, key=key, cause=cause, due_at=due_at, customer_id=customer_id or self.customer_id)
        )
        if not any(call.key == key and call.state in LIVE for call in self.calls):
            self.calls.append(CallSeen(key=key, action=action.action, state=CallState.PENDING))

    def withdraw(self, *, actions: Collection[Action] = (), keys: Collection[str] = ()) -> Withdrawn:
        """Cancel live calls of these actions, or with these keys; one that is being sent is not sent again."""
        found = list(self._live(actions, keys))
        if not found:
            return Withdrawn(keys=frozenset(), under_way=False)
        self.effects.append(Withdraw(actions=tuple(actions), keys=tuple(keys)))
        off = frozenset(call.key for call in found if call.state is CallState.PENDING)
        self.known_calls = [
            replace(call, state=CallState.CANCELLED) if call in found and call.state is CallState.PENDING else call
            for call in self.calls
        ]
        return Withdrawn(keys=off, under_way=len(found) > len(off))

    def withdraw_lifecycle(self) -> bool:
        """Cancel the order's lifecycle calls that are not being sent yet; False when one is being sent."""
        return not self.withdraw(actions=LIFECYCLE).under_way

    def _live(self, actions: Collection[Action], keys: Collection[str]) -> Iterator[CallSeen]:
        for call in self.calls:
            if call.state in LIVE and (call.action in actions or call.key in keys):
                yield call

    def set_clock(self, kind: str, *, at: datetime | None = None, name: str | None = None, **data: Any) -> None:
        """Have the order examined at a later time."""
        self.effects.append(SetClock(type=kind, due_at=max(at or self.now, self.now), name=name, data=data))

    def count(self, *, standing: bool = False, **amounts: int) -> None:
        """Add to the customer's history."""
        if self.customer_id is not None:
            self.effects.append(Count(customer_id=self.customer_id, amounts=amounts, standing=standing))

    def alert(self, kind: AlertKind, *, name: str, text: str, line: Say | None = None) -> None:
        """Notify staff about the order, once for each name."""
        self.effects.append(Alert(kind=kind, name=name, text=text, line=line))

    def set_fee(self, fee: Fee, **values: Any) -> Fee:
        """Change a fee, and return it as it is now."""
        self.effects.append(ChangeFee(fee_id=fee.id, values=values))
        known = {name: value for name, value in values.items() if name in Fee.__slots__}
        changed = replace(fee, **typed(Fee, known))
        self.fees = [changed if one.id == fee.id else one for one in self.fees]
        return changed

    def decide(self, decision: Decide) -> None:
        """Put a decision into force."""
        self.effects.append(decision)
        self.decision = Decision(
            id=NEW_DECISION,
            outcome=decision.outcome,
            reasons=stored_reasons(decision.reasons),
            by=decision.by,
            mode=decision.mode,
            policy_version=self.given.active.version,
            judgement=None,
        )
        self.change(decision_id=NEW_DECISION, outcome=decision.outcome.value)
        codes = ", ".join(reason.code for reason in decision.reasons)
        self.say(f"{decision.outcome.value}: {codes}", by=decision.by)

    def is_reached(self, limit: Limit) -> Reached | None:
        """Return this damage limit if it is reached, and notify staff."""
        if limit not in self.given.limits:
            raise Lacking(limit)
        reached = self.given.limits[limit]
        if reached is not None:
            name = reached.alert_name(self.now)
            self.effects.append(
                Alert(kind=AlertKind.DAMAGE_LIMIT, name=name, text=reached.to_text(), about_order=False)
            )
        return reached

    def outcomes_since(self, at: datetime) -> list[Outcome]:
        """Return the outcomes of decisions since a time, those of this plan included."""
        stored = [outcome for decided_at, outcome in self.recent.outcomes if decided_at >= at]
        return [*stored, *(effect.outcome for effect in self.effects if isinstance(effect, Decide))]


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn:
    """The result of a cancellation: the keys of calls that are never sent, and whether one is being sent."""

    keys: frozenset[str]
    under_way: bool


def stored_reasons(reasons: tuple[Reason, ...]) -> list[dict[str, str]]:
    """Return reasons as they are stored."""
    return [{"code": reason.code, "text": reason.text} for reason in reasons]
