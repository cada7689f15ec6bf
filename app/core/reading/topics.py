"""Classify a ticket: its topic, whether it asks us to order, the minutes that such tickets take, and what told so."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Final

from app.core.reading.kinds import OrderIntent, TermKind, Topic
from app.core.reading.model.explanation import Explainer
from app.core.reading.model.features import Text, features_of
from app.core.reading.model.mail import own_words
from app.core.reading.model.marks import sentences
from app.core.reading.model.scoring import WHOLE, Weighed, probabilities, weigh
from app.core.reading.model.weights import Model, shipped
from app.core.reading.requests import find_asked
from app.core.reading.text import tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Words of the ticket that spoke for a topic, where they stand, and how far they moved the margin."""

    text: str
    where: str
    topic: Topic
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RunnerUp:
    """The topic that came next."""

    topic: Topic
    confidence: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReading:
    """The classification of a ticket: topic, order intent, estimated minutes, evidence, and the model that read it.

    Confidences are 0-1 and say how often such a reading is right. The evidence is for the topic and for the runner-up;
    of an unknown topic the runner-up is what it is most likely.
    """

    topic: Topic
    confidence: float
    order_intent: OrderIntent
    order_intent_confidence: float
    runner_up: RunnerUp | None
    minutes: int
    self_service: bool
    evidence: tuple[Evidence, ...]
    model: str


DEFAULT_MINUTES: Mapping[Topic, int] = MappingProxyType(
    {
        Topic.ORDER: 20,
        Topic.PRESALES: 10,
        Topic.PAID_NOT_PROVISIONED: 10,
        Topic.REBOOT: 10,
        Topic.OS_INSTALL: 30,
        Topic.BILLING: 10,
        Topic.CANCELLATION: 10,
        Topic.REFUND: 15,
        Topic.ABUSE_REPORT: 30,
        Topic.OUTAGE: 30,
        Topic.ACCOUNT_ACCESS: 10,
        Topic.MIGRATION: 90,
        Topic.DNS_DOMAIN: 15,
        Topic.EMAIL_SERVICE: 25,
        Topic.CUSTOM_WORK: 60,
        Topic.UPGRADE: 20,
        Topic.HOW_TO: 10,
        Topic.PRAISE: 2,
        Topic.OTHER: 15,
        Topic.UNKNOWN: 15,
    }
)
"""Staff minutes by topic where the policy says nothing; estimates until the provider's own figures replace them."""


SELF_SERVICE: frozenset[Topic] = frozenset(
    {
        Topic.ORDER,
        Topic.REBOOT,
        Topic.OS_INSTALL,
        Topic.CANCELLATION,
        Topic.ACCOUNT_ACCESS,
        Topic.DNS_DOMAIN,
        Topic.UPGRADE,
        Topic.HOW_TO,
    }
)
"""Topics that a customer of a usual panel could have settled alone, in the client area or with the guides."""


_SUBJECT: Final = "subject"
_MESSAGE: Final = "message"
_BY_MESSAGE: Final = f"{Topic.ORDER.value}:{OrderIntent.ORDER_BY_MESSAGE.value}"
_MOST_EVIDENCE: Final = 5
_MOST_FOR_RUNNER_UP: Final = 3
_SPECIAL: Final = frozenset({TermKind.OS_OLD, TermKind.OS_UNUSUAL})
"""Requests that make an order one that the cart could not have taken; no order by message of the corpus has one."""


@dataclass(frozen=True, slots=True)
class _Verdict:
    """The topics by their probability, the likeliest first, the intent, and the classes' probabilities."""

    topics: tuple[tuple[Topic, int], ...]
    intent: OrderIntent
    likely: Mapping[str, int]


