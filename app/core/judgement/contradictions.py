"""Contradictions in a valid policy: rarely intended, but allowed so that old documents stay valid."""

from __future__ import annotations

import ipaddress
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from decimal import Decimal
from operator import itemgetter
from typing import Any

from app.core.judgement.signals.base import FAMILIES
from app.core.judgement.signals.catalogue import CATALOGUE
from app.core.money import Money
from app.core.policy.document import Policy, warnings
from app.core.policy.sections.acting import AcceptMode, HourLimits, NetList
from app.core.policy.sections.modes import STRENGTH, ActionMode

_NAMED = 5
#: The family of each key of [points.risk]; `each_further` belongs to signals of several families.
_FAMILY_OF = {
    key: FAMILIES[entry.code]
    for entry in CATALOGUE
    if entry.code in FAMILIES
    for key in entry.keys
    if key != "each_further"
}


def find_warnings(policy: Policy) -> tuple[str, ...]:
    """Return everything that is allowed but rarely intended, contradictions last. Each warning names its keys."""
    rules = (
        _exempt, _lists, _staff, _orders_of_groups, _terms, _thresholds, _caps, _never_reached, _money, _unsaid,
        _limits, _modes,
    )  # fmt: skip
    return (*warnings(policy), *(text for rule in rules for text in rule(policy)))


def _some(entries: Iterable[object]) -> str:
    found = sorted({str(entry) for entry in entries})
    more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
    return ", ".join(found[:_NAMED]) + more


def _both(one: Iterable[int | str], other: Iterable[int | str]) -> list[str]:
    """Return the entries of the second list that are also in the first, ignoring case."""
    left = {str(entry).casefold() for entry in one}
    return [str(entry) for entry in other if str(entry).casefold() in left]


def _exempt(policy: Policy) -> Iterator[str]:
    exempt, own = policy.exempt, policy.own_initiative
    if both := _both(exempt.product_groups, policy.vetting.product_groups):
        yield (
            f"exempt.product_groups and vetting.product_groups both name {_some(both)}: an order of nothing else "
            "is approved without any check"
        )
    if both := _both(exempt.gateways, policy.payment.manual_methods):
        yield (
            f"exempt.gateways and payment.manual_methods both name {_some(both)}: orders whose payment a person "
            "must record are approved whatever they ask for"
        )
    for name in ("gateways", "client_groups"):
        if both := _both(getattr(exempt, name), getattr(own, name)):
            yield f"exempt.{name} and own_initiative.{name} both name {_some(both)}: the exemption comes first"
    if both := _both(exempt.product_groups, policy.labour.postpaid_groups):
        yield (
            f"exempt.product_groups and labour.postpaid_groups both name {_some(both)}: such orders are billed "
            "after use and approved without any check"
        )


def _lists(policy: Policy) -> Iterator[str]:
    allow, block = policy.allow, policy.block
    for name in ("customer_ids", "emails", "email_domains"):
        if both := _both(getattr(allow, name), getattr(block, name)):
            yield f"allow.{name} and block.{name} both name {_some(both)}: allow wins"
    if both := list(_overlaps(allow, block)):
        yield f"block.networks overlaps with allow.networks: {_some(both)}; allow wins"
    domains = {domain.casefold().lstrip("@.") for domain in allow.email_domains}
    under = [entry for entry in block.emails if not domains.isdisjoint(_parents(entry.rpartition("@")[2].casefold()))]
    under += [
        entry for entry in block.email_domains
        if not domains.isdisjoint(_parents(entry.casefold().lstrip("@."))[1:])
    ]  # fmt: skip
    if under:
        yield f"allow.email_domains covers what [block] names: {_some(under)}; allow wins"


def _parents(domain: str) -> list[str]:
    labels = domain.split(".")[:20]
    return [".".join(labels[start:]) for start in range(len(labels))]


