"""What is left of a text when mark-up, quotes and signatures are gone."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core import lexicon, lexicon_software, lexicon_ticket_pairs, lexicon_tickets, lexicon_work
from app.core.terms_text import MAX_TEXT, expand, normalise, tokens


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello <b>W&ouml;rld</b>", "hello world"),
        ("it&#039;s &amp;amp; done", "it's & done"),
        ("one<br>two<p>three</p>", "one\ntwo\nthree"),
        ("<script>please install</script>ok", "ok"),
        ("<blockquote>please install</blockquote>ok", "ok"),
        ("null\x00 and \ud800 surrogate", "null and surrogate"),
        ("zero\u200bwidth", "zerowidth"),
        ("\uff35\uff42\uff55\uff4e\uff54\uff55", "ubuntu"),
        ("> quoted\nmine", "mine"),
        ("&gt; quoted\nmine", "mine"),
        ("mine\nOn Mon, 3 Mar 2026, Jo <jo@a.example> wrote:\n> theirs\nmine too", "mine\nmine too"),
        ("mine\nOn Mon, 3 Mar 2026 at 10:00\nJo <jo@a.example> wrote:\n\ntheirs", "mine"),
        ("mine\nAm 3.3.2026 um 10:00 schrieb Jo:\n> theirs", "mine"),
        ("mine\n-----Original Message-----\ntheirs", "mine"),
        ("mine\nVon: Jo\nGesendet: Montag\ntheirs", "mine"),
        ("mine\n-- \nJo Doe\nWe install servers", "mine"),
        ("mine\n--\nJo Doe", "mine"),
        ("", ""),
    ],
)
def test_only_the_writers_own_words_stay(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_a_rule_between_long_parts_is_no_signature() -> None:
    text = "mine\n--\n" + "\n".join(f"line {number}" for number in range(20))
    assert normalise(text).endswith("line 19")


def test_a_tag_that_is_never_closed_hides_nothing() -> None:
    assert normalise("<blockquote>please install docker") == "please install docker"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("centos6.10", ["centos", "6.10"]),
        ("see ubuntu-fans.example now", ["see", "<host>", "now"]),
        ("mail me@a.example", ["mail", "<host>"]),
        ("don't install it. merci d'installer", ["don't", "install", "it", "<stop>", "merci", "d", "installer"]),
        ("node.js, php", ["node", "js", "<comma>", "php"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert [token.text for token in tokens(text)] == expected


def test_a_wrapped_line_is_one_sentence() -> None:
    text = "could you please be so kind and have a look whether you can\ninstall docker"
    assert "<stop>" not in [token.text for token in tokens(text)]


def test_patterns_stand_for_all_their_choices() -> None:
    assert expand("{i|we} {|really} need") == ("i need", "i really need", "we need", "we really need")


def patterns(values: Any) -> Iterator[str]:
    if isinstance(values, str):
        yield from values
    elif isinstance(values, Mapping):
        for value in values.values():
            yield from patterns(value)
    elif isinstance(values, tuple):
        for value in values:
            yield from (value,) if isinstance(value, str) else patterns(value)


@pytest.mark.parametrize("module", [lexicon, lexicon_software, lexicon_ticket_pairs, lexicon_tickets, lexicon_work])
def test_the_lexicon_is_written_as_the_reader_reads_it(module: ModuleType) -> None:
    lists = [value for name, value in vars(module).items() if name.isupper() and not isinstance(value, str)]
    phrases = [phrase for value in lists for pattern in patterns(value) for phrase in expand(pattern)]
    assert phrases
    for phrase in phrases:
        assert not set(phrase) & set("{}|"), phrase
        assert len(phrase) > 1 or phrase == "u", phrase  # a forgotten comma makes a text of a tuple
        assert phrase == normalise(phrase), phrase


@given(st.text())
def test_normalising_never_raises_and_stays_short(text: str) -> None:
    plain = normalise(text)
    assert len(plain) <= MAX_TEXT
    assert all(0 <= token.start < len(plain) for token in tokens(plain))
