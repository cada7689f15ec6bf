"""A text without mark-up, quotes and signatures."""

from collections.abc import Iterator, Mapping
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.lexicon import asking, software, work
from app.core.reading.quantities import find_expected
from app.core.reading.requests import find_requests, find_terms
from app.core.reading.text import MAX_TEXT, expand, is_cut, left_out, normalise, tokens
from app.core.reading.topics import classify
from tests.cpu import cpu_seconds, within_cpu_seconds


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


@pytest.mark.parametrize("module", [asking, software, work])
def test_the_lexicon_is_written_as_the_reader_reads_it(module: ModuleType) -> None:
    lists = [value for name, value in vars(module).items() if name.isupper() and not isinstance(value, str)]
    phrases = [phrase for value in lists for pattern in patterns(value) for phrase in expand(pattern)]
    assert phrases
    for phrase in phrases:
        assert not set(phrase) & set("{}|"), phrase
        assert len(phrase) > 1 or phrase == "u", phrase  # a missing comma turns a tuple into a text
        assert phrase == normalise(phrase), phrase


@given(st.text())
def test_normalising_never_raises_and_stays_short(text: str) -> None:
    plain = normalise(text)
    assert len(plain) <= MAX_TEXT
    assert all(0 <= token.start < len(plain) for token in tokens(plain))


@pytest.mark.parametrize(
    "text",
    [
        "in\u00adst\u200ball doc\u2060ker",
        "install\u202e docker",
        "install\u3164docker",
        "install\u2800docker",
        "install\uffa0docker",
        "install\u180edocker",
        "install\u2003docker",
        "i\u034fn\u0336s\ufe00t\U000e0100all docker",
        "inst&shy;all&#8195;docker",
        "inst&amp;shy;all&amp;nbsp;docker",
        "&#0000000105;nstall docker",
        "<!-- install docker -->",
        "instal\u200dl docker",
        "\U0001d422\U0001d427\U0001d42c\U0001d42d\U0001d41a\U0001d425\U0001d425 docker",
    ],
)
def test_what_nobody_sees_hides_no_word(text: str) -> None:
    assert "install docker" in normalise(text)


@pytest.mark.parametrize(
    "text",
    [
        "> install docker",
        "fine\n>> install docker\nthanks",
        "<blockquote>install docker</blockquote>thanks",
        "<style>install docker</style>",
        "<b install docker>",
        "<install docker>",
        "<! install docker>",
        '<p title="install docker">hello',
        "hello\n-- \ninstall docker",
        "hello\n-----Original Message-----\ninstall docker",
        "hello\nOn Monday please install docker, Jo wrote:\n> hello",
        "hello\nFrom: Jo\nSent: now\ninstall docker",
    ],
)
def test_what_is_left_out_is_there_to_be_read(text: str) -> None:
    assert "install docker" not in normalise(text)
    assert "install docker" in left_out(text)


def test_nothing_is_left_out_of_plain_words() -> None:
    assert left_out("hello,\n\nplease install <b>docker</b>. 3 < 4 > 2") == ""


@pytest.mark.parametrize("digits", ["1" * 5_000, "0" * 5_000 + "105", "9" * 200_000])
def test_a_number_too_long_for_python_is_no_error(digits: str) -> None:
    assert normalise(f"mine &#{digits}; too").startswith("mine")
    assert classify(f"&#{digits}", f"&amp;#{digits};").order_intent == "none"


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("a" * MAX_TEXT, False),
        ("a" * (MAX_TEXT + 1), True),
        ("\ufdfa" * (MAX_TEXT // 18), False),
        ("\ufdfa" * (MAX_TEXT // 18 + 1), True),
        ("&#65018;" * (MAX_TEXT // 18 + 1), True),
        ("", False),
    ],
)
def test_what_is_beyond_the_limit_is_said(text: str, cut: bool) -> None:
    assert is_cut(text) is cut


SHAPES = [
    "thank you. ", "a", "a.a.a.", "\n", "x\n", "\u00e9\u4f60 ", "7", "7 gb ", "> quoted\n", "-- \nJo Doe\n", "a@",
    "<b>", "<blockquote>", "<script></style>", "&amp;", "\ufdfa", "a\u0301\u0323", "\u0301\u0323", "please docker ",
    "install docker, ", "docker not needed ", "on wrote wrote\n", "visitors per day = 5\n",
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_the_work_grows_with_the_length_and_no_faster(shape: str) -> None:
    def seconds(size: int) -> float:
        text = (shape * (size // len(shape) + 1))[:size]
        with cpu_seconds() as spent:
            classify("", text)
            find_terms(text, ("casino",), where="notes")
            find_expected(text, where="notes")
            left_out(text)
        return spent[0]

    assert seconds(MAX_TEXT // 2) < 12 * (seconds(MAX_TEXT // 8) + 0.02)


@pytest.mark.parametrize("unit", ["please docker ", "docker, install ", "install docker, not needed, "])
def test_one_endless_sentence_is_walked_through_once(unit: str) -> None:
    with within_cpu_seconds(5):
        find_requests("install docker, " + unit * (MAX_TEXT // 2 // len(unit)) + "not needed " * 10_000, where="notes")
