"""The prices of a policy in words, to publish before anyone orders: in the cart, the terms of service and e-mails."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from app.core.facts import OrderKind
from app.core.judgement.labour import custom_fee, max_fee
from app.core.judgement.signals.work import REQUEST_KINDS
from app.core.money import Money
from app.core.policy.document import Policy
from app.core.policy.sections.acting import render
from app.core.policy.sections.judging import GapPayer
from app.core.reading.kinds import TermKind

#: Examples of work for the notice in the cart, the best known first, and the most that it names of those that cost.
_EXAMPLES: Final = (
    TermKind.MIGRATION, TermKind.INSTALL, TermKind.HARDWARE, TermKind.CUSTOM_CONFIG, TermKind.PACKAGE,
    TermKind.OS_UNUSUAL, TermKind.OS_OLD,
)  # fmt: skip
_MOST_EXAMPLES: Final = 3
#: Kinds of order that the policy may charge for; renewals are never charged.
_KINDS: Final = (OrderKind.NEW, OrderKind.ADDON, OrderKind.UPGRADE, OrderKind.DOMAIN)
_URL: Final = re.compile(r"https?://[^\s<>\"]*[^\s<>\".,;:!?)]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTexts:
    """The texts for one currency, as plain text; `as_html` makes them safe for a web page."""

    currency: str
    cart: str
    terms: str
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prices:
    """What the policy charges in one currency."""

    policy: Policy
    values: Mapping[str, str]
    handling: bool
    custom: bool

    @property
    def charges(self) -> bool:
        return self.handling or self.custom

    @property
    def taxed(self) -> bool:
        return self.charges and self.policy.fee.taxed

    def fill(self, *templates: str | None) -> str:
        """Fill in the templates that are set and return them as one paragraph."""
        return " ".join(render(template, self.values) for template in templates if template)


def price_texts(policy: Policy, currency: str) -> PriceTexts:
    """Return the texts about what this policy charges. Raises KeyError if it has no row for the currency."""
    prices = _prices(policy, currency)
    return PriceTexts(currency=currency, cart=_cart(prices), terms=_terms(prices), signature=_signature(prices))


def as_html(text: str) -> str:
    """Return plain text as HTML: paragraphs and line breaks kept, URLs turned into links, everything escaped."""
    paragraphs = [paragraph.replace("\n", "<br>\n") for paragraph in _escaped(text).split("\n\n")]
    return "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)


def _escaped(text: str) -> str:
    pieces, last = [], 0
    for match in _URL.finditer(text):
        url = html.escape(match[0])
        pieces += [html.escape(text[last : match.start()]), f'<a href="{url}">{url}</a>']
        last = match.end()
    return "".join((*pieces, html.escape(text[last:])))


def _prices(policy: Policy, currency: str) -> _Prices:
    row, rules, minutes = policy.currencies[currency], policy.labour, policy.labour.minutes
    handling, least = Money.from_text(row.handling_fee, currency), custom_fee(1, currency, policy)
    any_kind = bool(rules.fee_kinds)
    gap_kinds = [kind for kind in REQUEST_KINDS if kind in rules.catalogue_gap_kinds]
    free_kinds = [kind for kind in _KINDS if kind not in rules.fee_kinds]
    words = policy.texts.prices.kinds
    values = {
        "handling_fee": str(handling),
        "hourly_rate": str(Money.from_text(row.custom_rate_per_hour, currency)),
        "step_minutes": str(policy.fee.increment_minutes),
        "minimum_fee": str(least),
        "max_fee": str(max_fee(currency, policy)),
        "mandate_above": str(Money.from_text(row.mandate_above, currency)),
        "min_minutes": str(rules.min_minutes),
        "courtesy_orders": str(rules.courtesy_orders),
        "days": str(policy.hold.expires_days),
        "paid_hours": str(policy.hold.review_due_hours_paid),
        "unpaid_hours": str(policy.hold.review_due_hours_unpaid),
        "kinds": _listed([words.renewal, *(getattr(words, kind.value) for kind in free_kinds)]),
        "cart_url": policy.cart.url,
    }
    return _Prices(
        policy=policy,
        values=values | {"work": _words(policy, gap_kinds)},
        handling=any_kind and handling.amount_minor > 0 and minutes.handling >= max(1, rules.min_minutes),
        custom=any_kind and Decimal(row.custom_rate_per_hour) > 0,
    )


def _words(policy: Policy, kinds: Iterable[TermKind]) -> str:
    return _listed([policy.texts.work.of(kind) for kind in kinds])


def _examples(prices: _Prices) -> str:
    """List the kinds of work that alone cause a fee; if none does, use the general words for work."""
    if not prices.custom:
        return _words(prices.policy, _EXAMPLES[:_MOST_EXAMPLES])
    costs = [kind for kind in _EXAMPLES if _costs(kind, prices.policy)][:_MOST_EXAMPLES]
    return _words(prices.policy, costs) or prices.policy.texts.work.other


def _costs(kind: TermKind, policy: Policy) -> bool:
    """Return whether an order that asks only for this is charged."""
    rules = policy.labour
    on_us = rules.catalogue_gap_paid_by is GapPayer.PROVIDER and kind in rules.catalogue_gap_kinds
    return rules.minutes.of(kind) >= max(1, rules.min_minutes) and not on_us


def _listed(words: list[str]) -> str:
    return ", ".join(words)


def _cart(prices: _Prices) -> str:
    texts = prices.policy.texts.prices.cart
    examples = _Prices(
        policy=prices.policy, handling=prices.handling, custom=prices.custom,
        values={**prices.values, "work": _examples(prices)},
    )  # fmt: skip
    return examples.fill(
        texts.included,
        texts.handling if prices.handling else texts.handling_free,
        texts.custom if prices.custom else texts.custom_free,
        texts.tax if prices.taxed else None,
        texts.agree if prices.charges else None,
    )


def _terms(prices: _Prices) -> str:
    policy, texts = prices.policy, prices.policy.texts.prices.terms
    rules = policy.labour
    gap_free = rules.catalogue_gap_paid_by is GapPayer.PROVIDER and prices.values["work"]
    cost = prices.fill(
        texts.included_at if policy.cart.url else texts.included,
        texts.handling if prices.handling else texts.handling_free,
        texts.custom if prices.custom else texts.custom_free,
        texts.tax if prices.taxed else None,
    )
    free = prices.fill(
        texts.small if rules.min_minutes else None,
        texts.courtesy if rules.courtesy_orders else None,
        texts.not_in_cart if gap_free else None,
        texts.no_charge_kinds,
        texts.less,
    )
    agreed = prices.fill(texts.agree, texts.days, texts.offer if prices.custom else None)
    held = prices.fill(texts.review, texts.contest)
    return "\n\n".join((cost, free, agreed, held) if prices.charges else (cost, held))


def _signature(prices: _Prices) -> str:
    texts = prices.policy.texts.prices.signature
    first = prices.fill(texts.cart_at if prices.policy.cart.url else texts.cart)
    second = prices.fill(
        texts.handling if prices.handling else texts.handling_free,
        texts.custom if prices.custom else texts.custom_free,
        texts.tax if prices.taxed else None,
        texts.agree if prices.charges else None,
    )
    return f"{first}\n{second}"