def classify(
    subject: str, message: str, *, minutes: Mapping[Topic, int] | None = None, model: Model | None = None
) -> TicketReading:
    """Classify a ticket by its subject and first message. Pure and deterministic; an empty text gives `unknown` at 0.

    `minutes` are the policy's, by topic; missing topics have `DEFAULT_MINUTES`. The `model` is the shipped one unless
    another is given.
    """
    model = model or shipped()
    own = {_SUBJECT: own_words(subject), _MESSAGE: own_words(message)}
    head, body = sentences(own[_SUBJECT]), sentences(own[_MESSAGE])
    if not head and not body:
        return _nothing(model, minutes or {})
    text = Text.of(head, body)
    features = features_of(text)
    weighed = weigh(model, features)
    verdict = _verdict(model, weighed)
    topic, confidence = verdict.topics[0]
    runner_up = verdict.topics[1]
    if verdict.intent is OrderIntent.NONE and confidence < model.document.answer_from:
        topic, confidence, runner_up = Topic.UNKNOWN, WHOLE - confidence, verdict.topics[0]
    intent = _custom_if_special(verdict.intent, own)
    explainer = Explainer(model, text, features, weighed)
    shown = [(topic, _MOST_EVIDENCE), (runner_up[0], _MOST_FOR_RUNNER_UP)]
    return TicketReading(
        topic=topic,
        confidence=_share(confidence),
        order_intent=intent,
        order_intent_confidence=_share(_of_intent(verdict)),
        runner_up=RunnerUp(topic=runner_up[0], confidence=_share(runner_up[1])),
        minutes=(minutes or {}).get(topic, DEFAULT_MINUTES[topic]),
        self_service=topic in SELF_SERVICE and intent is not OrderIntent.CUSTOM_ORDER,
        evidence=tuple(found for one, most in shown for found in _evidence(explainer, verdict, one, most, len(head))),
        model=model.version,
    )


def _nothing(model: Model, minutes: Mapping[Topic, int]) -> TicketReading:
    """Return the reading of a ticket without words."""
    return TicketReading(
        topic=Topic.UNKNOWN,
        confidence=0.0,
        order_intent=OrderIntent.NONE,
        order_intent_confidence=0.0,
        runner_up=None,
        minutes=minutes.get(Topic.UNKNOWN, DEFAULT_MINUTES[Topic.UNKNOWN]),
        self_service=False,
        evidence=(),
        model=model.version,
    )


def _verdict(model: Model, weighed: Weighed) -> _Verdict:
    shares = probabilities(weighed.margins, model.document.heat)
    likely = dict(zip(model.document.classes, shares, strict=True))
    by_topic: dict[Topic, int] = {}
    for topic, share in zip(_topics_of(tuple(model.document.classes)), shares, strict=True):
        by_topic[topic] = by_topic.get(topic, 0) + share
    ordered = sorted(by_topic.items(), key=lambda one: -one[1])
    if likely[_BY_MESSAGE] >= model.document.order_from:
        rest = [one for one in ordered if one[0] is not Topic.ORDER]
        return _Verdict(((Topic.ORDER, by_topic[Topic.ORDER]), *rest), OrderIntent.ORDER_BY_MESSAGE, likely)
    intent = OrderIntent.NONE
    if ordered[0][0] is Topic.ORDER:
        # An order by message that is too uncertain is none; one of the other intents may still be the likeliest.
        best = max((name for name in likely if name.startswith(f"{Topic.ORDER.value}:")), key=lambda name: likely[name])
        intent = OrderIntent.NONE if best == _BY_MESSAGE else OrderIntent(best.partition(":")[2])
    return _Verdict(tuple(ordered), intent, likely)


@lru_cache(maxsize=4)
def _topics_of(classes: tuple[str, ...]) -> tuple[Topic, ...]:
    return tuple(Topic(name.partition(":")[0]) for name in classes)


def _of_intent(verdict: _Verdict) -> int:
    """Return how likely the intent is; of none, that there is none."""
    orders = {name.partition(":")[2]: share for name, share in verdict.likely.items() if ":" in name}
    return orders.get(verdict.intent.value, WHOLE - sum(orders.values()))


def _custom_if_special(intent: OrderIntent, own: Mapping[str, str]) -> OrderIntent:
    """Return the intent; an order by message that wants what no cart sells is a custom order."""
    if intent is not OrderIntent.ORDER_BY_MESSAGE:
        return intent
    asked = {finding.kind for where, text in own.items() for finding in find_asked(tokens(text), where=where)}
    return OrderIntent.CUSTOM_ORDER if asked & _SPECIAL else intent


def _evidence(explainer: Explainer, verdict: _Verdict, topic: Topic, most: int, subjects: int) -> list[Evidence]:
    """Return the words that spoke for a topic, by its likeliest class."""
    names = tuple(verdict.likely)
    best = max(
        (at for at, one in enumerate(_topics_of(names)) if one is topic), key=lambda at: verdict.likely[names[at]]
    )
    found = explainer.spans(best, most=most)
    return [
        Evidence(text=one.text, where=_SUBJECT if one.sentence < subjects else _MESSAGE, topic=topic, weight=one.weight)
        for one in found
    ]


def _share(part: int) -> float:
    return round(part / WHOLE, 3)
