"""What staff must do in the panel themselves: what is left to them after a decision, and what Doorman can't do."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final, Protocol

from app.core.money import Money
from app.core.policy.sections.acting import AcceptMode
from app.core.states import BREACHES, Flag, OrderState, Provisioning, Trigger
from app.core.statuses import PanelOrderStatus

#: How staff reach with a released order what an action does before.
_INSTEAD: Final[Mapping[Trigger, str]] = {
    Trigger.REJECT: "cancel it or mark it as fraud",
    Trigger.CANCEL: "cancel it",
    Trigger.HOLD: "suspend its services, or set the order back to Pending",
    Trigger.ASK: "open a ticket to the customer",
    Trigger.CHARGE_FEE: "invoice the work",
}
_BUILT: Final = frozenset({Provisioning.DONE, Provisioning.PARTIAL})
_STOPPED: Final = frozenset({OrderState.HELD, OrderState.REJECTING, OrderState.REJECTED, OrderState.CANCELLED})


class Standing(Protocol):
    """What is asked of an order; amounts are in minor units."""

    @property
    def state(self) -> str: ...
    @property
    def panel_status(self) -> str: ...
    @property
    def provisioning(self) -> str: ...
    @property
    def accept_mode(self) -> str | None: ...
    @property
    def flags(self) -> Collection[str]: ...
    @property
    def refund_due_minor(self) -> int: ...
    @property
    def currency(self) -> str | None: ...


def instead(state: OrderState, action: Trigger) -> str | None:
    """Return what staff do in the panel instead of an action that is not possible any more; None if there is nothing.

    A released order belongs to the panel: Doorman takes back nothing that may be running.
    """
    return _INSTEAD.get(action) if state is OrderState.RELEASED else None


def left_to_staff(order: Standing) -> tuple[str, ...]:
    """Return what staff must do in the panel now, one sentence each, most urgent first."""
    return tuple(_steps(order))


def _steps(order: Standing) -> Iterator[str]:
    stopped, built = order.state in _STOPPED, order.provisioning in _BUILT
    if stopped and (built or any(flag in order.flags for flag in BREACHES)):
        yield "Services of this order are active: suspend or terminate them in the panel if they should not run."
    if order.refund_due_minor > 0:
        amount = str(Money(int(order.refund_due_minor), order.currency)) if order.currency else "the money paid"
        yield f"Refund {amount} in the panel, then call `refund-done`: Doorman sends no money back."
    if order.state != OrderState.RELEASED or order.provisioning == Provisioning.DONE:
        return
    if order.accept_mode == AcceptMode.RELEASE_ONLY and order.panel_status != PanelOrderStatus.ACTIVE:
        yield "Accept and provision the order in the panel: Doorman leaves that to staff for these products."
    elif Flag.PROVISIONING_FAILED in order.flags:
        yield "Provision in the panel what the timeline lists as missing."
