"""The shipped model belongs to the corpus in this folder, and reads texts the same on every machine."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from app.core.reading.model.weights import shipped
from app.core.reading.topics import classify
from tests.training.corpus import corpus, digest
from tests.training.seeds import SeedError, read_seeds

PINNED = Path(__file__).parent / "pinned.jsonl"


def test_the_model_was_trained_with_this_corpus() -> None:
    """Run `make model` after a change of seeds, of the corpus, or of how texts are read."""
    assert shipped().document.corpus == digest(corpus(read_seeds()))


def test_the_model_is_as_good_as_the_handbook_says() -> None:
    """Texts by several hands, each read by a model that has not seen its seed, or nothing of its author."""
    by_seeds, by_authors = (shipped().document.figures[name] for name in ("by seeds", "by authors"))
    assert by_seeds["orders found"] >= 0.80
    assert by_seeds["false alarms"] <= 0.04
    assert by_seeds["long false alarms"] <= 0.10
    assert by_seeds["topics right where answered"] >= 0.82
    assert by_seeds["answered"] >= 0.85
    assert by_authors["orders found"] >= 0.70
    assert by_authors["false alarms"] <= 0.045


def test_labels_are_pinned() -> None:
    """The same text has the same reading on every machine, to the last digit; `make model` pins them anew."""
    rows = [json.loads(line) for line in PINNED.read_text(encoding="utf-8").splitlines()]
    assert len(rows) >= 300
    for row in rows:
        read = classify(row["subject"], row["message"])
        assert [read.topic, read.confidence, read.order_intent, read.order_intent_confidence] == row["read"]


def test_a_seed_gives_the_same_texts_whatever_stands_beside_it() -> None:
    seeds = read_seeds()[:40]
    shuffled = random.Random(1).sample(seeds, len(seeds))
    assert sorted(text.message for text in corpus(seeds)) == sorted(text.message for text in corpus(shuffled))


@pytest.mark.parametrize(
    "line",
    [
        "no label || x",
        "## order none",
        "## order by_mail en\na || b",
        "## billing none en\nno bars",
        "## billing none xx",
    ],
)
def test_a_bad_seed_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "me").mkdir()
    (tmp_path / "me" / "bad.txt").write_text(line, encoding="utf-8")
    with pytest.raises(SeedError, match=r"^bad\.txt:"):
        read_seeds(tmp_path)
