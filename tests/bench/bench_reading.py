# ruff: noqa: T201
"""How fast tickets are read by one core, and what the model takes of memory: ``make bench``.

The floor is the same texts, normalised and split into words, each word looked up in a dictionary: what any reader of
words does before it knows anything. The texts are of the corpus: short tickets, and some long mails.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT))

from app.core.reading.model.features import Text, features_of  # noqa: E402
from app.core.reading.model.mail import own_words  # noqa: E402
from app.core.reading.model.marks import sentences  # noqa: E402
from app.core.reading.model.scoring import weigh  # noqa: E402
from app.core.reading.model.weights import shipped  # noqa: E402
from app.core.reading.text import normalise, words  # noqa: E402
from app.core.reading.topics import classify  # noqa: E402

WANTED_SHARE = 0.12  # of the floor's texts a second, at least
WANTED_RATE = 2_000  # texts a second and core, where nothing else runs
WANTED_MEMORY = 50.0  # MB, at most
_MEMORY = """
import sys
sys.path.insert(0, {root!r})
def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
import app.core.reading.requests, app.core.reading.text
before = peak()
from app.core.reading.topics import classify
for line in open({texts!r}, encoding="utf-8"):
    classify("", line)
print(peak() - before)
"""
_TEXTS = ROOT / "tests" / "training" / "pinned.jsonl"


class Result(NamedTuple):
    """Medians over all rounds, texts a second and core; memory in MB."""

    floor: float
    weighed: float
    read: float
    memory: float

    @property
    def is_good(self) -> bool:
        """True if the targets that don't depend on the machine are met."""
        return self.weighed / self.floor >= WANTED_SHARE and self.memory <= WANTED_MEMORY


def measure(rounds: int) -> Result:
    """Read the same texts in each way, in turn; the first round of each only warms up."""
    rows = [json.loads(line) for line in _TEXTS.read_text(encoding="utf-8").splitlines()]
    texts = [(row["subject"], row["message"]) for row in rows]
    length = sum(len(message.split()) for _, message in texts) / len(texts)
    print(f"texts    {len(texts)}, {length:.0f} words each")
    ways: dict[str, Callable[[str, str], object]] = {"floor": _floor(texts), "weighed": _weighed, "read": classify}
    seen: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            rate = _rate(way, texts)
            print(f"{'warm-up' if number == 0 else f'round {number}':8} {name:8} {rate:8.0f}/s", flush=True)
            if number:
                seen[name].append(rate)
    return Result(*(statistics.median(rates) for rates in seen.values()), memory=_memory())


def _floor(texts: list[tuple[str, str]]) -> Callable[[str, str], object]:
    known = {word.text: at for text in texts for at, word in enumerate(words(normalise(" ".join(text))))}
    return lambda subject, message: sum(
        known[one.text] for part in (subject, message) for one in words(normalise(part))
    )


def _weighed(subject: str, message: str) -> object:
    return weigh(shipped(), features_of(Text.of(sentences(own_words(subject)), sentences(own_words(message)))))


def _rate(way: Callable[[str, str], object], texts: list[tuple[str, str]]) -> float:
    normalise.__globals__["_short_parts"].cache_clear()  # the same texts come in each round
    started = time.process_time()
    for subject, message in texts:
        way(subject, message)
    return len(texts) / (time.process_time() - started)


def _memory() -> float:
    """Return by how many MB a process grows that loads the model and reads the texts."""
    code = _MEMORY.format(root=str(ROOT), texts=str(_TEXTS))
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(said.stdout)


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    options, _ = parser.parse_known_args()  # `make bench ARGS=…` passes options to all benches
    result = measure(options.rounds)
    share = result.weighed / result.floor
    print(f"\nlabels     {result.weighed:8.0f} texts a second and core (wanted: {WANTED_RATE} where nothing else runs)")
    print(f"readings   {result.read:8.0f} texts a second and core, with the words that spoke for them")
    print(f"labels at {share:.2f} of the floor's rate (wanted: at least {WANTED_SHARE})")
    print(f"memory     {result.memory:8.1f} MB (wanted: at most {WANTED_MEMORY})")
    return 1 if options.check and not result.is_good else 0


if __name__ == "__main__":
    sys.exit(main())
