"""FraudRecord, API version 1 (https://www.fraudrecord.com/developers/): what other hosts report about a customer.

All customer data is sent as slow hashes, which only hosts that know the same value can recognise.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from typing import Final

from pydantic import SecretStr

from app.core.facts import EnrichmentReport
from app.enrichment.base import EnrichmentQuestion, NoAnswer
from app.enrichment.transport import Reply, http_client, post

URL: Final = "https://www.fraudrecord.com/api/"
NAME: Final = "fraudrecord"
ROUNDS: Final = 32_000
#: ``<report>value-count-reliability-code</report>``: the severities (1 to 10 each) added up, how many reports, how
#: far they can be relied on (0 to 10), and the code of the report's page, to which FraudRecord wants staff to have a
#: link.
_REPORT: Final = re.compile(
    r"<report>\s*([0-9]{1,9})-([0-9]{1,9})-([0-9]{1,2}(?:\.[0-9]{1,9})?)-([0-9A-Za-z]{0,64})\s*</report>"
)
_ERROR: Final = re.compile(r"\s*(ERR:[A-Z]{1,20}|NODATA)\b")
_WORST: Final = 10.0  # maximum of a severity, and of the reliability


class FraudRecord:
    """FraudRecord with one reporter's key."""

    name = NAME

    def __init__(self, key: SecretStr) -> None:
        self._key = key
        self._http = http_client()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def ask(self, question: EnrichmentQuestion) -> EnrichmentReport:
        """Ask about the customer of one order. Raises NoAnswer.

        Hashing takes a tenth of a second or more, so it runs in a thread.
        """
        known = {"name": question.name, "email": question.email, "ip": question.ip or "", "phone": question.phone}
        plain = {name: normalised(value) for name, value in known.items()}
        if not any(plain.values()):
            raise NoAnswer("the order has no data to ask about")
        fields = await asyncio.to_thread(lambda: {name: slow_hash(value) for name, value in plain.items() if value})
        form = {"_action": "query", "_api": self._key.get_secret_value(), **fields}
        return read_reply(await post(self._http, URL, data=form))  # in the body, because URLs get into logs


def normalised(value: str) -> str:
    """Return the value to hash: lower case, without white space."""
    return "".join(value.split()).lower()


def slow_hash(value: str) -> str:
    """Return FraudRecord's hash: 32,000 rounds of SHA-1, each over ``fraudrecord-`` and the last one's hexadecimal."""
    for _ in range(ROUNDS):
        value = hashlib.sha1(f"fraudrecord-{value}".encode(), usedforsecurity=False).hexdigest()
    return value


def read_reply(reply: Reply) -> EnrichmentReport:
    """Read the answer. Raises NoAnswer for anything but a report.

    The score is the mean severity weighted by reliability: the worst severity with full reliability is 100.
    """
    text = reply.body.decode("utf-8", "replace")
    if reply.status != 200:
        raise NoAnswer(f"HTTP {reply.status}")
    if error := _ERROR.match(text):
        raise NoAnswer(error[1])
    found = _REPORT.search(text)
    if found is None:
        raise NoAnswer("an answer that can't be read")
    value, count, reliability = int(found[1]), int(found[2]), min(_WORST, float(found[3]))
    severity = min(_WORST, value / count) if count else 0.0
    score = round(severity * reliability, 2)
    page = found[4] if count and found[4] else None
    return EnrichmentReport(provider=NAME, score=score, reports=count, page=page)