def _overlaps(allow: NetList, block: NetList) -> Iterator[str]:
    """Yield the blocked networks that contain, or are in, an allowed one; by look-up, because lists may be long."""
    for version in (4, 6):
        allowed = sorted(_edges(network) for network in ipaddress.collapse_addresses(_networks(allow, version)))
        for network in _networks(block, version):
            first, last = _edges(network)
            place = bisect_right(allowed, last, key=itemgetter(0))
            if place and allowed[place - 1][1] >= first:
                yield str(network)


def _networks(entries: NetList, version: int) -> list[Any]:
    found = (ipaddress.ip_network(text, strict=False) for text in dict.fromkeys(entries.networks))
    return [network for network in found if network.version == version]


def _edges(network: Any) -> tuple[int, int]:
    return int(network.network_address), int(network.broadcast_address)


def _staff(policy: Policy) -> Iterator[str]:
    if both := _both(policy.exempt.staff_customer_ids, policy.block.customer_ids):
        yield f"block.customer_ids names accounts of your own staff (exempt.staff_customer_ids): {_some(both)}"


def _orders_of_groups(policy: Policy) -> Iterator[str]:
    lists = {
        "accept.rules": [set(rule.groups) for rule in policy.accept.rules],
        "labour.group_margins": [set(margin.groups) for margin in policy.labour.group_margins],
    }
    for name, groups in lists.items():
        twice = [group for group, times in Counter(one for some in groups for one in some).items() if times > 1]
        if twice:
            yield f"{name} names {_some(twice)} more than once: only the first counts"
    if policy.labour.postpaid_groups:
        nothing = [
            code
            for code, row in policy.currencies.items()
            if not Money.from_text(row.postpaid_month, code).amount_minor
        ]
        if nothing:
            yield (
                f"labour.postpaid_groups is set and postpaid_month is zero in {_some(nothing)}: such orders bring "
                "in nothing in that currency, so any work for them is charged"
            )


def _terms(policy: Policy) -> Iterator[str]:
    if both := _both(policy.acceptable_use.terms, policy.vetting.terms):
        yield (
            f"acceptable_use.terms and vetting.terms both name {_some(both)}: it adds risk points and a person "
            "checks the order"
        )


def _thresholds(policy: Policy) -> Iterator[str]:
    points, thresholds, hold = policy.points, policy.thresholds, policy.hold
    for each, most in (
        ("self_service.earlier_manual_order", "self_service.earlier_manual_orders_at_most"),
        ("self_service.repeat_effortless", "self_service.repeat_effortless_at_most"),
        ("risk.overdue_invoice", "risk.overdue_invoices_at_most"),
    ):
        table, _, key = each.partition(".")
        found = getattr(points, table)
        if getattr(found, key) > getattr(found, most.partition(".")[2]):
            yield f"points.{each} is above points.{most}, so it never counts in full"
    for who in ("customer", "ip"):
        hour, day = getattr(thresholds, f"{who}_orders_per_hour"), getattr(thresholds, f"{who}_orders_per_day")
        if hour > day:
            yield f"thresholds.{who}_orders_per_hour is above {who}_orders_per_day, so it has no effect"
    if hold.review_due_hours_paid > hold.review_due_hours_unpaid:
        yield (
            "hold.review_due_hours_paid is above review_due_hours_unpaid: customers who paid wait longer than "
            "those who did not"
        )
    if policy.accept.mode is AcceptMode.RELEASE_ONLY and policy.accept.hand_built is AcceptMode.AUTO:
        yield (
            "accept.hand_built is auto while accept.mode is release_only: only orders that no module builds are "
            "accepted"
        )


def _caps(policy: Policy) -> Iterator[str]:
    """Signals that alone give more points than their family's cap."""
    caps = policy.families.model_dump()
    for key, points in policy.points.risk.model_dump().items():
        family = _FAMILY_OF.get(key)
        cap = caps.get(family.value) if family else None
        if cap is not None and points > cap:
            yield f"points.risk.{key} ({points}) is above families.{family} ({cap}), so it never counts in full"


