"""What an order adds to its customer's history; each order counts once."""

from __future__ import annotations

from app.core.consequences.draft import Draft
from app.core.facts import PlacedBy
from app.core.judgement.decide import Judgement


def count_judged(draft: Draft, judgement: Judgement) -> None:
    """Count an order once into its customer's history, and correct its minutes when it is judged again."""
    if draft.customer_id is None:
        return
    order, minutes = draft.order, judgement.labour.minutes
    by_staff = order.placed_by in {PlacedBy.STAFF, PlacedBy.STAFF_AS_CUSTOMER}
    manual = by_staff or minutes > 0
    draft.count(
        orders=0 if order.counted else 1,
        manual_orders=int(manual) - int(order.counted_manual),
        labour_minutes=minutes - order.counted_minutes,
    )
    draft.change(counted=True, counted_manual=manual, counted_minutes=minutes)


def count_released(draft: Draft) -> None:
    """Count a released order that no person had to handle."""
    order = draft.order
    if draft.customer_id is None or order.effortless:
        return
    if order.counted_manual or order.touched_by_person or not order.counted:
        return
    draft.count(effortless_orders=1)
    draft.change(effortless=True)


def count_fraud(draft: Draft) -> None:
    """Count an order that ended as fraud, once; customers who share an identity with this one have a bad neighbour."""
    if not draft.order.fraud:
        draft.change(fraud=True)
        draft.count(fraud_orders=1, standing=True)


def uncount_fraud(draft: Draft) -> None:
    """Undo `count_fraud`: it was not fraud after all."""
    if draft.order.fraud:
        draft.change(fraud=False)
        draft.count(fraud_orders=-1, standing=True)


def count_chargeback(draft: Draft) -> None:
    """Count a disputed payment."""
    draft.count(chargebacks=1, standing=True)
