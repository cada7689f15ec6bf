"""All texts of an order: a request is found wherever it is written, or unread text is reported."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.facts import Cut, TextCut
from app.core.judgement.written import Reading, Written, read
from app.core.reading.text import MAX_TEXT

ON = date(2026, 11, 21)
WISHES = ["Please install docker.", "We need CentOS 6.", "Please migrate our old site."]
PADDING = [
    "thank you. ", "\n", "a", "a.a.a. ", "7 gb ", "\u200b", "\u00ad", "\u202e", "&nbsp;", "\u3000", "\u3164", "<b></b>",
    "<!-- -->", "<p>\n", "fine\n", "> fine\n", "\u4f60\u597d ", "&#8203;", "<br>", "thanks!\n\n",
]  # fmt: skip


def reading(*texts: str, where: str = "notes") -> Reading:
    return read([Written(where=where, text=text) for text in texts], on=ON)


def found(of: Reading) -> set[tuple[str, str]]:
    return {(finding.kind.value, finding.term) for finding in of.requests}


@settings(deadline=None, max_examples=60)
@given(
    wish=st.sampled_from(WISHES), before=st.sampled_from(PADDING), after=st.sampled_from(PADDING),
    many=st.integers(0, 12_000), more=st.integers(0, 2_000),
)  # fmt: skip
def test_padding_hides_no_wish(wish: str, before: str, after: str, many: int, more: int) -> None:
    text = f"{before * many}\n\n{wish}\n\n{after * more}"[:MAX_TEXT]
    cut = len(f"{before * many}\n\n{wish}") > MAX_TEXT

    read_whole = reading(text)

    assert found(reading(wish)) <= found(read_whole) or read_whole.cut or cut


@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_behind_20_000_characters_is_read(wish: str) -> None:
    assert found(reading("thank you. " * 20_000 + wish)) == found(reading(wish)) != set()


@pytest.mark.parametrize(
    "hidden", ["> {}", "<blockquote>{}</blockquote>ok", "hello\n-- \n{}", '<p title="{}">', "<i {}>"]
)
@pytest.mark.parametrize("wish", WISHES)
def test_a_wish_that_looks_like_anothers_is_looked_at(wish: str, hidden: str) -> None:
    assert reading(hidden.format(wish)).cut == (TextCut(where="notes", why=Cut.REQUEST_LEFT_OUT),)
    assert reading(hidden.format("how are you")).cut == ()
    assert reading(f"{wish}\n\n" + hidden.format(wish)).cut == ()


def test_terms_left_out_are_looked_at_where_the_policy_lists_them() -> None:
    of = reading("hello\n> about casinos, casino royale")
    assert of.listed(("casino",), domains=True) == ()
    assert of.cut_by(("casino",)) == (TextCut(where="notes", why=Cut.TERM_LEFT_OUT),)
    assert of.cut_by(("poker",)) == ()


def test_all_texts_together_have_one_limit() -> None:
    half = "fine. " * (MAX_TEXT // 10)
    of = reading(half, half, half, where="custom_field")
    assert of.cut == (TextCut(where="custom_field", why=Cut.TOO_LONG),)
    assert reading(half, where="custom_field").cut == ()


def test_a_request_in_the_hundredth_field_is_read() -> None:
    assert found(reading(*["fine"] * 99, WISHES[0], where="custom_field"))
