"""A policy prepared for judging: everything that depends only on the policy is computed once, not per order."""

from __future__ import annotations

from collections import OrderedDict
from datetime import timedelta
from typing import Final, NamedTuple

from app.core.money import Money
from app.core.policy.document import Policy
from app.core.policy.matching import Groups
from app.core.policy.sections.judging import CurrencyRow
from app.core.policy.terms import terms_digest
from app.core.reading.kinds import TermKind

#: The number of cached rulebooks: for the active policy, a candidate, and those of a backtest.
_KEPT: Final = 16
#: Months of margin have two decimals.
HUNDREDTHS: Final = 100


class Rates(NamedTuple):
    """The amounts of one currency in its minor unit; the first and third are per hour."""

    staff_cost: int
    handling_fee: int
    custom_rate: int
    max_fee: int
    mandate_above: int
    large_order: int
    postpaid_month: int


class Rulebook:
    """A policy with its words as sets, amounts as integers and tables by key. Created by `rulebook`."""

    def __init__(self, policy: Policy) -> None:
        labour, exempt, own = policy.labour, policy.exempt, policy.own_initiative
        self.policy: Final = policy
        self.terms_digest: Final = terms_digest(policy)
        self.risk: Final = policy.points.risk
        self.effort: Final = policy.points.self_service
        self.thresholds: Final = policy.thresholds
        self.review_from: Final = policy.risk.review_from
        self.reject_from: Final = policy.risk.reject_from
        self.rates: Final = {code: _rates(row, code) for code, row in policy.currencies.items()}

        self.minutes: Final = {kind: labour.minutes.of(kind) for kind in TermKind}
        self.gap_kinds: Final = frozenset(labour.catalogue_gap_kinds)
        self.fee_kinds: Final = frozenset(labour.fee_kinds)
        self.margins: Final = tuple((Groups(rule.groups), rule.percent) for rule in labour.group_margins)
        self.postpaid: Final = Groups(labour.postpaid_groups)
        self.horizon: Final = labour.horizon_months
        self.tolerated_hundredths: Final = int(labour.tolerated_months * HUNDREDTHS)

        self.exempt_products: Final = Groups(exempt.product_groups)
        self.exempt_gateways: Final = _words(exempt.gateways)
        self.exempt_clients: Final = frozenset(exempt.client_groups)
        self.our_accounts: Final = frozenset(exempt.staff_customer_ids)
        self.own_promo_codes: Final = _words(own.promo_codes)
        self.own_gateways: Final = _words(own.gateways)
        self.own_clients: Final = frozenset(own.client_groups)

        self.abuse_kinds: Final = frozenset(kind.value for kind in policy.acceptable_use.kinds)
        self.vetted_products: Final = Groups(policy.vetting.product_groups)
        self.not_in_cart: Final = frozenset(policy.cart.not_in_cart)
        self.manual_methods: Final = _words(policy.payment.manual_methods)
        self.new_account: Final = timedelta(days=policy.thresholds.new_account_days)
        self.first_order_percent: Final = policy.thresholds.first_order_percent
        self.first_orders_at_least: Final = policy.thresholds.first_orders_at_least
        self.together: Final = policy.together
        self.resellers: Final = frozenset(policy.together.reseller_groups) | self.exempt_clients
        self.payment_grace: Final = timedelta(days=policy.thresholds.payment_grace_days)
        self.half_life_days: Final = policy.neighbours.half_life_days
        self.burst_hours: Final = policy.neighbours.burst_hours
        self.hosting_asns: Final = frozenset(policy.thresholds.hosting_asns)
        self.caps: Final[dict[str, int]] = policy.families.model_dump()
        self.caps["together"] = min(self.caps["together"], self.reject_from - 1)  # a burst alone never rejects
        self.lowest_cap: Final = min(self.caps.values())
        self.accept_rules: Final = tuple((Groups(rule.groups), rule) for rule in policy.accept.rules)


def _rates(row: CurrencyRow, code: str) -> Rates:
    def minor(text: str) -> int:
        return Money.from_text(text, code).amount_minor

    return Rates(
        staff_cost=minor(row.staff_cost_per_hour),
        handling_fee=minor(row.handling_fee),
        custom_rate=minor(row.custom_rate_per_hour),
        max_fee=minor(row.max_fee),
        mandate_above=minor(row.mandate_above),
        large_order=minor(row.large_order),
        postpaid_month=minor(row.postpaid_month),
    )


def _words(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(word.casefold() for word in words)


# Keyed by identity, because a policy never changes and comparing two costs more than a judgement. Each rulebook
# references its policy, so the id can't be reused by another object while it is cached.
_ready: OrderedDict[int, Rulebook] = OrderedDict()


def rulebook(policy: Policy) -> Rulebook:
    """Return the policy's rulebook, created at its first use."""
    found = _ready.get(id(policy))
    if found is None:
        found = _ready[id(policy)] = Rulebook(policy)
        while len(_ready) > _KEPT:
            _ready.popitem(last=False)
    return found
