"""Any document is accepted or refused quickly, and invalid values are reported with their place."""

from __future__ import annotations

import pytest

from app.core.judgement.contradictions import find_warnings
from app.core.policy.document import PolicyError, parse_policy
from tests.cpu import within_cpu_seconds

LONG = 400_000


def errors_of(document: str) -> list[tuple[str, str]]:
    with pytest.raises(PolicyError) as caught:
        parse_policy(document)
    return caught.value.errors


@pytest.mark.parametrize(
    ("document", "path", "words"),
    [
        ("[labour]\ntolerated_months = nan", "labour.tolerated_months", "must be a finite number"),
        ("[risk]\nreview_from = -inf", "risk.review_from", "must be a finite number"),
        ("[labour]\ntolerated_months = 1e999", "labour.tolerated_months", "must be a finite number"),
        ("[cart]\nurl = 2026-01-01", "cart.url", "dates and times are not allowed: 2026-01-01; put text in quotes"),
        ("[block]\nemails = ['a', 10:00:00]", "block.emails.1", "dates and times are not allowed: 10:00:00"),
        (
            "[currencies.USD]\nhandling_fee = 2026-01-01T10:00:00Z",
            "currencies.USD.handling_fee",
            "dates and times are not allowed",
        ),
        (
            "accept.rules = [{groups = [1], mode = 2026-01-01}]",
            "accept.rules.0.mode",
            "dates and times are not allowed",
        ),
        ("[labour]\nhorizon_months = " + "9" * 5000, "", "a number must not have 5000 digits (at line 2)"),
        ("[labour]\nhorizon_months = 0b" + "1" * LONG, "", "digits (at line 2)"),
        ("[labour]\nhorizon_months = 0x" + "f" * LONG, "", "digits (at line 2)"),
        ("[vetting]\nproduct_groups = [1.5, '']", "vetting.product_groups.0", "must be an id (1 or more) or a name"),
        ("\ud800", "", "lone surrogates"),
    ],
)
def test_what_no_policy_takes_is_named_by_its_place(document: str, path: str, words: str) -> None:
    found = errors_of(document)
    assert found[0][0] == path
    assert words in found[0][1]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (".".join(["a"] * LONG) + " = 1", "nested too deeply (at line 1)"),
        ("[" + " . ".join(['"a"'] * 100_000) + "]", "nested too deeply (at line 1)"),
        ("# one\nx = " + "[" * LONG, "nested too deeply (at line 2)"),
        ("x = " + "[" * LONG + "]" * LONG, "nested too deeply (at line 1)"),
        ("x = " + "{a = " * 100_000, "nested too deeply (at line 1)"),
        ("x.y.z.x.y.z.x.y.z = {x.y.z.x.y.z.x.y.z = {x.y.z.x.y.z = 1}}", "nested too deeply"),
        ("\n".join(f"k{number} = 1" for number in range(80_000)), "80000 keys; no table of a policy has more"),
        ("[risk]\n" + "\n".join(f"k{number} = 1" for number in range(80_000)), "80000 keys"),
        ("\n".join(f"k{number} = 1" for number in range(999)), "unknown key"),
        ("\n".join(f"[currencies.A{number}]" for number in range(40_000)), "40000 keys"),
        ("[cart]\nnot_in_cart = [" + "1," * LONG + "]", f"{LONG} entries; no list of a policy has more than 20000"),
        ("[[a]]\n" * 100_000, "100000 entries"),
        ('cart.url = "' + "\\n" * LONG + '"', "String should match"),
        ("cart.url = '''" + "''x" * 300_000, "Expected"),
        ('a="' * 200_000, "Expected"),
    ],
)
def test_what_would_take_long_is_refused_at_once(document: str, words: str) -> None:
    with within_cpu_seconds(5):
        found = errors_of(document)
    assert words in found[0][1]
    assert len(found) <= 51
    assert all(len(path) <= 200 and len(message) <= 300 for path, message in found)


def test_the_longest_lists_are_read_and_compared_at_once() -> None:
    blocked = ", ".join(f'"10.0.{number >> 8}.{number & 255}"' for number in range(20_000))
    allowed = ", ".join(f'"2001:db8::{number:x}"' for number in range(19_999))
    with within_cpu_seconds(5):
        policy = parse_policy(f'[block]\nnetworks = [{blocked}]\n[allow]\nnetworks = [{allowed}, "10.0.0.0/30"]')
        found = find_warnings(policy)
    assert "block.networks overlaps with allow.networks: 10.0.0.0/32, 10.0.0.1/32, 10.0.0.2/32, 10.0.0.3/32; " in str(
        found
    )


def test_a_key_moves_no_cursor() -> None:
    assert [path for path, _ in errors_of('"a\\u001b[31m\\n" = 1')] == ["a?[31m?"]


def test_what_only_looks_hostile_is_read() -> None:
    texts = "[cart]\n# a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a [[[[[[[[[[[[[[[[[[[[[[[[[\n"
    texts += "url = 'https://shop.example/" + "a." * 50 + "[" * 50 + "1" * 60 + "'\n"
    texts += '[vetting]\nquestion = """\n"Which?" ' + "{[" * 50 + '\n"""'
    policy = parse_policy("\ufeff" + texts.replace("\n", "\r\n"))
    assert policy.cart.url.startswith("https://shop.example/a.a.")
    assert policy.vetting.question.startswith('"Which?" {[{[')
