"""How an approved order is accepted: by product group, the more careful rule wins."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.facts import Item
from app.core.judgement.accepting import AcceptPlan, built_by_hand, plan_accept
from app.core.policy.document import parse_policy
from app.core.policy.sections.acting import AcceptMode
from tests.core.judging import an_item, an_order, some_facts

HAND_BUILT = an_item(group_id=4, product_type="server", module="")


def plan(*items: Item, policy: str = "") -> AcceptPlan:
    return plan_accept(some_facts(order=an_order(items=items)), parse_policy(policy))


def test_shared_hosting_is_accepted_with_everything() -> None:
    assert plan(an_item()) == AcceptPlan(mode=AcceptMode.AUTO, autosetup=True, sendemail=True, sendregistrar=True)


@pytest.mark.parametrize(
    ("changes", "by_hand"),
    [
        ({"product_type": "server", "module": ""}, True),
        ({"product_type": "server", "module": None}, True),
        ({"product_type": "Dedicated/VPS Server", "module": None}, True),
        ({"product_type": "server", "module": "proxmox"}, False),
        ({"product_type": "hostingaccount", "module": ""}, False),
        ({"kind": "domain", "product_type": "", "module": ""}, True),
        ({"kind": "domain", "product_type": "", "module": None}, False),
        ({"kind": "domain", "product_type": "", "module": "enom"}, False),
    ],
)
def test_what_no_module_builds(changes: dict[str, Any], by_hand: bool) -> None:
    assert built_by_hand(an_item(**changes)) is by_hand


def test_one_hand_built_server_leaves_the_order_to_staff() -> None:
    assert plan(an_item(), HAND_BUILT).mode is AcceptMode.RELEASE_ONLY


def test_a_rule_for_the_group_wins_over_hand_built() -> None:
    rule = "[[accept.rules]]\ngroups = [4]\nmode = 'auto'\nautosetup = false"

    assert plan(HAND_BUILT, policy=rule) == AcceptPlan(
        mode=AcceptMode.AUTO, autosetup=False, sendemail=True, sendregistrar=True
    )


def test_the_policy_may_accept_hand_built_orders() -> None:
    assert plan(HAND_BUILT, policy="accept.hand_built = 'auto'").mode is AcceptMode.AUTO


def test_the_more_careful_of_two_rules_wins() -> None:
    rules = """
    [[accept.rules]]
    groups = ["web hosting"]
    sendemail = false
    [[accept.rules]]
    groups = [9]
    mode = "release_only"
    """

    found = plan(an_item(), an_item(group_id=9, group="Racks"), policy=rules)

    assert (found.mode, found.sendemail, found.autosetup) == (AcceptMode.RELEASE_ONLY, False, True)


def test_an_order_without_lines_has_the_default() -> None:
    assert plan(policy="accept.autosetup = false").autosetup is False
