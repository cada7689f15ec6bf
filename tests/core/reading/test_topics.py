"""Sorting tickets: topic, order intent, minutes, and why."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.reading.kinds import OrderIntent, Topic
from app.core.reading.model.weights import shipped
from app.core.reading.topics import DEFAULT_MINUTES, RunnerUp, TicketReading, classify
from tests.cpu import within_cpu_seconds

TEXTS = Path(__file__).parents[2] / "data" / "texts"


def labelled(name: str) -> Iterator[tuple[TicketReading, str, str]]:
    for line in (TEXTS / name).read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        reading = classify(row["subject"], row["message"], minutes=DEFAULT_MINUTES)
        yield reading, row["topic"], row["order_intent"]


# Three sets by authors of before there was a model, none of which it was trained on. They are easy ones.
@pytest.mark.parametrize(
    ("name", "size", "topics", "intents"),
    [
        ("tickets.jsonl", 190, 0.90, 0.95),
        ("tickets_holdout.jsonl", 60, 0.90, 0.95),
        ("tickets_blind.jsonl", 50, 0.90, 0.95),
    ],
)
def test_topics_and_intents_are_recognised(name: str, size: int, topics: float, intents: float) -> None:
    rows = list(labelled(name))
    assert len(rows) >= size
    assert sum(reading.topic == topic for reading, topic, _ in rows) / len(rows) >= topics
    assert sum(reading.order_intent == intent for reading, _, intent in rows) / len(rows) >= intents


@pytest.mark.parametrize("text", ["", " \n", "\x00", "\ud800", "> quoted\n> only", "<p></p>"])
def test_no_text_is_unknown(text: str) -> None:
    reading = classify(text, text, minutes=DEFAULT_MINUTES)
    assert reading == TicketReading(
        topic=Topic.UNKNOWN,
        confidence=0.0,
        order_intent=OrderIntent.NONE,
        order_intent_confidence=0.0,
        runner_up=None,
        minutes=DEFAULT_MINUTES[Topic.UNKNOWN],
        self_service=False,
        evidence=(),
        model=shipped().version,
    )


def test_minutes_come_from_the_policy() -> None:
    assert classify("Reboot", "please", minutes={Topic.REBOOT: 3}).minutes == 3
    assert classify("Reboot", "please", minutes={}).minutes == DEFAULT_MINUTES[Topic.REBOOT]


def test_evidence_is_words_of_the_ticket_for_the_topic_and_the_runner_up() -> None:
    reading = classify("Second box", "Could you set us up with one more vps like srv-0231? Same card.")
    assert reading.order_intent is OrderIntent.ORDER_BY_MESSAGE
    assert isinstance(reading.runner_up, RunnerUp)
    found = [one for one in reading.evidence if one.topic is Topic.ORDER]
    assert any("same card" in one.text for one in found)
    assert {one.where for one in found} <= {"subject", "message"}
    assert [one.weight for one in found] == sorted((one.weight for one in found), reverse=True)
    assert {one.topic for one in reading.evidence} <= {reading.topic, reading.runner_up.topic}


def test_evidence_has_no_address_and_no_word_that_the_model_does_not_know() -> None:
    secret = "Please reboot srv-0231 for zyxwvutgard, 203.0.113.9, boss@zyxwvutgard.example, it hangs"
    said = " ".join(one.text for one in classify("", secret).evidence)
    assert "reboot" in said
    assert not {"0231", "zyxwvutgard", "203", "boss"} & set(said.replace(".", " ").replace("-", " ").split())


def test_a_text_about_nothing_is_unknown_and_says_what_it_is_most_likely() -> None:
    reading = classify("qwx", "zkjh pqowie mnzbv")
    assert reading.topic is Topic.UNKNOWN
    assert reading.runner_up is not None


@pytest.mark.parametrize(
    ("subject", "message", "intent", "self_service"),
    [
        ("Order", "Please place an order for a VPS M for me", OrderIntent.ORDER_BY_MESSAGE, True),
        ("Order", "Where can I order a second VPS?", OrderIntent.HOW_TO_ORDER, True),
        (
            "Order",
            "Please set up another VPS with Windows 2008 for us. Usual card.",
            OrderIntent.CUSTOM_ORDER,
            False,
        ),
        ("Reboot", "please reboot", OrderIntent.NONE, True),
        ("Migration", "please migrate my site", OrderIntent.NONE, False),
    ],
)
def test_order_intent(subject: str, message: str, intent: OrderIntent, self_service: bool) -> None:
    reading = classify(subject, message, minutes={})
    assert (reading.order_intent, reading.self_service) == (intent, self_service)


def test_what_is_quoted_is_not_asked_for() -> None:
    assert classify("Re: invoice", "> Please place an order for me\nthanks").order_intent is OrderIntent.NONE


def test_every_topic_has_minutes_and_the_model_knows_it() -> None:
    assert set(DEFAULT_MINUTES) == set(Topic)
    assert {name.partition(":")[0] for name in shipped().document.classes} == set(Topic)


@given(st.text(), st.text())
def test_any_ticket_is_sorted_the_same_way_twice(subject: str, message: str) -> None:
    reading = classify(subject, message, minutes=DEFAULT_MINUTES)
    assert reading == classify(subject, message, minutes=DEFAULT_MINUTES)
    assert 0 <= reading.confidence <= 1
    assert 0 <= reading.order_intent_confidence <= 1
    assert reading.minutes == DEFAULT_MINUTES[reading.topic]


@given(st.sampled_from(["reboot my server", "refund please", "invoice", "hello", "site is down"]), st.text())
def test_quoted_mail_changes_nothing(message: str, quote: str) -> None:
    quoted = "".join(f"\n> {line}" for line in quote.split())
    assert classify("", message + quoted, minutes={}) == classify("", message, minutes={})


UNITS = ["a", "please order ", "server down ", "<", "a.", "paid ", "> x\n", "<p>hi</p>", "&amp;", "a@", "1.2.3.4 ", "é",
         "please order another vps\n", "\ufdfa", "a-1", "ab:"]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_is_sorted_quickly(unit: str) -> None:
    classify("hello", "warm up")
    with within_cpu_seconds(0.25):  # a tenth of a second where nothing else runs
        classify(unit * 100, unit * (1_000_000 // len(unit)), minutes={})
