"""MaxMind minFraud Score (https://dev.maxmind.com/minfraud/api-documentation/): one POST per order.

The e-mail address is sent as the MD5 that MaxMind requires, with its domain; names and street lines are never sent.
"""

from __future__ import annotations

import hashlib
import json
import re
from datetime import UTC
from typing import Any, Final

import structlog
from pydantic import SecretStr

from app.core.facts import EnrichmentReport
from app.enrichment.base import EnrichmentQuestion, NoAnswer
from app.enrichment.transport import Reply, http_client, post

log = structlog.get_logger(__name__)

URL: Final = "https://minfraud.maxmind.com/minfraud/v2.0/score"
NAME: Final = "minfraud"
_TEXT: Final = 255  # MaxMind's limit for texts
_CODE: Final = re.compile(r"[A-Z][A-Z0-9_]{1,60}")
#: Results of the provider's custom rules at MaxMind (``disposition.action``); *accept* and *test* are ignored.
_DISPOSITIONS: Final = {"reject": "own_rule_reject", "manual_review": "own_rule_review"}


class MinFraud:
    """The minFraud Score service with one account."""

    name = NAME

    def __init__(self, account: int, key: SecretStr) -> None:
        self._auth = (str(account), key)
        self._http = http_client()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
        """Ask for the risk of one order, which is billed. Raises NoAnswer."""
        account, key = self._auth
        reply = await post(
            self._http,
            URL,
            json=request_of(question),
            auth=(account, key.get_secret_value()),
            headers={"Accept": "application/json"},
        )
        return read_reply(reply, without_ip=question.ip is None)


def request_of(question: EnrichmentQuestion) -> dict[str, Any]:
    """Return the body of the request; unknown values are left out."""
    order: dict[str, Any] = {}
    if question.amount is not None and question.amount.amount_minor >= 0:
        order = {"amount": float(question.amount.to_text()), "currency": question.amount.currency}
    body: dict[str, dict[str, Any]] = {
        "device": {"ip_address": question.ip},
        "event": {
            "transaction_id": str(question.order_id),
            "time": question.placed_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "type": "purchase",
        },
        "account": {"user_id": str(question.customer_id)},
        "email": _email(question.mailbox),
        "billing": {
            "city": question.city[:_TEXT],
            "postal": question.postcode[:_TEXT],
            "country": question.country,
            **_phone(question.phone),
        },
        "order": order,
    }
    known = {part: {key: value for key, value in fields.items() if value} for part, fields in body.items()}
    return {part: fields for part, fields in known.items() if fields}


def _email(mailbox: str | None) -> dict[str, str]:
    local, _at, domain = (mailbox or "").rpartition("@")
    try:
        plain = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return {}
    if not (local and plain):
        return {}
    digest = hashlib.md5(f"{local}@{plain}".encode(), usedforsecurity=False)
    return {"address": digest.hexdigest(), "domain": plain[:_TEXT]}


def _phone(phone: str) -> dict[str, str]:
    """The panel writes +CC.NNN; in any other form the number is sent without a country code."""
    code, dot, number = phone.strip().lstrip("+").partition(".")
    if dot and code.isdigit() and len(code) <= 4:
        return {"phone_country_code": code, "phone_number": number[:_TEXT]}
    return {"phone_number": phone.strip()[:_TEXT]}


def read_reply(reply: Reply, *, without_ip: bool) -> EnrichmentReport:
    """Read the answer. Raises NoAnswer for an error or an answer without a risk score."""
    answer = _object(reply.body)
    if reply.status != 200:
        code = answer.get("code")
        named = code if isinstance(code, str) and _CODE.fullmatch(code) else "no code"
        raise NoAnswer(f"HTTP {reply.status}: {named}")
    score = answer.get("risk_score")
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise NoAnswer("an answer without a risk score")
    if not 0 <= score <= 100:  # also true for NaN
        raise NoAnswer("a risk score out of range")
    _log_warnings(answer.get("warnings"))
    marks = ["without_ip"] if without_ip else []
    disposition = answer.get("disposition")
    action = disposition.get("action") if isinstance(disposition, dict) else None
    if isinstance(action, str) and action in _DISPOSITIONS:
        marks.append(_DISPOSITIONS[action])
    return EnrichmentReport(provider=NAME, score=float(score), marks=tuple(sorted(marks)))


def _object(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}


def _log_warnings(warnings: object) -> None:
    """Log MaxMind's warnings about the request; only the codes, as the texts repeat the data sent."""
    rows = warnings if isinstance(warnings, list) else []
    codes = [row.get("code") for row in rows if isinstance(row, dict)]
    if named := {code for code in codes if isinstance(code, str) and _CODE.fullmatch(code)}:
        log.info("enrichment.minfraud_warnings", provider=NAME, codes=sorted(named))
