"""Links into the cart: to the products of an order if the policy has a link for products, else to the cart itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from app.core.facts import Facts
from app.core.judgement.explanation.plain import inert
from app.core.judgement.rulebook import rulebook
from app.core.judgement.signals.work import in_cart
from app.core.policy.document import Policy
from app.core.policy.sections.acting import render

#: With more products than this, link to the cart itself.
MOST: Final = 5
_LONGEST_NAME: Final = 60


def cart_link(facts: Facts | None, policy: Policy) -> str:
    """Return where the customer can order this without us, or "" if the policy has no address.

    For one product its address; for several, one line each with its name. Only ids from the facts are inserted.
    """
    products = dict(_sold(facts, policy)) if facts is not None and policy.cart.product_url else {}
    if not 0 < len(products) <= MOST:
        return policy.cart.url
    urls = {number: render(policy.cart.product_url, {"product_id": str(number)}) for number in products}
    if len(urls) == 1:
        return next(iter(urls.values()))
    line = policy.texts.next_time.product
    lines = [render(line, {"product": name, "product_url": urls[number]}) for number, name in products.items()]
    return "\n" + "\n".join(lines)


def _sold(facts: Facts, policy: Policy) -> Iterator[tuple[int, str]]:
    """Yield the products that the cart sells, as far as known, with sanitised names."""
    for item in facts.order.items:
        if item.kind == "product" and item.product_id is not None and in_cart(item, rulebook(policy)) is not False:
            yield item.product_id, inert(item.product, _LONGEST_NAME) or str(item.product_id)
