"""Matches with the policy's lists."""

from __future__ import annotations

import pytest

from app.core.facts import ListKind
from app.core.judgement.rulebook import rulebook
from app.core.policy.document import parse_policy
from app.core.policy.matching import Groups, match_lists
from tests.core.judging import an_item

POLICY = parse_policy("""
[allow]
customer_ids = [5]
emails = ["Boss@Example.org"]
[block]
customer_ids = [6]
emails = ["a@x.example", "bad@mail.example"]
email_domains = ["Spam.example", "@junk.example"]
networks = ["203.0.113.0/24", "2001:db8::/32", "198.51.100.7"]
""")


@pytest.mark.parametrize(
    ("customer_id", "email", "ip", "expected"),
    [
        (1, "nice@example.net", "192.0.2.1", ()),
        (5, "nice@example.net", None, ((ListKind.ALLOW, "customer_ids: 5"),)),
        (6, "nice@example.net", None, ((ListKind.BLOCK, "customer_ids: 6"),)),
        (1, "BAD@mail.example", None, ((ListKind.BLOCK, "emails[1]"),)),
        (1, "boss@example.org", None, ((ListKind.ALLOW, "emails[0]"),)),
        (1, "x@sub.spam.example", None, ((ListKind.BLOCK, "email_domains: Spam.example"),)),
        (1, "x@junk.example", None, ((ListKind.BLOCK, "email_domains: @junk.example"),)),
        (1, "x@notspam.example", None, ()),
        (1, "", "203.0.113.77", ((ListKind.BLOCK, "networks[0]"),)),
        (1, "", "2001:db8::1", ((ListKind.BLOCK, "networks[1]"),)),
        (1, "", "198.51.100.7", ((ListKind.BLOCK, "networks[2]"),)),
        (1, "", "not an address", ()),
    ],
)
def test_list_entries(customer_id: int, email: str, ip: str | None, expected: tuple[tuple[ListKind, str], ...]) -> None:
    assert match_lists(POLICY, customer_id=customer_id, emails=[email], ip=ip) == expected


def test_groups_by_id_or_name() -> None:
    groups = Groups([3, "Dedicated Servers"])

    assert an_item(group_id=3, group="") in groups
    assert an_item(group_id=None, group="dedicated servers") in groups
    assert an_item(group_id=4, group="VPS") not in groups
    assert an_item(group_id=None, group="") not in Groups([])


def test_gateways_and_codes_whatever_the_case() -> None:
    rules = rulebook(parse_policy("exempt.gateways = ['PayPal']\nown_initiative.promo_codes = ['Sorry']"))

    assert (rules.exempt_gateways, rules.own_promo_codes) == ({"paypal"}, {"sorry"})


def test_a_policy_is_worked_out_once() -> None:
    policy = parse_policy("")

    assert rulebook(policy) is rulebook(policy)
    assert rulebook(policy) is not rulebook(parse_policy(""))
