"""What new accounts of one maker share, in any spelling, and what links nobody."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.policy.document import Policy, parse_policy
from app.customers.newcomers import Traits, ip_trait, mail_traits, traits_of
from app.panels.records import PanelPayMethod
from tests.customers.samples import panel_customer

V4 = "81.2.69.142"


def traits(number: int, **changes: Any) -> Traits:
    """Return what an account may share, of which nothing is like another's unless it is given."""
    name = "abcdefgh"[number] * 5
    ip, cards = changes.pop("ip", f"93.184.{number}.7"), changes.pop("cards", ())
    own = {"customer_id": 100 + number, "email": f"{name}@{name}.example", "phone": f"+49.152200000{number}1"}
    return traits_of(panel_customer(**own | changes), ip, cards, Policy())


def shared(one: Traits, two: Traits) -> set[str]:
    """Return the kinds of what two accounts share."""
    return {kind for kind, _ in set(one.shared) & set(two.shared)}


def card(**changes: Any) -> PanelPayMethod:
    own = {"gateway": "stripe", "brand": "visa", "last_four": "4242", "expires": "1229", "token_digest": None}
    return PanelPayMethod(**own | changes)


@pytest.mark.parametrize(
    ("kind", "one", "two"),
    [
        ("ip", {"ip": V4}, {"ip": f"::ffff:{V4}"}),
        ("ip", {"ip": "2a02:8109:1:2:a::7"}, {"ip": "2a02:8109:0001:2::b"}),
        ("phone", {"phone": "+49.15223334444"}, {"phone": "+49 1522-333 4444"}),
        ("email", {"email": "Max.Power+a@Gmail.com"}, {"email": "maxpower+b@googlemail.com"}),
        ("email", {"email": "max1@power.example"}, {"email": "max22@power.example"}),
        ("email", {"email": "x7k2q9b1@drop.example"}, {"email": "p4z8w1c6m2@drop.example"}),
        ("stem", {"email": "maxpower01@gmail.com"}, {"email": "max.power7@web.de"}),
        ("payment", {"cards": [card()]}, {"cards": [card(gateway="braintree", brand="visacredit", expires="12/2029")]}),
        ("payment", {"cards": [card(expires="", token_digest="d")]}, {"cards": [card(expires="", token_digest="d")]}),
    ],
)  # fmt: skip
def test_what_two_accounts_share(kind: str, one: dict[str, Any], two: dict[str, Any]) -> None:
    assert kind in shared(traits(1, **one), traits(2, **two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({}, {}),
        ({"ip": "10.0.0.7"}, {"ip": "10.0.0.7"}),  # a private address is nobody's
        ({"ip": None}, {"ip": None}),  # staff or a program ordered
        ({"ip": "2a02:8109:1:2::7"}, {"ip": "2a02:8109:1:3::7"}),
        ({"email": "info@a.example"}, {"email": "info@b.example"}),
        ({"email": "customer101@shop.example"}, {"email": "customer102@shop.example"}),  # their own numbers
        ({"email": "broken"}, {"email": "broken"}),
        ({"phone": "000"}, {"phone": "000"}),
        ({"cards": [card()]}, {"cards": [card(expires="0130")]}),
        ({"cards": [card(expires="")]}, {"cards": [card(expires="")]}),
        ({"cards": [card(last_four="", token_digest="d")]},
         {"cards": [card(last_four="", token_digest="d", gateway="paypal")]}),
    ],
)  # fmt: skip
def test_what_links_nobody(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert shared(traits(1, **one), traits(2, **two)) == set()


@pytest.mark.parametrize("network", ["81.2.69.0/24", V4, "::ffff:0:0/96"])
def test_an_address_that_many_share_links_nobody(network: str) -> None:
    policy = parse_policy(f"[together]\nshared_networks = ['{network}']")
    known = network != "::ffff:0:0/96"  # an IPv4 address is never meant by an IPv6 network
    assert (ip_trait(V4, policy) is None) is known
    assert (ip_trait(f"::ffff:{V4}", policy) is None) is known


def test_nothing_stored_can_be_read() -> None:
    for kind, value in [*traits(1).shared, *mail_traits("max.power01@gmail.com", 7)]:
        assert (len(kind) <= 16, len(value), value.isalnum()) == (True, 64, True)
