# ruff: noqa: T201
"""Train the shipped model from the seeds: ``make model``. The same seeds give a model with the same labels.

Thresholds and temperature come from cross-validation over seeds: no text is judged by a model that saw its seed.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np

from app.core.reading.model import groups, weights
from app.core.reading.model.scoring import HEAT_STEPS, STEPS, WHOLE
from app.core.reading.topics import classify
from tests.training.corpus import Labelled, corpus, digest
from tests.training.figures import BY_MESSAGE, Read, best_heat, figures
from tests.training.fitting import Bench, Fit
from tests.training.matrices import BLOCKS, PARTS
from tests.training.seeds import read_seeds

MODEL = Path(weights.__file__).parent / weights.SHIPPED
PINNED = Path(__file__).parent / "pinned.jsonl"
#: The share of other texts that may be taken for an order by message, in cross-validation.
_FALSE_ALARMS = 0.035
#: The share of texts whose topic may be left open, in cross-validation.
_UNANSWERED = 0.12
_LARGEST = 127
_PINNED = 400


def main() -> None:
    """Train, look at the figures, and write the model file."""
    texts = corpus(read_seeds())
    bench = Bench(texts)
    words = np.array([len(f"{text.subject} {text.message}".split()) for text in texts])
    margins = bench.across_seeds()
    heat = best_heat(margins, bench.labels, bench.classes)
    read = Read.of(margins, bench.classes, heat)
    order_from = float(np.quantile(read.asks[bench.labels != BY_MESSAGE], 1 - _FALSE_ALARMS))
    answer_from = float(np.quantile(read.certain[bench.labels != "unknown"], _UNANSWERED))
    across = Read.of(bench.across_authors(), bench.classes, heat)
    found = {
        "by seeds": figures(read, bench.labels, words, order_from=order_from, answer_from=answer_from),
        "by authors": figures(across, bench.labels, words, order_from=order_from, answer_from=answer_from),
    }
    fit = bench.fit(np.arange(len(texts)))
    document = weights.Document(
        format=weights.FORMAT,
        version="",
        groups=groups.DIGEST,
        corpus=digest(texts),
        classes=[str(one) for one in fit.classes],
        bias=[round(float(one) * STEPS) for one in fit.bias],
        heat=round(heat * HEAT_STEPS),
        order_from=round(order_from * WHOLE),
        answer_from=round(answer_from * WHOLE),
        figures=found,
        **{block: _block(bench, fit, number, block) for number, block in enumerate(BLOCKS)},
    )
    document = msgspec.structs.replace(document, version=hashlib.sha256(weights.saved(document)).hexdigest()[:12])
    content = weights.saved(document)
    MODEL.write_bytes(content)
    _pin(texts, weights.load(content, name=MODEL.name))
    print(json.dumps(found, indent=2))
    print(f"wrote {MODEL.name}: {document.version}, {len(texts)} texts, {len(content) // 1024} kB, heat {heat}")


def _pin(texts: Sequence[Labelled], model: weights.Model) -> None:
    """Write how the model reads some texts of the corpus, one of each so many."""
    rows = []
    for text in texts[:: len(texts) // _PINNED]:
        read = classify(text.subject, text.message, model=model)
        seen = [read.topic, read.confidence, read.order_intent, read.order_intent_confidence]
        rows.append(json.dumps({"subject": text.subject, "message": text.message, "read": seen}, ensure_ascii=False))
    PINNED.write_text("\n".join(rows) + "\n", encoding="utf-8")


def _block(bench: Bench, fit: Fit, number: int, block: str) -> weights.Block:
    """Return the weights of a block in whole numbers."""
    kept = fit.vectors.kept
    start = sum(len(kept[one]) for one in BLOCKS[:number])
    weighed = fit.weights[:, start : start + len(kept[block])].T * PARTS[block] * STEPS
    share = max(1, round(float(np.quantile(np.abs(weighed).max(axis=1), 0.995)) / _LARGEST))
    small = np.clip(np.round(weighed / share), -_LARGEST, _LARGEST).astype(np.int8)
    names = bench.presence.pieces if block == "letters" else bench.presence.names[block]
    return weights.Block(
        names=[names[at] for at in kept[block]],
        rarity=fit.vectors.rarity[block].tolist(),
        weights=base64.b64encode(small.tobytes()).decode(),
        share=share,
    )


if __name__ == "__main__":
    main()
