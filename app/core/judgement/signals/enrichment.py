"""Risk signals from other sources: the panel's fraud module, external services, a database of networks.

Evidence, never a verdict. A service without a usable answer in time adds no signal and is reported as missing.
"""

from __future__ import annotations

import math
from typing import Final

from app.core.facts import EnrichmentReport, Facts, FraudVerdict
from app.core.judgement.rulebook import Rulebook
from app.core.judgement.signals.base import Finding, SignalRule, Words, risk_finding, said
from app.core.judgement.signals.risk import ip_is_the_customers

MINFRAUD: Final = "minfraud"
FRAUDRECORD: Final = "fraudrecord"
#: Local files about IP addresses: a new file changes no order that was decided.
GEOIP: Final = "geoip"
#: The page where staff read the reports (https://fraudrecord.com/developers); the code is in the answer.
FRAUDRECORD_PAGE: Final = "https://www.fraudrecord.com/api/?showreport={}"
#: The possible `marks` of a report for the customer's IP address.
ANONYMOUS_IP: Final = "anonymous_ip"
HOSTING_IP: Final = "hosting_ip"
#: The possible marks for the kind of anonymiser.
_KINDS: Final = frozenset({"vpn", "public_proxy", "residential_proxy", "tor_exit_node"})


def degraded(facts: Facts) -> tuple[str, ...]:
    """Return the services that gave no usable answer, as `outside.<provider>`."""
    return tuple(f"outside.{report.provider}" for report in facts.order.outside if report.degraded)


def fraud_check(facts: Facts, rules: Rulebook) -> Finding | None:
    """The panel's own fraud check, if it ran: its verdict or, if worse, its score."""
    check = facts.order.fraud_check
    if check is None:
        return None
    score = check.score if check.score is not None and math.isfinite(check.score) else None
    points = 0
    if check.verdict is FraudVerdict.FAIL:
        points = rules.risk.fraud_check_fail
    elif check.verdict is FraudVerdict.REVIEW:
        points = rules.risk.fraud_check_review
    if score is not None and score >= rules.thresholds.fraud_score_from:
        points = max(points, rules.risk.fraud_check_high_score)
    if points == 0:
        return None

    def words() -> Words:
        scored = "" if score is None else f" with a score of {score:.0f} of 100"
        detail = f"The panel's fraud check ({check.module}) said {check.verdict.value}{scored}."
        return said(detail, module=check.module, verdict=check.verdict.value, score=score)

    return risk_finding("fraud_check", points, words)


def minfraud(facts: Facts, rules: Rulebook) -> Finding | None:
    """MaxMind minFraud gives the order a high risk score."""
    score = _highest(_reports(facts, MINFRAUD))
    if score is None or score < rules.thresholds.minfraud_score_from:
        return None
    detail = "MaxMind minFraud gives this order a risk score of"
    points = rules.risk.minfraud
    return risk_finding("minfraud", points, lambda: said(f"{detail} {score:.0f} of 100.", score=score))


def fraudrecord(facts: Facts, rules: Rulebook) -> Finding | None:
    """Other providers reported this person to FraudRecord, or its score is high."""
    found = _reports(facts, FRAUDRECORD)
    reports, score = max((report.reports or 0 for report in found), default=0), _highest(found)
    high = score is not None and score >= rules.thresholds.fraudrecord_score_from
    if reports < 1 and not high:
        return None

    def words() -> Words:
        scored = "" if score is None else f", with a score of {score:.0f} of 100"
        pages = sorted({report.page for report in found if report.page})
        shown = {"report": FRAUDRECORD_PAGE.format(pages[0])} if pages else {}
        detail = f"Other providers' reports to FraudRecord: {reports}{scored}."
        return said(detail, reports=reports, score=score, **shown)

    points = rules.risk.fraudrecord_high_score if high else rules.risk.fraudrecord
    return risk_finding("fraudrecord", points, words)


def anonymous_ip(facts: Facts, rules: Rulebook) -> Finding | None:
    """The customer's own IP address belongs to an anonymising service, according to a database file or a service."""
    marking = [report for report in facts.order.outside if not report.degraded and ANONYMOUS_IP in report.marks]
    if not marking or not ip_is_the_customers(facts):
        return None

    def words() -> Words:
        by = ", ".join(sorted(report.provider for report in marking))
        kinds = sorted(_KINDS.intersection(mark for report in marking for mark in report.marks))
        detail = "The order came through an anonymising service, such as a proxy or a VPN."
        return said(detail, marked_by=by, **({"kinds": ", ".join(kinds)} if kinds else {}))

    return risk_finding("anonymous_ip", rules.risk.anonymous_ip, words)


def hosting_network(facts: Facts, rules: Rulebook) -> Finding | None:
    """The customer's own IP address is in a hosting network, not an access network (thresholds.hosting_asns)."""
    asn = facts.order.ip_asn
    if asn is None or asn not in rules.hosting_asns or not ip_is_the_customers(facts):
        return None
    detail = f"The order came from a hosting network (AS{asn})."
    return risk_finding("hosting_network", rules.risk.hosting_network, lambda: said(detail, asn=asn))


def _reports(facts: Facts, provider: str) -> list[EnrichmentReport]:
    return [report for report in facts.order.outside if report.provider == provider and not report.degraded]


def _highest(reports: list[EnrichmentReport]) -> float | None:
    scores = [report.score for report in reports if report.score is not None and math.isfinite(report.score)]
    return max(scores, default=None)


SIGNALS: Final[tuple[SignalRule, ...]] = (fraud_check, minfraud, fraudrecord, anonymous_ip, hosting_network)
