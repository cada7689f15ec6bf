"""Special requests and listed terms in customers' texts."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.lexicon.asking import COPULAS
from app.core.reading.requests import LEXICON_DATE, TermFinding, TermKind, find_requests, find_terms, normalise
from tests.cpu import within_cpu_seconds

TEXTS = Path(__file__).parents[2] / "data" / "texts"
CATALOGUE = frozenset(
    {
        "ubuntu 22.04",
        "ubuntu 24.04",
        "debian 12",
        "debian 13",
        "almalinux 9",
        "rocky linux 9",
        "windows server 2022",
        "windows server 2025",
        "cpanel",
        "plesk",
        "softaculous",
    }
)


def kinds(text: str, **arguments: Any) -> set[str]:
    return {str(finding.kind) for finding in find_requests(text, where="notes", **arguments)}


def labelled(name: str) -> Iterator[tuple[str, set[str]]]:
    for line in (TEXTS / name).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield row["text"], set(row["kinds"])


def rates(pairs: list[tuple[set[str], set[str]]]) -> tuple[float, float]:
    """Return (precision, recall) of finding anything at all."""
    hit = sum(bool(found and wanted) for found, wanted in pairs)
    return hit / sum(bool(found) for found, _ in pairs), hit / sum(bool(wanted) for _, wanted in pairs)


# `requests.jsonl` was used for tuning. `requests_holdout.jsonl` was written before the lexicon, by its author: first
# measured 1.00 precision, 0.96 recall. `requests_blind.jsonl` was written after the lexicon: first measured 0.97 and
# 0.83, which is to be expected for unseen texts; its misses were then reviewed and the general ones fixed.
@pytest.mark.parametrize(
    ("name", "size", "precision", "recall"),
    [
        ("requests.jsonl", 300, 0.99, 0.97),
        ("requests_holdout.jsonl", 100, 0.97, 0.96),
        ("requests_blind.jsonl", 80, 0.97, 0.95),
    ],
)
def test_requests_are_found_and_others_left_alone(name: str, size: int, precision: float, recall: float) -> None:
    pairs = [(kinds(text, catalogue=CATALOGUE), wanted) for text, wanted in labelled(name)]
    measured = rates(pairs)
    assert len(pairs) >= size
    assert measured[0] >= precision
    assert measured[1] >= recall


@pytest.mark.parametrize("kind", [kind for kind in TermKind if kind is not TermKind.LISTED])
@pytest.mark.parametrize("name", ["requests.jsonl", "requests_holdout.jsonl", "requests_blind.jsonl"])
def test_each_kind_is_told_apart(name: str, kind: TermKind) -> None:
    pairs = [(kinds(text, catalogue=CATALOGUE) & {str(kind)}, wanted & {str(kind)}) for text, wanted in labelled(name)]
    precision, recall = rates(pairs)
    assert precision >= 0.95
    assert recall >= 0.9


def test_finding_names_the_lexicons_term_and_its_place() -> None:
    text = "Hello,\n\nplease use <b>CentOS 6.10</b>"
    (finding,) = find_requests(text, where="ticket")
    assert finding == TermFinding(kind=TermKind.OS_OLD, term="centos 6", where="ticket", start=19)
    assert normalise(text)[finding.start :].startswith("centos")


@pytest.mark.parametrize(
    ("text", "catalogue", "expected"),
    [
        ("please install freebsd 14", {"freebsd 14"}, set()),
        ("please install freebsd 14.2", {"freebsd 14"}, set()),
        ("freebsd", {"freebsd 14"}, set()),
        ("freebsd 15", {"freebsd 14"}, {"os_unusual"}),
        ("centos 7", {"centos 7 (64 bit)"}, set()),
        ("centos 7", {"centos"}, set()),
        ("debian 12", set(), set()),
        ("debian 12", {"ubuntu 24.04"}, {"os_unusual"}),
        ("arch linux", {"arch linux"}, set()),
        ("please install cpanel", {"cpanel"}, set()),
        ("please install cpanel", set(), {"install", "package"}),
        ("please install cpanel and docker", {"cpanel"}, {"package"}),
        ("nginx please", {"vps m"}, {"package"}),
    ],
)
def test_what_the_cart_offers_is_no_special_request(text: str, catalogue: set[str], expected: set[str]) -> None:
    assert kinds(text, catalogue=frozenset(catalogue)) == expected


@pytest.mark.parametrize(
    ("day", "expected"),
    [(date(2019, 4, 25), set()), (date(2019, 4, 26), {"os_old"}), (LEXICON_DATE, {"os_old"})],
)
def test_versions_are_judged_by_the_time_of_the_order(day: date, expected: set[str]) -> None:
    assert kinds("Ubuntu 14.04", on=day) == expected


@pytest.mark.parametrize(
    "text",
    [
        "don't install anything, please",
        "please do not migrate my sites",
        "docker, nginx and redis are not needed",
        "Do you install docker?",
        "Windows 7?",
        "please install nothing",
        "can you tell me how to install wordpress?",
        "> please install docker\n>> and windows 2008",
        "Thanks\n-- \nplease install docker",
    ],
)
def test_refusals_questions_and_quotes_ask_for_nothing(text: str) -> None:
    assert kinds(text) == set()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I can't install docker myself. Please do it: install docker", {"install", "package"}),
        ("No cPanel, but please set up reverse DNS", {"custom_config"}),
        ("How do I install docker? Or could you install it for me?", {"install", "package"}),
        ("We already migrated, please set the PTR", {"custom_config"}),
    ],
)
def test_what_blocks_ends_where_somebody_asks(text: str, expected: set[str]) -> None:
    found = kinds(text)
    assert found
    assert found <= expected


@pytest.mark.parametrize(
    ("text", "terms", "expected"),
    [
        ("cheap-casino-bonus.example", ["casino"], [("casino", 6)]),
        ("CASINO24.example", ["casino"], [("casino", 0)]),
        ("onlinecasino.example", ["online casino"], [("online casino", 0)]),
        ("Online-Casino", ["online casino", "casino"], [("online casino", 0), ("casino", 7)]),
        ("casino bonus", ["casino bonus", "casino"], [("casino", 0), ("casino bonus", 0)]),
        ("occasion.example", ["casino"], []),
        ("Caf\u00e9 Poker", ["cafe poker"], [("cafe poker", 0)]),
        ("no spam, no casino", ["Casino", "spam"], [("spam", 3), ("Casino", 12)]),
        ("anything", ["", " ", "-"], []),
        ("", ["casino"], []),
    ],
)
def test_listed_terms_are_whole_words(text: str, terms: list[str], expected: list[tuple[str, int]]) -> None:
    found = find_terms(text, terms, where="domain")
    assert [(finding.term, finding.start) for finding in found] == expected
    assert all(finding.kind is TermKind.LISTED and finding.where == "domain" for finding in found)


ASKING = ["please", "install", "docker", "no", "need", "centos 6", "can you", "how do i", "migrate", "my", "site", ","]
WRITING = st.lists(st.sampled_from([*ASKING, *sorted(COPULAS), "\n", ". ", "? ", ":\n- ", "myself"])).map(" ".join)


@given(st.one_of(st.text(), WRITING))
def test_any_text_is_read_the_same_way_twice(text: str) -> None:
    found = find_requests(text, where="notes", catalogue=CATALOGUE)
    assert found == find_requests(text, where="notes", catalogue=CATALOGUE)
    assert list(found) == sorted(found, key=lambda finding: (finding.start, finding.kind))
    assert len({(finding.kind, finding.term) for finding in found}) == len(found)
    assert all(0 <= finding.start < len(normalise(text)) for finding in found)


@given(WRITING, st.lists(st.sampled_from(ASKING)).map(" ".join))
def test_quoting_somebody_adds_no_request(text: str, quote: str) -> None:
    plain = find_requests(text, where="notes")
    assert find_requests(f"{text}\n> {quote}", where="notes") == plain
    assert find_requests(f"{text}\n\nOn Monday, Jo wrote:\n> {quote}\n> {quote}", where="notes") == plain
    assert find_requests(f"{text}\n-----Original Message-----\n{quote}", where="notes") == plain


@given(st.text(), st.lists(st.text(max_size=20)))
def test_listed_terms_never_raise(text: str, terms: list[str]) -> None:
    assert all(0 <= finding.start < len(normalise(text)) for finding in find_terms(text, terms, where="notes"))


@pytest.mark.parametrize(
    "unit",
    ["a", "please ", "<", "<a@", "<blockquote>", "&amp;", "on x wrote ", "a.", "a-", "1.", "\n", "\n--\n", "--\n> x\n",
     "\nOn x\n", "e\u0301", "\ufdfa", "docker ", "install nothing ", "x@y.", "i ", "'", "-", "no need to install "],
)  # fmt: skip
def test_a_megabyte_of_malice_is_read_quickly(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    with within_cpu_seconds(2):
        find_requests(text, where="notes", catalogue=CATALOGUE)
        find_terms(text, ["casino", "online casino"], where="notes")
