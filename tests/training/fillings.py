"""What fills the slots of seeds, and what people write around the thing itself, from `fillings.toml`."""

import tomllib
from pathlib import Path

_ALL = tomllib.loads((Path(__file__).parent / "fillings.toml").read_text(encoding="utf-8"))

SLOTS: dict[str, list[str]] = _ALL["slots"]
QUOTES: list[str] = _ALL["quotes"]
#: By language.
GREETINGS: dict[str, list[str]] = _ALL["greetings"]
GOODBYES: dict[str, list[str]] = _ALL["goodbyes"]
ASIDES: dict[str, list[str]] = _ALL["asides"]
SUBJECTS: dict[str, list[str]] = _ALL["subjects"]
#: How words are often misspelt, and which key is next to a letter's.
MISSPELT: dict[str, list[str]] = _ALL["misspelt"]
NEIGHBOURS: dict[str, str] = _ALL["neighbours"]
