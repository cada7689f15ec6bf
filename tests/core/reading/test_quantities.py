"""A customer's expected usage, as a provider would read it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.quantities import MOST, UseUnit, find_expected
from tests.cpu import within_cpu_seconds

STORAGE, TRAFFIC, VISITORS, MAILS = "gb_storage", "gb_traffic_month", "visitors_day", "mails_day"

CASES: list[tuple[str, dict[str, int]]] = [
    # traffic, a month
    ("10 TB traffic a month", {TRAFFIC: 10_000}),
    ("1 TB/mo", {TRAFFIC: 1_000}),
    ("100 GB per day", {TRAFFIC: 3_000}),
    ("up to 5TB of bandwidth per month", {TRAFFIC: 5_000}),
    ("etwa 1,5 TB Traffic pro Monat", {TRAFFIC: 1_500}),
    ("12 TB Datenverkehr im Jahr", {TRAFFIC: 987}),
    ("1.500 TB traffic per month", {TRAFFIC: 1_500}),  # nobody needs thousands of terabytes
    ("traffic: 2 TB", {TRAFFIC: 2_000}),
    ("0.5 PB egress monthly", {TRAFFIC: 500_000}),
    # storage
    ("50 GB of files", {STORAGE: 50}),
    ("50 GB Dateien", {STORAGE: 50}),
    ("Speicherplatz von etwa 300 GB", {STORAGE: 300}),
    ("1,250.5 GB storage", {STORAGE: 1_251}),
    ("1.250,5 GB Speicherplatz", {STORAGE: 1_251}),
    ("500 MB of photos", {STORAGE: 1}),
    ("200 GB of photos per month", {STORAGE: 200}),
    ("2 terabytes of backups", {STORAGE: 2_000}),
    # both, in each order
    ("storage 500 GB, traffic 10 TB", {STORAGE: 500, TRAFFIC: 10_000}),
    ("10 TB traffic and 500 GB storage", {STORAGE: 500, TRAFFIC: 10_000}),
    ("traffic: 2 TB storage: 100 GB", {STORAGE: 100, TRAFFIC: 2_000}),
    ("100 GB storage 2 TB traffic", {STORAGE: 100, TRAFFIC: 2_000}),
    # visitors, a day
    ("500k visitors per day", {VISITORS: 500_000}),
    ("500k daily visitors", {VISITORS: 500_000}),
    ("500 000 visitors per day", {VISITORS: 500_000}),
    ("täglich 500.000 Besucher", {VISITORS: 500_000}),
    ("1.500 Besucher am Tag", {VISITORS: 1_500}),
    ("1.500.000 Besucher im Monat", {VISITORS: 50_000}),
    ("3 Mio. Besucher pro Monat", {VISITORS: 100_000}),
    ("2 Tsd. Besucher täglich", {VISITORS: 2_000}),
    ("monthly 3M visits", {VISITORS: 100_000}),
    ("1'000'000 hits a month", {VISITORS: 33_334}),
    ("half a million users per day", {VISITORS: 500_000}),
    ("1,25 Millionen Seitenaufrufe pro Tag", {VISITORS: 1_250_000}),
    # mails, a day
    ("2 million mails/day", {MAILS: 2_000_000}),
    ("we send 20000 newsletters a week", {MAILS: 2_858}),
    ("about 500 mails per 24h", {MAILS: 500}),
    ("2026-11-22: 500 mails per hour", {MAILS: 12_000}),
    # ranges: the upper end; several of a kind: the largest
    ("10-20 TB bandwidth", {TRAFFIC: 20_000}),
    ("between 10 and 20 TB of traffic monthly", {TRAFFIC: 20_000}),
    ("10k-50k visitors a day", {VISITORS: 50_000}),
    ("50 bis 80 GB Speicher", {STORAGE: 80}),
    ("20 GB files now, 90 GB files next year", {STORAGE: 90}),
    # absurd numbers are bounded
    ("9999999999999999 TB traffic per month", {TRAFFIC: MOST}),
    ("0 visitors per day", {}),
    # other quantities
    ("I need 500 GB", {}),
    ("16 GB RAM and 8 cores", {}),
    ("a 10 Gbit uplink, 10 GB/s", {}),
    ("Ubuntu 22.04 and PHP 8.2", {}),
    ("8.2.15 visitors per day", {}),
    ("192.168.1.100 visitors per day", {}),
    ("call +49 30 1234567 about the mails", {}),
    ("$500 per month", {}),
    ("300 EUR per month for 2 TB", {}),
    ("5000 mails in my mailbox", {}),
    ("5 users", {}),
    ("order no. 4711, invoice 2026-118", {}),
    ("", {}),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_a_text_says_how_much(text: str, expected: dict[str, int]) -> None:
    found = find_expected(text, where="notes")
    assert {use.unit: use.amount for use in found} == expected
    assert {use.where for use in found} <= {"notes"}


@given(st.text(max_size=400))
def test_no_text_is_too_odd(text: str) -> None:
    for use in find_expected(text, where="notes"):
        assert use.unit in set(UseUnit)
        assert 0 < use.amount <= MOST


_PIECES = ["1", "10", "1.000", ",", " ", "-", "k", "million", "gb", "tb", "visitors", "mails", "per", "day", "/", "a",
           "traffic", "files", "to", "\n", "ß", "٣"]  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES), max_size=60).map("".join))
def test_nothing_that_looks_like_an_amount_breaks_it(text: str) -> None:
    for use in find_expected(text, where="notes"):
        assert 0 < use.amount <= MOST


@given(st.integers(1, 10**6), st.sampled_from(["visitors per day", "GB traffic per month", "GB of files"]))
def test_plain_numbers_are_read_to_the_digit(amount: int, what: str) -> None:
    (found,) = find_expected(f"We expect {amount} {what}.", where="notes")
    assert found.amount == amount
    (grouped,) = find_expected(f"We expect {amount:,} {what}.", where="notes")
    assert grouped.amount == amount


HOSTILE = ["1", "1 ", "1.000,", "10 gb ", "a million ", "1-", "000 ", "per day ", "daily a a ", "1 k 1 k ", "1 000 ",
           "1 to ", "12345678901234567890123 ", "gb traffic ", "1k-", "9 visitors a "]  # fmt: skip


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_texts_cost_milliseconds(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    with within_cpu_seconds(1):
        find_expected(text, where="notes")
