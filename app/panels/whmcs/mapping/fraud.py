"""`fraudmodule` and `fraudoutput` of an order (JSON text, or empty) → `FraudCheck`."""

from __future__ import annotations

import json
import math
from typing import Any

from app.core.facts import FraudCheck, FraudVerdict
from app.panels.whmcs import wire

#: Names of the modules' scores, lower case and without separators, most trusted first.
_SCORES = ("riskscore", "overallscore", "fraudlabsproscore", "score", "fraudscore")
_STATUSES = ("fraudlabsprostatus", "status", "result", "recommendation", "disposition", "action")
_VERDICTS = {
    FraudVerdict.FAIL: {"fail", "failed", "reject", "rejected", "decline", "declined", "fraud", "deny", "block"},
    FraudVerdict.REVIEW: {"review", "manual", "manualreview", "manual_review", "hold", "suspicious"},
    FraudVerdict.PASS: {"pass", "passed", "approve", "approved", "accept", "accepted", "ok", "allow"},
}
_BY_WORD = {word: verdict for verdict, words in _VERDICTS.items() for word in words}
_DEPTH = 6


def read_fraud_check(module: str, output: str) -> FraudCheck | None:
    """Return the module's result, or None if it did not run.

    Unreadable output is a check with an unknown verdict: it ran, but its result is not known.
    """
    text = output.strip()
    if not module.strip() and not text:
        return None
    name = _module_name(module)
    try:
        data = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return FraudCheck(module=name, verdict=FraudVerdict.UNKNOWN, score=None, detail="unreadable")
    flat: dict[str, Any] = {}
    _flatten(data, flat, depth=0)
    score = _score(flat)
    if name == "fraudrecord":
        score = _fraudrecord_score(flat)
    verdict = _verdict(flat)
    return FraudCheck(module=name, verdict=verdict, score=score, detail=_detail(flat))


def _module_name(module: str) -> str:
    plain = "".join(char for char in module.lower() if char.isalnum())
    return next((name for name in ("maxmind", "fraudlabs", "fraudrecord") if name in plain), plain[:24] or "other")


def _flatten(data: Any, into: dict[str, Any], *, depth: int) -> None:
    """Collect plain values by their name; an outer one wins over an inner one of the same name."""
    if depth > _DEPTH or not isinstance(data, dict):
        return
    inner: list[Any] = []
    for key, value in list(data.items())[:500]:
        name = str(key).lower()
        if not name.isalnum():
            name = "".join(char for char in name if char.isalnum())
        if isinstance(value, dict):
            inner.append(value)
        elif not isinstance(value, list):
            into.setdefault(name, value)
    for value in inner:
        _flatten(value, into, depth=depth + 1)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and not isinstance(value, bool) else None


def _score(flat: dict[str, Any]) -> float | None:
    for name in _SCORES:
        number = _number(flat.get(name))
        if number is not None:
            return min(100.0, max(0.0, number))
    return None


def _fraudrecord_score(flat: dict[str, Any]) -> float | None:
    """Return FraudRecord's score from its ``value-count-reliability``.

    The value is the sum of reported severities (1-10 each); ten points are certainty.
    """
    total = _number(flat.get("value", str(flat.get("score", "")).split("-", 1)[0]))
    return None if total is None else min(100.0, max(0.0, total * 10))


def _verdict(flat: dict[str, Any]) -> FraudVerdict:
    if str(flat.get("isfraud", "")).strip().lower() in {"1", "true", "yes"}:
        return FraudVerdict.FAIL
    for name in _STATUSES:
        word = str(flat.get(name, "")).strip().lower()
        if word in _BY_WORD:
            return _BY_WORD[word]
    return FraudVerdict.UNKNOWN


def _detail(flat: dict[str, Any]) -> str:
    return next((wire.clean(str(flat[name])[:80]) for name in _STATUSES if flat.get(name)), "")
