"""Databases that landed versions wrote, each a folder: the rows, the panel that belongs to them, and what is what."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "data" / "landed"
_ABOUT, _ROWS, _PANEL = "about.json", "rows.jsonl", "panel.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Landed:
    """What a landed version left: its schema's revision, when it stopped, and the ids of its orders by name."""

    revision: str
    at: datetime
    orders: dict[str, int]
    rows: list[str]
    panel: list[str]

    def write(self, folder: Path) -> None:
        """Write it into a new folder."""
        about = {"revision": self.revision, "at": self.at.isoformat(), "orders": self.orders}
        folder.mkdir(parents=True)
        for name, lines in ((_ABOUT, [json.dumps(about, indent=1)]), (_ROWS, self.rows), (_PANEL, self.panel)):
            (folder / name).write_text("\n".join(lines) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Landed:
        """Read what `write` wrote."""
        text = {name: (folder / name).read_text(encoding="utf-8") for name in (_ABOUT, _ROWS, _PANEL)}
        about = json.loads(text[_ABOUT])
        return cls(
            revision=about["revision"], at=datetime.fromisoformat(about["at"]), orders=about["orders"],
            rows=text[_ROWS].splitlines(), panel=text[_PANEL].splitlines(),
        )  # fmt: skip


def folders() -> list[Path]:
    """Return the folders of all landed versions that are kept, the oldest first."""
    return sorted(FOLDER.iterdir())
