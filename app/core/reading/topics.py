"""Classify a ticket: its topic, whether it asks us to order, and the minutes that such tickets take."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from app.core.reading.kinds import OrderIntent, TermFinding, TermKind, Topic
from app.core.reading.lexicon import topic_pairs, topics
from app.core.reading.requests import find_asked
from app.core.reading.text import PhraseBook, Token, expand, normalise, split, tokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One term of the lexicon that indicates the topic, with where it was found and its weight."""

    term: str
    where: str
    topic: Topic
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TicketReading:
    """The classification of a ticket: topic, confidence 0-1, order intent, estimated minutes, and evidence."""

    topic: Topic
    confidence: float
    order_intent: OrderIntent
    minutes: int
    self_service: bool
    evidence: tuple[Evidence, ...]


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

_SUBJECT_FACTOR = 2.0
_SUBJECT = "subject"
_MESSAGE = "message"
_FULL_EVIDENCE = 6.0
_REQUEST_TOPICS: Mapping[TermKind, tuple[Topic, float]] = MappingProxyType(
    {
        TermKind.OS_OLD: (Topic.OS_INSTALL, 4.0),
        TermKind.OS_UNUSUAL: (Topic.OS_INSTALL, 4.0),
        TermKind.PACKAGE: (Topic.CUSTOM_WORK, 5.0),
        TermKind.INSTALL: (Topic.CUSTOM_WORK, 3.0),
        TermKind.MIGRATION: (Topic.MIGRATION, 4.0),
        TermKind.HARDWARE: (Topic.CUSTOM_WORK, 5.0),
        TermKind.CUSTOM_CONFIG: (Topic.CUSTOM_WORK, 4.0),
        TermKind.MANUAL_ORDER: (Topic.ORDER, 7.0),
    }
)
"""What a request found in the text says about the topic, and how strongly."""

_SPECIAL = frozenset({TermKind.OS_OLD, TermKind.OS_UNUSUAL, TermKind.PACKAGE, TermKind.HARDWARE})
"""Requests that make an order one that the cart could not have taken."""


def _topic_book() -> PhraseBook[tuple[str, Topic, float]]:
    return PhraseBook(
        (split(phrase), (phrase, Topic(topic), float(weight)))
        for topic, weights in topics.TOPICS.items()
        for weight, patterns in weights.items()
        for pattern in patterns
        for phrase in expand(pattern)
    )


def _intent_book() -> PhraseBook[OrderIntent]:
    groups = (
        (OrderIntent.HOW_TO_ORDER, topics.ORDER_HOW_TO),
        (OrderIntent.CUSTOM_ORDER, topics.ORDER_CUSTOM),
        (OrderIntent.ORDER_BY_MESSAGE, topics.ORDER_MESSAGE),
    )
    return PhraseBook(
        (split(phrase), intent) for intent, patterns in groups for pattern in patterns for phrase in expand(pattern)
    )


def _pair_book() -> PhraseBook[frozenset[tuple[Topic, int]]]:
    sides: dict[tuple[str, ...], set[tuple[Topic, int]]] = {}
    for topic, (_, *lists) in topic_pairs.PAIRS.items():
        for side, patterns in enumerate(lists):
            for pattern in patterns:
                for phrase in expand(pattern):
                    sides.setdefault(split(phrase), set()).add((Topic(topic), side))
    return PhraseBook((phrase, frozenset(meanings)) for phrase, meanings in sides.items())


_TOPICS = _topic_book()
_PAIRS = _pair_book()
_INTENTS = _intent_book()


def classify(subject: str, message: str, *, minutes: Mapping[Topic, int] = DEFAULT_MINUTES) -> TicketReading:
    """Classify a ticket by its subject and first message. Pure and deterministic; an empty text gives `unknown` at 0.

    `minutes` are the policy's, by topic; missing topics have `DEFAULT_MINUTES`. `confidence` is 0-1: higher with more
    evidence for the topic and less for the next best one.
    """
    read = {_SUBJECT: tokens(normalise(subject)), _MESSAGE: tokens(normalise(message))}
    requests = tuple(finding for where, found in read.items() for finding in find_asked(found, where=where))
    parts = {where: _words(found) for where, found in read.items()}
    evidence = _phrases(parts) + _pairs(parts) + _requests(requests)
    topic, confidence = _weigh(evidence, length=sum(len(part) for part in parts.values()))
    intent = _intent(parts, {finding.kind for finding in requests}, topic)
    if intent is not OrderIntent.NONE:
        topic = Topic.ORDER
    return TicketReading(
        topic=topic,
        confidence=confidence,
        order_intent=intent,
        minutes=minutes.get(topic, DEFAULT_MINUTES[topic]),
        self_service=topic in SELF_SERVICE and intent is not OrderIntent.CUSTOM_ORDER,
        evidence=tuple(evidence),
    )


