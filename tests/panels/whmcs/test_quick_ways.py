"""Plain answers are parsed by a fast path with the same results as the tolerant parser."""

import json
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.text import normalise
from app.panels.whmcs import wire
from app.panels.whmcs.answers import decode

# The fast paths do not accept blanks around a value or a byte-order mark before an answer.
DATES = st.dates().map(str)
TIMES = st.datetimes().map(lambda at: at.strftime("%Y-%m-%d %H:%M:%S")) | st.from_regex(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}", fullmatch=True
)
NUMBERS = st.integers(-(10**20), 10**20).map(str) | st.text("0123456789²٣", min_size=1, max_size=20)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(DATES | TIMES | st.text("0123456789-/. :", max_size=20))
def test_days_and_times(written: str) -> None:
    assert wire.day(written) == wire.day(f" {written}")
    assert wire.local_moment(written) == wire.local_moment(f" {written}")


@given(NUMBERS)
def test_whole_numbers(written: str) -> None:
    assert wire.integer(written) == wire.integer(f" {written} ")


@given(st.text(st.characters(max_codepoint=127, exclude_characters="&")))
def test_texts(written: str) -> None:
    assert f"{wire.text(written)}é" == wire.text(f"{written}é")


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=4))
def test_answers(answer: dict[str, object]) -> None:
    body = json.dumps(answer).encode()
    assert decode(body) == decode(b"\xef\xbb\xbf" + body)


@pytest.mark.parametrize("amount", ["49.10", "1e400", "-0.0", "0.1"])
def test_an_amount_without_quotes_keeps_its_digits(amount: str) -> None:
    assert decode(b'{"result":"success","total":%b}' % amount.encode())["total"] == amount


@given(st.text(string.ascii_letters + string.digits + ".-", min_size=1))
def test_names_of_domains(name: str) -> None:
    # "--" begins a signature, and a line that begins with "-" or "." may be more than a name
    written = f"a{name}"
    assert normalise(f"{written} b") == f"{normalise(written)} b"