def _never_reached(policy: Policy) -> Iterator[str]:
    """Thresholds that all points together don't reach."""
    vetting, risk = policy.vetting, policy.risk
    most: dict[str, int] = {}
    for room in vetting.resources:
        most[room.unit] = max(most.get(room.unit, 0), room.weight)
    weight = sum(rule.weight for rule in vetting.rules) + sum(most.values())
    if (vetting.rules or vetting.resources) and weight < vetting.review_from:
        yield (
            f"the weights of vetting.rules and vetting.resources add up to {weight} and never reach "
            f"vetting.review_from ({vetting.review_from})"
        )
    together = sum(policy.families.model_dump().values()) + policy.points.risk.block_listed
    for key, threshold in (("review_from", risk.review_from), ("reject_from", risk.reject_from)):
        if together < threshold:
            yield (
                f"all families of signals add up to {together} points at most and never reach risk.{key} ({threshold})"
            )


def _unsaid(policy: Policy) -> Iterator[str]:
    """Fees that are charged but not announced to the customer, in the message about the hold or before the order."""
    if policy.modes.fees is ActionMode.SHADOW or not policy.labour.fee_kinds:
        return
    message, said = policy.messages.fee_hold, policy.texts.fee
    if not message.send:
        yield "messages.fee_hold.send is off: customers get an invoice without an explanation"
    elif "{explanation}" in message.body:
        if "{price}" not in said.price + said.pay:
            yield "neither texts.fee.price nor texts.fee.pay contains {price}: customers do not see the price"
    elif "{fee}" not in message.body:
        yield "messages.fee_hold.body contains neither {explanation} nor {fee}: customers do not see the price"
    rows = policy.currencies.values()
    charged = {
        "handling": ("{handling_fee}",) if any(Decimal(row.handling_fee) for row in rows) else (),
        "custom": ("{hourly_rate}", "{minimum_fee}") if any(Decimal(row.custom_rate_per_hour) for row in rows) else (),
    }
    prices = policy.texts.prices
    for place, texts in (("cart", prices.cart), ("terms", prices.terms)):
        for key, numbers in charged.items():
            if numbers and not any(number in getattr(texts, key) for number in numbers):
                yield f"texts.prices.{place}.{key} does not contain {numbers[0]}, although the policy charges it"


def _money(policy: Policy) -> Iterator[str]:
    for code, row in policy.currencies.items():
        rate, cost = Money.from_text(row.custom_rate_per_hour, code), Money.from_text(row.staff_cost_per_hour, code)
        if 0 < rate.amount_minor < cost.amount_minor:
            yield f"currencies.{code}: custom_rate_per_hour is below staff_cost_per_hour: each fee loses money"


def _limits(policy: Policy) -> Iterator[str]:
    hour, day = policy.limits.hour, policy.limits.day
    for name in HourLimits.model_fields:
        within_hour, within_day = getattr(hour, name), getattr(day, name)
        if name in {"fees", "rejects", "credits"} and 0 < within_day < within_hour:
            yield f"limits.hour.{name} is above limits.day.{name}, so it is never reached"


def _modes(policy: Policy) -> Iterator[str]:
    modes = policy.modes
    if modes.fees is ActionMode.ENFORCE and modes.messages is not ActionMode.ENFORCE:
        yield (
            f"modes.fees is enforce and modes.messages is {modes.messages}: customers get an invoice without an "
            "explanation"
        )
    if STRENGTH[modes.accept] < STRENGTH[ActionMode.ENFORCE] and modes.hold is ActionMode.ENFORCE:
        yield f"modes.hold is enforce and modes.accept is {modes.accept}: only a person can release held orders"
    if policy.risk.auto_reject and modes.reject is not ActionMode.ENFORCE:
        yield f"risk.auto_reject is on and modes.reject is {modes.reject}: no order is rejected without a person"
