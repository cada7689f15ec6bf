"""The source tree: imports go only to lower layers, files stay short, the OpenAPI file matches the program."""

from __future__ import annotations

import ast
import re
from collections import Counter, defaultdict
from pathlib import Path

from importlinter.cli import lint_imports

from app.cli.openapi import openapi_yaml

ROOT = Path(__file__).parents[1]
LONGEST_FILE = 420


def test_import_arrows_point_down(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    assert lint_imports(config_filename="pyproject.toml", no_cache=True) == 0


def test_no_file_has_grown_too_long() -> None:
    lengths = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in (ROOT / "app").rglob("*.py")}
    assert {str(file.relative_to(ROOT)): length for file, length in lengths.items() if length > LONGEST_FILE} == {}


def test_nothing_is_called_utils() -> None:
    assert [
        file.name for file in (ROOT / "app").rglob("*") if file.stem in {"utils", "util", "helpers", "common"}
    ] == []


def test_the_top_level_holds_what_was_agreed() -> None:
    agreed = {
        "pyproject.toml", "app", "migrations", "tests", "Dockerfile", "openapi.yaml", "README.md", "Makefile",
        "requirements.lock",
    }  # fmt: skip
    ignored = {"dist", "build"}
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".") and path.suffix != ".egg-info"}
    assert found - ignored == agreed


def test_openapi_file_is_the_programs_own() -> None:
    """Run `make openapi` after a change of the API."""
    assert (ROOT / "openapi.yaml").read_text(encoding="utf-8") == openapi_yaml()


MOST_FILES = 25
PREFIX_IS_A_FOLDER = 4


def _folders() -> dict[Path, list[Path]]:
    found: dict[Path, list[Path]] = defaultdict(list)
    for top in ("app", "tests"):
        for file in (ROOT / top).rglob("*.py"):
            found[file.parent].append(file)
    return found


def test_no_folder_is_crowded() -> None:
    crowded = {str(folder.relative_to(ROOT)): len(files) for folder, files in _folders().items()}
    assert {folder: files for folder, files in crowded.items() if files > MOST_FILES} == {}


def test_no_prefix_stands_in_a_folders_place() -> None:
    for folder, files in _folders().items():
        if folder.is_relative_to(ROOT / "app"):
            prefixes = Counter(file.stem.split("_")[0] for file in files if not file.stem.startswith("_"))
            assert {prefix for prefix, times in prefixes.items() if times >= PREFIX_IS_A_FOLDER} == set(), folder


def test_each_room_says_what_it_is() -> None:
    for file in (ROOT / "app").rglob("__init__.py"):
        assert ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))), file


#: Who else writes orders, fees, questions or the timeline, and what.
OTHER_WRITERS = {
    "app/orders/order.py",  # creates an order's row when it locks it
    "app/tickets/questions.py",  # the ticket of a question, found in the panel before any order is locked
    "app/upkeep/reconcile/late.py",  # a line about a call that took effect when nobody waited for it any more
}


def test_only_apply_writes_orders_and_what_belongs_to_them() -> None:
    writes = re.compile(r"\b(orders|fees|questions|timeline)\.(insert|update|delete)\(\)")
    found = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "app").rglob("*.py")
        if writes.search(file.read_text(encoding="utf-8"))
    }
    assert found == {"app/workflow/apply.py", *OTHER_WRITERS}
