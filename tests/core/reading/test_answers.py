"""A customer's expected usage, from order form fields and from lines that look like them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.judgement.vetting import expected_uses
from app.core.reading.answers import find_answer, find_in_lines
from app.core.reading.kinds import ExpectedUse
from app.core.reading.quantities import MOST
from tests.cpu import within_cpu_seconds

STORAGE, TRAFFIC, VISITORS, MAILS = "gb_storage", "gb_traffic_month", "visitors_day", "mails_day"

ANSWERS: list[tuple[str, str, dict[str, int]]] = [
    # the label names what is counted, and the period
    ("Visitors per day", "50,000", {VISITORS: 50_000}),
    ("How many visitors a day do you expect?", "about 50.000 - 60.000", {VISITORS: 60_000}),
    ("Expected daily page views", "1 million", {VISITORS: 1_000_000}),
    ("Visitors per month", "60000", {VISITORS: 2_000}),
    ("Besucher pro Tag", "rund 40.000", {VISITORS: 40_000}),
    ("Tägliche Besucher", "20.000", {VISITORS: 20_000}),
    ("Mails per day", "5k", {MAILS: 5_000}),
    ("Daily newsletter volume", "max. 5000", {MAILS: 5_000}),
    # the answer has its unit, or the label has
    ("Expected traffic per month", "10 TB", {TRAFFIC: 10_000}),
    ("Monatlicher Datenverkehr", "5 TB", {TRAFFIC: 5_000}),
    ("Monthly traffic (in TB)", "10", {TRAFFIC: 10_000}),
    ("Traffic (GB/month)", "5000", {TRAFFIC: 5_000}),
    ("Traffic (GB/month)", "5 TB", {TRAFFIC: 5_000}),
    ("Disk space", "800 GB", {STORAGE: 800}),
    ("Speicherplatz in GB", "300", {STORAGE: 300}),
    # the answer's own words come first
    ("What will you host?", "a shop with 10 TB traffic a month", {TRAFFIC: 10_000}),
    ("Monthly traffic", "2 TB/day", {TRAFFIC: 60_000}),
    ("Visitors", "40.000 pro Tag", {VISITORS: 40_000}),
    ("Load", "40000 visitors per day", {VISITORS: 40_000}),
    # nothing ambiguous
    ("Visitors per day", "I don't know yet", {}),
    ("Visitors per day", "we started in 2019", {}),
    ("Visitors", "200", {}),  # period unknown
    ("RAM (GB)", "64", {}),
    ("Port", "10 GB", {}),
    ("Mailboxes", "5000", {}),
    ("E-mail address", "5@example.com", {}),
    ("VAT number", "123456789", {}),
    ("Phone, 9 to 5 each day", "+49 30 1234567", {}),
    ("Visitors per day", "", {}),
    ("", "50000", {}),
]


@pytest.mark.parametrize(("label", "answer", "amounts"), ANSWERS)
def test_an_answer_is_read_with_its_label(label: str, answer: str, amounts: dict[str, int]) -> None:
    assert {use.unit: use.amount for use in find_answer(label, answer, where="custom_field")} == amounts


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("Visitors per day: 50,000\nTraffic per month: 10 TB\nRAM: 64 GB", {VISITORS: 50_000, TRAFFIC: 10_000}),
        ("- Mails per day = 5000", {MAILS: 5_000}),
        ("Hello,\nDisk space (GB): 800\nThank you", {STORAGE: 800}),
        ("Hello: we saw 500 visitors", {}),
        ("https://shop.example:8443/visitors?day=50000", {}),
        ("Opening hours per day: 9:00 to 17:00", {}),
    ],
)
def test_lines_of_a_form_are_read_in_notes(text: str, amounts: dict[str, int]) -> None:
    assert {use.unit: use.amount for use in find_in_lines(text, where="notes")} == amounts


def test_the_largest_amount_counts_wherever_it_stands() -> None:
    texts = [("notes", "Visitors per day: 300"), ("custom_field", "50,000")]
    found = expected_uses(texts, [("Visitors per day", "50,000"), ("Traffic", "2 TB")])
    assert found == (
        ExpectedUse(unit=TRAFFIC, amount=2_000, where="custom_field"),
        ExpectedUse(unit=VISITORS, amount=50_000, where="custom_field"),
    )


@given(label=st.text(max_size=200), answer=st.text(max_size=200))
def test_any_form_can_be_read(label: str, answer: str) -> None:
    for use in (*find_answer(label, answer, where="x"), *find_in_lines(f"{label}: {answer}", where="x")):
        assert 0 < use.amount <= MOST


@pytest.mark.parametrize("piece", ["a: 1\n", "visitors per day: ", "1 ", "traffic (gb): 1\n", ": " * 3 + "9\n"])
def test_long_texts_are_read_in_no_time(piece: str) -> None:
    text = (piece * 40_000)[:200_000]
    with within_cpu_seconds(2):
        find_in_lines(text, where="notes")
        find_answer(text, text, where="custom_field")