def _words(found: list[Token]) -> list[Token]:
    """Return the words without marks and addresses."""
    return [token for token in found if token.text[0] != "<"]


def _phrases(parts: Mapping[str, list[Token]]) -> list[Evidence]:
    """Return each phrase of the topic lists once per part, with its weight."""
    seen: dict[tuple[str, str], Evidence] = {}
    for where, found in parts.items():
        factor = _SUBJECT_FACTOR if where == _SUBJECT else 1.0
        at = 0
        while at < len(found):
            length, meaning = _TOPICS.match(found, at) or (1, None)
            at += length
            if meaning is not None:
                term, topic, weight = meaning
                seen.setdefault((where, term), Evidence(term=term, where=where, topic=topic, weight=weight * factor))
    return list(seen.values())


def _pairs(parts: Mapping[str, list[Token]]) -> list[Evidence]:
    """Return one piece of evidence for each topic that has words from both of its lists in the ticket."""
    sides: dict[tuple[Topic, int], tuple[str, str]] = {}
    for where, found in parts.items():
        for at in range(len(found)):
            match = _PAIRS.match(found, at)
            if match is None:
                continue
            length, meanings = match
            term = " ".join(token.text for token in found[at : at + length])
            for meaning in sorted(meanings):
                sides.setdefault(meaning, (term, where))
    evidence: list[Evidence] = []
    for slug, (weight, *_) in topic_pairs.PAIRS.items():
        first, second = sides.get((Topic(slug), 0)), sides.get((Topic(slug), 1))
        if first and second:
            term = f"{first[0]} + {second[0]}"
            evidence.append(Evidence(term=term, where=second[1], topic=Topic(slug), weight=float(weight)))
    return evidence


def _requests(findings: tuple[TermFinding, ...]) -> list[Evidence]:
    evidence: dict[tuple[str, TermKind], Evidence] = {}
    for finding in findings:
        topic, weight = _REQUEST_TOPICS[finding.kind]
        found = Evidence(term=finding.term, where=finding.where, topic=topic, weight=weight)
        evidence.setdefault((finding.where, finding.kind), found)
    return list(evidence.values())


def _weigh(evidence: list[Evidence], *, length: int) -> tuple[Topic, float]:
    """Return the topic with the most weight (the first in the list of topics if equal) and the confidence."""
    sums = {topic: sum(one.weight for one in evidence if one.topic is topic) for topic in Topic}
    first, second = sorted(sums, key=lambda topic: -sums[topic])[:2]
    if not evidence:
        return (Topic.OTHER, 0.2) if length > 2 else (Topic.UNKNOWN, 0.0)
    clear = sums[first] / (sums[first] + sums[second])
    return first, round(clear * min(1.0, sums[first] / _FULL_EVIDENCE), 3)


def _intent(parts: Mapping[str, list[Token]], kinds: set[TermKind], topic: Topic) -> OrderIntent:
    found: set[OrderIntent] = set()
    for part in parts.values():
        for at in range(len(part)):
            match = _INTENTS.match(part, at)
            if match:
                found.add(match[1])
    if topic not in (Topic.ORDER, Topic.PRESALES) and TermKind.MANUAL_ORDER not in kinds:
        return OrderIntent.NONE
    if OrderIntent.CUSTOM_ORDER in found:
        return OrderIntent.CUSTOM_ORDER
    if OrderIntent.HOW_TO_ORDER in found:
        return OrderIntent.HOW_TO_ORDER
    if TermKind.MANUAL_ORDER in kinds or OrderIntent.ORDER_BY_MESSAGE in found:
        return OrderIntent.CUSTOM_ORDER if kinds & _SPECIAL else OrderIntent.ORDER_BY_MESSAGE
    return OrderIntent.NONE
