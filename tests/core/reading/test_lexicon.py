"""The lexicon's data files: what is wrong with one is said with its name and the list's."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.core.reading.lexicon.lists import LexiconError, Lists


def lists(folder: Path, text: str) -> Lists:
    (folder / "some.toml").write_text(text, encoding="utf-8")
    return Lists(str(folder / "some.toml"))


def test_each_kind_of_list_is_read(tmp_path: Path) -> None:
    found = lists(
        tmp_path, "phrases = ['one two', 'three']\nwords = '''\na b\nc\n'''\n[groups]\n'set up' = ['x']\nbgp = []"
    )

    assert found.phrases("phrases") == ("one two", "three")
    assert found.words("words") == {"a", "b", "c"}
    assert found.groups("groups") == {"set up": ("x",), "bgp": ()}


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(LexiconError, match=r"nothing\.toml"):
        Lists("nothing.toml")


def test_a_file_that_is_no_toml_is_named_with_the_line(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match=r"some\.toml: .*line 2"):
        lists(tmp_path, "fine = []\nphrases = ['one' 'two']")


def test_a_list_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(LexiconError, match=r"some\.toml: the list phrases is missing"):
        lists(tmp_path, "").phrases("phrases")


@pytest.mark.parametrize("text", ["phrases = 'one'", "phrases = ['one', 2]", "phrases = {one = 'two'}"])
def test_a_list_of_another_form_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(LexiconError, match=r"some\.toml: phrases: Expected"):
        lists(tmp_path, text).phrases("phrases")
