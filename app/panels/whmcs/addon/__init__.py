"""The WHMCS addon module: PHP files as package data, and the function that installs them."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path, PurePosixPath

#: WHMCS includes this file on every page, so it is written last, after the files that it needs.
_LAST = "hooks.php"


def write(directory: Path) -> list[Path]:
    """Write ``modules/addons/doorman/…`` below `directory` (the WHMCS folder or any other) and return the files.

    Missing folders are created, our files of an earlier version are replaced one by one, nothing else is changed.
    Raises OSError, or the matching subclass, with a message that may be shown.
    """
    written = []
    for name, content in _files():
        path = directory / name
        try:
            _replace(path, content)
        except OSError as error:
            raise type(error)(f"can't write {path}: {error.strerror or error}") from error
        written.append(path)
    return written


def _files() -> list[tuple[PurePosixPath, bytes]]:
    root = resources.files(__name__)
    found = _walk(root / "modules", PurePosixPath("modules"))
    return sorted(found, key=lambda file: (file[0].name == _LAST, file[0]))


def _walk(folder: Traversable, name: PurePosixPath) -> list[tuple[PurePosixPath, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, name / entry.name)
        else:
            found.append((name / entry.name, entry.read_bytes()))
    return found


def _replace(path: Path, content: bytes) -> None:
    """Write a file atomically, so that a running WHMCS sees the old or the new file, never a partial one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_bytes(content)
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
