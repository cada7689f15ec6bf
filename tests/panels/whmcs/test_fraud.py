"""The answers of WHMCS's fraud modules, in one form."""

from __future__ import annotations

import json

import pytest

from app.core.facts import FraudCheck, FraudVerdict
from app.panels.whmcs.mapping.fraud import read_fraud_check


@pytest.mark.parametrize(
    ("module", "output", "check"),
    [
        ("MaxMind", {"riskScore": "12"}, ("maxmind", FraudVerdict.UNKNOWN, 12.0, "")),
        (
            "fraudlabs",
            {"fraudlabspro_score": 140, "status": "REVIEW"},
            ("fraudlabs", FraudVerdict.REVIEW, 100.0, "REVIEW"),
        ),
        ("fraudrecord", {"value": "4"}, ("fraudrecord", FraudVerdict.UNKNOWN, 40.0, "")),
        ("", {"data": {"isFraud": "1"}}, ("other", FraudVerdict.FAIL, None, "")),
        ("own", {"status": "\ud800"}, ("own", FraudVerdict.UNKNOWN, None, "\ufffd")),
    ],
)
def test_an_answer_of_a_module(module: str, output: object, check: tuple[str, FraudVerdict, float | None, str]) -> None:
    name, verdict, score, detail = check
    found = read_fraud_check(module, json.dumps(output))
    assert found == FraudCheck(module=name, verdict=verdict, score=score, detail=detail)


@pytest.mark.parametrize("output", ["{", "{" * 100_000, "not JSON"])
def test_an_unreadable_answer_is_a_check_without_a_verdict(output: str) -> None:
    check = read_fraud_check("maxmind", output)
    assert check == FraudCheck(module="maxmind", verdict=FraudVerdict.UNKNOWN, score=None, detail="unreadable")


def test_without_a_module_and_an_answer_nothing_was_checked() -> None:
    assert read_fraud_check(" ", "") is None
