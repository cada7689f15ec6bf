"""What a look at an order in the panel leads to. The order of the steps is the specification: later ones see what
earlier ones did.
"""

from __future__ import annotations

from app.core.consequences import building, fees, invoices, judging, panel, provisioning, unread
from app.core.consequences.draft import Draft
from app.core.consequences.effects import Plan
from app.core.consequences.news import Look
from app.core.consequences.snapshot import Conditions, Snapshot
from app.core.consequences.timers import set_settle_clock
from app.core.records import PANEL
from app.core.states import OrderState
from app.core.statuses import PanelOrderStatus


def look(news: Look, snapshot: Snapshot, given: Conditions) -> Plan:
    """Follow what the panel shows, judge the order if it is due, and act.

    Raises Lacking if something has to be read first, and CallUnderWay while a panel call is being sent that the verdict
    would have to cancel.
    """
    draft = Draft.of(snapshot, given)
    draft.order = news.shown
    first = snapshot.order.last_read_at is None
    if first:
        draft.say("first seen", by=PANEL)
    if draft.acts:
        panel.go_on_after_shadow(draft)
        panel.follow(draft, news.actor)
    else:
        panel.follow_in_shadow(draft)
    paid_fees = invoices.follow_fees(draft, news.invoices)
    if not first:
        invoices.follow_payment(draft)
    panel.watch_hold(draft)
    provisioning.follow_hook(draft, news)
    if news.asking_ticket is not None:
        draft.say(news.asking_ticket, by=PANEL)
    judging.judge(draft, news)
    invoices.release_agreed(draft)
    invoices.thank(draft, paid_fees)
    judging.release_when_paid(draft)
    if news.event_type in building.BUILT_EVENTS:
        building.send_waiting_accept(draft, paid=news.event_type != "order.created")
    pending = draft.order.panel_status == PanelOrderStatus.PENDING
    if draft.decision is None and draft.state is OrderState.RECEIVED and pending:
        set_settle_clock(draft, seconds=news.settle_seconds)
    fees.update_refund(draft)
    unread.schedule_look(draft, news.without)
    return draft.plan()
