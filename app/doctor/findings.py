"""The findings of `doorman doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.core.records import Mode


class Level(StrEnum):
    """How serious a finding is."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorFinding:
    """One line of the doctor's report."""

    code: str  # kebab slug, stable
    level: Level
    text: str  # what was found
    said: str = ""  # the exact message of the panel or another source
    cure: str = ""  # what to do about it
    list_of: tuple[str, ...] = ()  # one to a line: the actions to tick


def ok(code: str, text: str) -> DoctorFinding:
    """Return a finding that something is in order."""
    return DoctorFinding(code=code, level=Level.OK, text=text)


def warning(code: str, text: str, cure: str, *, said: str = "") -> DoctorFinding:
    """Return a finding that something works but should be checked."""
    return DoctorFinding(code=code, level=Level.WARNING, text=text, cure=cure, said=said)


def fault(code: str, text: str, cure: str, *, said: str = "") -> DoctorFinding:
    """Return a finding that something does not work."""
    return DoctorFinding(code=code, level=Level.FAULT, text=text, cure=cure, said=said)


def fault_in(mode: Mode, code: str, text: str, cure: str) -> DoctorFinding:
    """Return a fault in enforce mode, a warning in shadow mode, where nothing depends on it yet."""
    return (fault if mode is Mode.ENFORCE else warning)(code, text, cure)


def unchecked(code: str, text: str, cure: str = "", *, said: str = "") -> DoctorFinding:
    """Return a finding that something could not be checked, and what would make it possible."""
    return DoctorFinding(code=code, level=Level.UNCHECKED, text=text, cure=cure, said=said)
