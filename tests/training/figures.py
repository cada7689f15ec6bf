"""How well a model reads texts: what is found, what is taken wrongly, what is left open."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

BY_MESSAGE = "order:order_by_message"
UNKNOWN = "unknown"
LONG = 60  # words


def probabilities(margins: np.ndarray, heat: float) -> np.ndarray:
    """Return the probability of each class."""
    parts = np.exp(heat * (margins - margins.max(axis=1, keepdims=True)))
    return parts / parts.sum(axis=1, keepdims=True)


def best_heat(margins: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> float:
    """Return by what margins are multiplied so that probabilities say how often they are right."""
    right = np.array([list(classes).index(label) for label in labels])

    def loss(heat: float) -> float:
        likely = probabilities(margins, heat)[np.arange(len(right)), right]
        return float(-np.log(np.maximum(likely, 1e-9)).mean())

    return min((float(heat) for heat in np.arange(1.0, 8.1, 0.25)), key=loss)


@dataclass(frozen=True)
class Read:
    """Texts as a model reads them: the probability of an order by message, the likeliest topic and its probability."""

    asks: np.ndarray
    topics: np.ndarray
    certain: np.ndarray

    @classmethod
    def of(cls, margins: np.ndarray, classes: Sequence[str], heat: float) -> Read:
        """Read probabilities from margins."""
        likely = probabilities(margins, heat)
        of_class = np.array([name.split(":")[0] for name in classes])
        topics = np.unique(of_class)
        by_topic = np.stack([likely[:, of_class == topic].sum(axis=1) for topic in topics], axis=1)
        asks = likely[:, list(classes).index(BY_MESSAGE)]
        return cls(asks, topics[by_topic.argmax(axis=1)], by_topic.max(axis=1))


def figures(
    read: Read, labels: np.ndarray, words: np.ndarray, *, order_from: float, answer_from: float
) -> dict[str, float]:
    """Return what share is found, taken wrongly, answered, and right where it is answered."""
    orders = labels == BY_MESSAGE
    topics = np.array([label.split(":")[0] for label in labels])
    known = topics != UNKNOWN
    taken = read.asks >= order_from
    answered = known & ((read.certain >= answer_from) | taken) & (read.topics != UNKNOWN)
    said = np.where(taken, "order", read.topics)
    long = words >= LONG
    shares = {
        "orders found": (taken, orders),
        "false alarms": (taken, ~orders),
        "long orders found": (taken, orders & long),
        "long false alarms": (taken, ~orders & long),
        "answered": (answered, known),
        "topics right where answered": (said == topics, answered),
    }
    found = {name: round(float(of[among].mean()), 3) for name, (of, among) in shares.items() if among.any()}
    return {"texts": len(labels), "orders": int(orders.sum()), "long": int(long.sum()), **found}
