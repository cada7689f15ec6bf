"""The model: exact sums, a file that is checked, words that are told apart, and what a mail itself says."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.model import groups
from app.core.reading.model.features import Features, letters_of
from app.core.reading.model.groups import Groups
from app.core.reading.model.mail import own_words
from app.core.reading.model.marks import Word, sentences
from app.core.reading.model.scoring import STEPS, WHOLE, probabilities, weigh
from app.core.reading.model.weights import Block, Document, ModelError, Packer, load, saved, shipped


def small_block(names: list[str | int], weights: list[list[int]], *, rarity: int = 64, share: int = 64) -> Block:
    raw = b"".join((value & 255).to_bytes(1, "little") for row in weights for value in row)
    return Block(names=names, rarity=[rarity] * len(names), weights=base64.b64encode(raw).decode(), share=share)


def document(**changes: object) -> Document:
    given_values: dict[str, object] = {
        "format": 1, "version": "small", "groups": groups.DIGEST, "corpus": "", "classes": ["a", "b"], "bias": [0, 10],
        "heat": 16, "order_from": 1, "answer_from": 1, "words": small_block(["x", "y"], [[127, -128], [-1, 1]]),
        "letters": small_block([], []), "ordering": small_block([], []), "topics": small_block([], []),
    }  # fmt: skip
    return Document(**given_values | changes)  # type: ignore[arg-type]


def features(*words: str) -> Features:
    return Features(set(words), set(), set(), set())


def test_a_model_is_read_back_as_it_was_saved() -> None:
    model = load(saved(document()), name="small")
    assert model.document == document()
    assert model.version == "small"


def test_margins_are_the_sums_of_weights_by_the_length_of_the_block() -> None:
    model = load(saved(document()), name="small")
    assert weigh(model, features("x")).margins == [127 * 64, -128 * 64 + 10]
    both = weigh(model, features("x", "y", "unknown")).margins
    length = 90  # of (64, 64), rounded down
    assert both == [64 * 64 * 126 // length, 64 * 64 * -127 // length + 10]
    assert weigh(model, features()).margins == [0, 10]


@given(st.lists(st.tuples(st.integers(-128, 127), st.integers(-128, 127), st.integers(-128, 127)), max_size=200))
def test_packed_rows_add_up_like_single_numbers(rows: list[tuple[int, int, int]]) -> None:
    packer = Packer(3)
    total = sum(packer.packed(bytes(value & 255 for value in row)) * 700 + packer.last(9) for row in rows)
    expected = [sum(row[at] for row in rows) * 700 for at in range(3)]
    assert packer.unpacked(total) == [*expected, 9 * len(rows)]
    assert [packer.fields([total], at) for at in range(3)] == [[one] for one in expected]


@given(st.lists(st.integers(-20 * STEPS, 20 * STEPS), min_size=2, max_size=22), st.integers(1, 160))
def test_probabilities_add_up_and_keep_the_order(margins: list[int], heat: int) -> None:
    found = probabilities(margins, heat)
    assert WHOLE - len(found) <= sum(found) <= WHOLE
    assert [found[at] for at in sorted(range(len(found)), key=lambda at: margins[at])] == sorted(found)


def test_probabilities_are_those_of_the_exponential_function() -> None:
    first, second = probabilities([STEPS, 0], 16)
    assert first / WHOLE == pytest.approx(0.7311, abs=0.001)
    assert second / WHOLE == pytest.approx(0.2689, abs=0.001)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "damaged"),
        (b"no digest at all", "damaged"),
        (saved(document())[:-1], "damaged"),
        (saved(document()).replace(b"\n", b"\n ", 1), "damaged"),
        (saved(document(groups="other")), "other groups of words"),
        (saved(document(format=2)), "format 2"),
        (saved(document(bias=[1])), "not as many"),
        (saved(document(words=small_block(["x"], [[1, 2], [3, 4]]))), "not as many"),
        (saved(document(words=msgspec.structs.replace(small_block([], []), weights="?"))), "base64"),
    ],
)
def test_a_damaged_file_is_named_and_not_read(content: bytes, said: str) -> None:
    with pytest.raises(ModelError, match=f"^mine: .*{said}"):
        load(content, name="mine")


def test_the_shipped_model_is_read_once() -> None:
    assert shipped() is shipped()
    assert 0 < shipped().document.order_from < WHOLE


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("another vps like srv-0231, 49 eur", "another vps like <host> <amount>"),
        ("a /29 on 203.0.113.7 (order #1201)", "a <range> on <ip> order <number>"),
        ("ubuntu 24.04 lts and windows server 2022", "<os> and <os>"),
        ("8gb ram, 2 tb disk, 4 cores", "<size> ram <size> disk <size>"),
        ("my-shop.example or a@b.example or https://x.example/y", "<domain> or <mail> or <url>"),
        ("pls don't re-install 4711", "please don't re install <count>"),
        ("2 servers, 12 months", "2 servers <count> months"),
    ],
)
def test_addresses_amounts_and_names_are_marks(text: str, words: str) -> None:
    [sentence] = sentences(text)
    assert " ".join(word.text for word in sentence.words) == words


def test_sentences_end_at_marks_and_line_breaks_but_not_where_a_line_is_wrapped() -> None:
    wrapped = "this is a long line of more than fifty-eight characters that\ngoes on. Is it? yes\n\nlast"
    found = sentences(wrapped)
    assert [(len(one.words), one.asks) for one in found] == [(14, False), (2, True), (1, False), (1, False)]


def test_groups_are_found_by_phrases_and_stems_with_their_places() -> None:
    some = Groups({"more": ["one more", "extra"], "end": ["cancel*", "{stop|end} it"], "one": ["one"]})
    words = [Word(text, 0, 0) for text in ["one", "more", "cancellation", "please", "end", "it"]]
    assert some.hits(words) == [(2, 0, 1), (0, 0, 2), (1, 2, 3), (1, 4, 6)]


def test_letters_of_a_word() -> None:
    assert list(letters_of("vps")) == ["<vp", "vps", "ps>", "<vps", "vps>", "<vps>"]


@pytest.mark.parametrize(
    ("mail", "own"),
    [
        ("Please reboot.\n\nBest regards,\nJo Doe\nCTO, Acme\n+49 30 1234", "please reboot."),
        ("Please reboot.\nSent from my iPhone", "please reboot."),
        ("Please reboot.\nThis e-mail is confidential. Delete it.\nAnd more", "please reboot."),
        ("Please reboot.\nCheers, Jo\nPS: and a second IP, please", "please reboot.\nps: and a second ip, please"),
        ("Best regards to all of you and thank you for the quick help of last week!", None),
        ("broken server\nbroken mail", None),
        ("> quoted\nok\n\nOn Monday Support wrote:\n> shall we?", "ok"),
        ("<p>Please <b>reboot</b></p><blockquote>old</blockquote>", "please reboot"),
        (
            "---------- Forwarded message ---------\nFrom: Jo\n> get us a server\n\nplease do",
            "get us a server\n\nplease do",
        ),
        ("see below\n-- Forwarded message --\nFrom: Jo\nget us a server", "see below"),
        ("Mit freundlichen Grüßen\nJo", None),
    ],
)
def test_what_a_mail_itself_says(mail: str, own: str | None) -> None:
    assert own_words(mail) == (mail.lower().replace("ü", "u").replace("ß", "ss") if own is None else own)


def test_of_a_long_text_beginning_end_and_lines_that_come_once_are_read() -> None:
    middle = "thank you very much\n" * 20_000
    assert "second vps" in own_words(f"{middle}order a second vps\n{middle}")
    assert len(own_words("".join(f"line {number}\n" for number in range(100_000)))) <= 12_100
