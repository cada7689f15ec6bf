"""Contradictions within a policy, and suggestions for unknown keys."""

from __future__ import annotations

import pytest

from app.core.judgement.contradictions import find_warnings
from app.core.policy.document import Policy, PolicyError, parse_policy, warnings


def new_warnings(document: str) -> list[str]:
    policy = parse_policy(document)
    plain = set(warnings(policy))
    return [text for text in find_warnings(policy) if text not in plain]


def test_the_default_policy_contradicts_itself_in_nothing() -> None:
    assert find_warnings(Policy()) == warnings(Policy())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("exempt.product_groups = ['VPS', 3]\nvetting.product_groups = ['vps']", "exempt.product_groups and vetting"),
        ("exempt.gateways = ['Cash']", "payment.manual_methods both name cash"),
        ("exempt.gateways = ['x']\nown_initiative.gateways = ['X']", "own_initiative.gateways both name X"),
        ("exempt.client_groups = [2]\nown_initiative.client_groups = [2]", "own_initiative.client_groups both name 2"),
        ("exempt.product_groups = [7]\nlabour.postpaid_groups = [7]", "labour.postpaid_groups both name 7"),
        (
            "allow.customer_ids = [7]\nblock.customer_ids = [7, 8]",
            "allow.customer_ids and block.customer_ids both name 7",
        ),
        ("allow.emails = ['A@b.example']\nblock.emails = ['a@B.example']", "allow.emails and block.emails"),
        ("allow.networks = ['192.0.2.7']\nblock.networks = ['192.0.2.0/24']", "192.0.2.0/24; allow wins"),
        ("allow.networks = ['192.0.2.0/24']\nblock.networks = ['192.0.2.7']", "192.0.2.7/32; allow wins"),
        ("allow.networks = ['2001:db8::/32']\nblock.networks = ['2001:db8:1::/48']", "2001:db8:1::/48; allow wins"),
        ("allow.email_domains = ['b.example']\nblock.emails = ['x@mail.b.example']", "covers what [block] names"),
        ("allow.email_domains = ['b.example']\nblock.email_domains = ['m.b.example']", "covers what [block] names"),
        ("exempt.staff_customer_ids = [5]\nblock.customer_ids = [5]", "accounts of your own staff"),
        ("accept.rules = [{groups = [1]}, {groups = [1, 2]}]", "accept.rules names 1 more than once"),
        ("labour.group_margins = [{groups = [1], percent = 2}, {groups = [1], percent = 3}]", "labour.group_margins"),
        ("labour.postpaid_groups = [1]\ncurrencies.EUR.postpaid_month = '0'", "postpaid_month is zero in EUR"),
        ("vetting.terms = ['Botnet']", "acceptable_use.terms and vetting.terms both name Botnet"),
        ("points.risk.overdue_invoice = 31", "points.risk.overdue_invoice is above"),
        ("points.self_service.earlier_manual_order = 16", "points.self_service.earlier_manual_order is above"),
        ("thresholds.ip_orders_per_hour = 16", "thresholds.ip_orders_per_hour is above"),
        ("hold.review_due_hours_paid = 25", "hold.review_due_hours_paid is above"),
        ("accept.mode = 'release_only'\naccept.hand_built = 'auto'", "accept.hand_built"),
        ("currencies.GBP.custom_rate_per_hour = '39'", "currencies.GBP: custom_rate_per_hour is below"),
        ("limits.day.fees = 20", "limits.hour.fees is above limits.day.fees"),
        ("modes.messages = 'suggest'", "modes.messages is suggest"),
        ("modes.accept = 'suggest'", "modes.accept is suggest"),
        ("points.risk.shared_email = 81", "points.risk.shared_email (81) is above families.identity (80)"),
        ("families.outside = 69", "points.risk.fraud_check_fail (70) is above families.outside (69)"),
        ("families.history = 59", "points.risk.earlier_fraud_orders (60) is above families.history (59)"),
        ("vetting.review_from = 9999", "never reach vetting.review_from (9999)"),
        (
            "[vetting]\nresources = []\nrules = [{name = 'a', terms = ['x'], weight = 59, question = 'q'}]",
            "add up to 59 and never reach vetting.review_from (60)",
        ),
        ("messages.fee_hold.send = false", "messages.fee_hold.send is off"),
        ("messages.fee_hold.body = 'Pay {invoice_url}'", "contains neither {explanation} nor {fee}"),
        ("texts.fee.price = 'It costs.'\ntexts.fee.pay = 'Pay.'", "neither texts.fee.price nor texts.fee.pay contains"),
        ("texts.prices.cart.handling = 'We enter it.'", "texts.prices.cart.handling does not contain {handling_fee}"),
        ("texts.prices.terms.custom = 'Work costs.'", "texts.prices.terms.custom does not contain {hourly_rate}"),
        ("risk.auto_reject = true\nmodes.reject = 'suggest'", "modes.reject is suggest"),
    ],
)
def test_a_contradiction_is_named(document: str, words: str) -> None:
    (found,) = new_warnings(document)
    assert words in found


def test_thresholds_that_all_signals_together_do_not_reach() -> None:
    caps = "".join(f"{name} = 5\n" for name in Policy().families.model_dump())
    found = new_warnings(f"[families]\n{caps}[points.risk]\nblock_listed = 10")
    assert "all families of signals add up to 50 points at most and never reach risk.review_from (60)" in found


@pytest.mark.parametrize(
    "document",
    [
        "allow.networks = ['192.0.2.0/25']\nblock.networks = ['192.0.2.128/25', '2001:db8::/32']",
        "allow.email_domains = ['b.example']\nblock.email_domains = ['ab.example']\nblock.emails = ['x@cb.example']",
        "limits.day.fees = 0",
        "exempt.product_groups = [1]\nvetting.product_groups = [2]",
        "vetting.rules = []\nvetting.resources = []",
        "messages.fee_hold.body = 'It costs {fee}'",
        "messages.fee_hold.send = false\nmodes.fees = 'shadow'",
        "texts.prices.terms.custom = 'From {minimum_fee}'",
        "[texts.prices.cart]\nhandling = 'Free'\n"
        + "".join(f"[currencies.{code}]\nhandling_fee = '0'\n" for code in ("USD", "EUR", "GBP")),
    ],
)
def test_what_only_looks_like_one_is_not(document: str) -> None:
    assert new_warnings(document) == []


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ("[risk]\nreview_form = 50", "unknown key; did you mean review_from?"),
        ("[currencies.USD]\nhandling_fees = '7'", "unknown key; did you mean handling_fee?"),
        ("[accept]\nrules = [{groups = [1], mod = 'auto'}]", "unknown key; did you mean mode?"),
        ("[messages.fee_hold]\nsubjekt = 'x'", "unknown key; did you mean subject?"),
        ("[hold]\nreject_from = 50", "unknown key here; it belongs under [risk]"),
        ("[labour]\nexpires_day = 5", "unknown key; did you mean hold.expires_days?"),
        ("[fee]\nzzz = 1", "unknown key; known here are custom_line, due_days_after_expiry"),
        ("riskk = 1", "unknown key; did you mean risk?"),
    ],
)
def test_an_unknown_key_names_the_one_that_was_meant(document: str, message: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    assert caught.value.errors[0][1].startswith(message)
