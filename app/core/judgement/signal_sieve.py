"""Select the rules to run for an order: most orders are plain, and running every rule takes half of the time.

It only skips rules that can't fire; whether a rule fires, and with how many points, is up to the rule.
"""

from __future__ import annotations

from typing import Final

from app.core.facts import CustomerFacts, Facts, OrderFacts, PaymentState, PlacedBy
from app.core.judgement.signals import enrichment, risk, work
from app.core.judgement.signals.base import SignalRule

# Enum member access, or looking up a function in its module, takes longer than a comparison (Python 3.11).
_CUSTOMER: Final = PlacedBy.CUSTOMER
_DISPUTED: Final = PaymentState.DISPUTED
_REQUESTS: Final = tuple(zip(work.REQUEST_KINDS, work.REQUESTS, strict=True))


def rules_to_ask(facts: Facts) -> list[SignalRule]:
    """Return the rules that may fire, in their order: self-service, outside, risk."""
    order, customer = facts.order, facts.customer
    rules = _of_the_order(order)
    if customer is not None:
        _of_the_customers_work(customer, rules)
    _from_outside(order, rules)
    if customer is not None:
        _of_who_it_is(customer, rules)
        _of_the_past(customer, rules)
    _of_payment_and_content(order, rules)
    if customer is not None and customer.lists:
        rules += risk.LISTED
    return rules


def _of_the_order(order: OrderFacts) -> list[SignalRule]:
    rules: list[SignalRule] = []
    if order.placed_by is not _CUSTOMER:
        rules.append(work.entered_by_staff)
    if order.asking_ticket_id is not None:
        rules.append(work.asked_by_ticket)
    if order.requests:
        kinds = [finding.kind for finding in order.requests]  # a list, because hashing an enum member is slow
        rules += [rule for kind, rule in _REQUESTS if kind in kinds]
    if order.cut:
        rules.append(work.text_cut)
    rules.append(work.outside_catalogue)
    for item in order.items:
        if item.price_override:
            rules.append(work.price_override)
            break
    rules.append(work.manual_payment)
    return rules


def _of_the_customers_work(customer: CustomerFacts, rules: list[SignalRule]) -> None:
    if customer.earlier_manual_orders:
        rules.append(work.earlier_manual_orders)
    if customer.tickets_recent:
        rules.append(work.tickets_per_service)
    if customer.earlier_effortless_orders:
        rules.append(work.repeat_effortless)


def _from_outside(order: OrderFacts, rules: list[SignalRule]) -> None:
    if order.fraud_check is not None:
        rules.append(enrichment.fraud_check)
    if order.outside:
        rules += enrichment.REPORTED
    if order.ip_asn is not None:
        rules.append(enrichment.hosting_network)


def _of_who_it_is(customer: CustomerFacts, rules: list[SignalRule]) -> None:
    if customer.email_disposable:
        rules.append(risk.email_disposable)
    if customer.email_verified is False:
        rules.append(risk.email_unverified)
    country, phone, ip = customer.country, customer.phone_country, customer.ip_country
    if (phone is not None and phone != country) or (ip is not None and ip != country):
        rules.append(risk.countries_disagree)
    for neighbour in customer.neighbours:
        if neighbour.bad_customers:
            rules += risk.SHARED
            break
    if customer.orders_last_day > 1 or customer.orders_last_hour > 1:
        rules.append(risk.customer_velocity)
    if customer.ip_orders_last_day > 1 or customer.ip_orders_last_hour > 1:
        rules.append(risk.ip_velocity)
    paid = customer.paid_invoices
    if paid is not None and paid <= 1 and customer.signed_up_at is not None:
        rules.append(risk.new_account_large_order)


def _of_the_past(customer: CustomerFacts, rules: list[SignalRule]) -> None:
    if customer.earlier_fraud_orders:
        rules.append(risk.earlier_fraud_orders)
    if customer.chargebacks:
        rules.append(risk.chargebacks)
    if customer.collections_invoices:
        rules.append(risk.collections_invoices)
    if customer.overdue_invoices:
        rules.append(risk.overdue_invoices)


def _of_payment_and_content(order: OrderFacts, rules: list[SignalRule]) -> None:
    if order.payment is _DISPUTED:
        rules.append(risk.payment_disputed)
    if order.acceptable_use:
        rules.append(risk.acceptable_use)
        return
    for item in order.items:
        if item.domain_terms:
            rules.append(risk.acceptable_use)
            return
