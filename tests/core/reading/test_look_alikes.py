"""Domain names beside the names of banks and brands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.policy.sections.hosting import AcceptableUse
from app.core.reading.kinds import Likeness, LookAlike
from app.core.reading.look_alikes import brands_of, find_look_alike
from tests.cpu import within_cpu_seconds

LISTED = AcceptableUse()
BRANDS = brands_of(LISTED.brands, LISTED.everyday_brands)
DISTINCT = sorted(brand.name for brand in BRANDS.by_name.values() if not brand.everyday)
DOMAINS = [entry for entry in LISTED.brands + LISTED.everyday_brands if "." in entry]
LONG = [name for name in DISTINCT if len(name) >= 6]


def likeness(domain: str) -> Likeness | None:
    found = find_look_alike(domain, BRANDS)
    return found.likeness if found else None


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("paypal.com", None),
        ("www.paypal.com", None),
        ("paypal.com.example.net", Likeness.NAME),
        ("paypal.shop", Likeness.NAME),
        ("PayPal-Login.com", Likeness.LURE),
        ("paypallogin.com", Likeness.LURE),
        ("login.paypal.example.net", Likeness.LURE),
        ("paypalacehotel.com", None),
        ("paypal-fans.com", Likeness.MENTION),
        ("paypa1.com", Likeness.LETTERS),
        ("pаypal.com", Likeness.LETTERS),  # noqa: RUF001 (that is the attack)
        ("xn--pypal-4ve.com", Likeness.LETTERS),
        ("boursorarna.com", Likeness.LETTERS),
        ("sparkkasse.de", Likeness.TYPO),
        ("sparkasse-koeln.de", Likeness.MENTION),
        ("spakrasse.de", Likeness.TYPO),
        ("metatask.io", None),
        ("metatask-wallet.io", Likeness.TYPO),
        ("apple-orchard.com", None),
        ("apple-id-verify.com", Likeness.LURE),
        ("app1e.com", Likeness.LETTERS),
        ("chasehunting.com", None),
        ("impôts-conseil.fr", None),
        ("lédger.com", Likeness.LETTERS),
        ("ing-buero-maier.de", None),
        ("deutsche-bank-museum.de", Likeness.MENTION),
        ("localhost", None),
        ("", None),
        ("...", None),
        ("xn--.com", None),
        ("xn--\u0430.com", None),
    ],
)
def test_a_domain_name(domain: str, expected: Likeness | None) -> None:
    assert likeness(domain) is expected


@given(st.sampled_from(LONG), st.sampled_from(["shop", "com", "info"]), st.data())
def test_a_letter_typed_twice_is_seen(name: str, ending: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(name) - 1))
    found = find_look_alike(f"{name[: at + 1]}{name[at:]}.{ending}", BRANDS)

    assert found is not None


@given(st.sampled_from(DISTINCT), st.sampled_from(["login", "konto", "verificacion", "remboursement", "vhod"]))
def test_bait_beside_a_name_is_seen(name: str, bait: str) -> None:
    for domain in (f"{name}-{bait}.example", f"{bait}-{name}.example", f"{bait}.{name}.example"):
        assert likeness(domain) is Likeness.LURE


@given(st.sampled_from(DOMAINS), st.from_regex("[a-z]{0,9}"))
def test_a_brand_never_resembles_itself(entry: str, host: str) -> None:
    assert likeness(f"{host}.{entry}") is None


@given(st.text(max_size=400))
def test_any_text_is_an_answer_and_always_the_same(text: str) -> None:
    found = find_look_alike(text, BRANDS)

    assert found is None or isinstance(found, LookAlike)
    assert find_look_alike(text, BRANDS) == found


def test_without_brands_nothing_is_found() -> None:
    assert find_look_alike("paypal-login.com", brands_of((), ())) is None


def test_the_provider_s_own_brand() -> None:
    own = brands_of(("stadtwerke-nord.example", "nordbank"), ())

    assert find_look_alike("stadtwerke-nord-login.example.net", own) is not None
    assert find_look_alike("stadtwerkenord-login.net", own) is not None
    assert find_look_alike("kundenportal.stadtwerke-nord.example", own) is None
    assert find_look_alike("nordbannk.net", own) is not None


def test_hostile_names_cost_little() -> None:
    names = ("paypal" * 200_000, "-" * 10**6, "login-" * 10**5, "a." * 10**5, "xn--" + "a" * 10**6, "аррӏе" * 10**5)  # noqa: RUF001

    with within_cpu_seconds(3):
        for name in names:
            find_look_alike(name, BRANDS)
