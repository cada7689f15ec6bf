"""The short texts of a policy about its prices, for the cart, the terms of service and e-mails."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.explanation.prices import as_html, price_texts
from app.core.policy.document import Policy
from app.errors import Invalid
from app.policies import versions as policy_service
from app.shown import View

#: How many currencies are shown when none is named, so that an answer stays small.
SHOWN: Final = 5


class TextView(View):
    """One text, ready to copy."""

    plain: Annotated[str, Field(examples=["Everything you order here is set up at no extra charge."])]
    html: Annotated[
        str,
        Field(
            description="The same, escaped, with paragraphs and links.",
            examples=["<p>Everything you order here is set up at no extra charge.</p>"],
        ),
    ]


class CurrencyTextsView(View):
    """The texts in one currency."""

    currency: Annotated[str, Field(examples=["EUR"])]
    cart: Annotated[TextView, Field(description="A notice at the checkout.")]
    terms: Annotated[TextView, Field(description="A few paragraphs for the terms of service.")]
    signature: Annotated[TextView, Field(description="Two lines below e-mails.")]


class PolicyTextsView(View):
    """The prices of a policy in words."""

    version: int
    currencies: Annotated[
        tuple[str, ...],
        Field(description="All currencies that the policy has amounts in.", examples=[["EUR", "GBP", "USD"]]),
    ]
    texts: Annotated[
        tuple[CurrencyTextsView, ...], Field(description=f"In the requested currency, or in the first {SHOWN}.")
    ]


async def policy_texts_view(connection: AsyncConnection, version: int | None, currency: str | None) -> PolicyTextsView:
    """Write the texts of a version, or of the active policy.

    Raises NotFound, WrongState for a version that is no longer valid, and Invalid for an unknown currency.
    """
    number, policy = await _policy(connection, version)
    known = tuple(policy.currencies)
    if currency is not None and currency not in known:
        message = f"the policy has no amounts in it; it has {', '.join(known[:20])}"
        raise Invalid("unknown currency", [{"path": "query.currency", "message": message}])
    wanted = known[:SHOWN] if currency is None else (currency,)
    return PolicyTextsView(version=number, currencies=known, texts=tuple(_in_currency(policy, one) for one in wanted))


async def _policy(connection: AsyncConnection, version: int | None) -> tuple[int, Policy]:
    if version is None:
        active = await policy_service.active(connection)
        return active.version, active.policy
    return version, await policy_service.get(connection, version)


def _in_currency(policy: Policy, currency: str) -> CurrencyTextsView:
    texts = price_texts(policy, currency)
    return CurrencyTextsView(
        currency=currency, cart=_text(texts.cart), terms=_text(texts.terms), signature=_text(texts.signature)
    )


def _text(plain: str) -> TextView:
    return TextView(plain=plain, html=as_html(plain))
