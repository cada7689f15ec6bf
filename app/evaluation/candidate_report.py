"""Where the candidate policy and the active one differ on live orders, from decisions that contain both verdicts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final

import sqlalchemy as sa
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.judgement.decide import Outcome
from app.core.money import Money
from app.core.records import CLOCK, PANEL, POLICY
from app.policies import published, versions
from app.tables.orders import decisions, orders

#: How many of the newest decisions are read; the report says so if there are more.
LOOKED_AT: Final = 10_000
SHOWN: Final = 25
_REASONS: Final = 10
_Count = Annotated[int, Field(ge=0)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """How many orders have one outcome by the active policy and another by the candidate."""

    active: Outcome
    candidate: Outcome
    orders: _Count


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReason:
    """Why the two policies differ: the first reason of each."""

    active: Outcome
    active_reason: Annotated[str, Field(examples=["no_work"])]
    candidate: Outcome
    candidate_reason: Annotated[str, Field(examples=["risk_review"])]
    orders: _Count


@dataclass(frozen=True, slots=True, kw_only=True)
class MoneyBeside:
    """Fees and minutes of one currency's orders under each policy; amounts net."""

    currency: str
    orders: _Count
    fees_active: Annotated[str, Field(examples=["150.00"])]
    fees_candidate: Annotated[str, Field(examples=["100.00"])]
    minutes_active: _Count
    minutes_candidate: _Count


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleSaid:
    """People's later decisions on orders where the two differ."""

    decided: Annotated[int, Field(description="Orders like these that a person decided.")]
    as_active: _Count
    as_candidate: _Count
    otherwise: _Count


@dataclass(frozen=True, slots=True, kw_only=True)
class DifferingOrder:
    """One order that the two policies decide differently."""

    order_id: int
    at: datetime
    active: Outcome
    active_reasons: tuple[str, ...]
    candidate: Outcome
    candidate_reasons: tuple[str, ...]
    person: Annotated[Outcome | None, Field(description="What the person decided.")]


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateReport:
    """A candidate policy compared with the active one. Verdicts and their reasons are compared as judged, before modes
    and limits, and only for decisions judged by both.
    """

    version: Annotated[
        int | None, Field(description="Null if no candidate is running, so there is nothing to compare.")
    ]
    active_version: int
    since: datetime | None
    by: str | None
    decided: Annotated[int, Field(description="Orders that this candidate and this active policy have both decided.")]
    complete: Annotated[bool, Field(description="False if only the newest 10,000 decisions were checked.")]
    differing: Annotated[int, Field(description="The orders that the two decide differently.")]
    turns: Annotated[
        tuple[Turn, ...], Field(description="All of them, from the active policy's outcome to the candidate's.")
    ]
    reasons: Annotated[tuple[TurnReason, ...], Field(description="The ten most frequent.")]
    money: tuple[MoneyBeside, ...]
    people: PeopleSaid
    latest: Annotated[tuple[DifferingOrder, ...], Field(description="The latest 25 orders with different outcomes.")]


async def candidate_report(connection: AsyncConnection) -> CandidateReport:
    """Return where the running candidate differs; empty if none runs."""
    running = await published.candidate(connection)
    active_version = (await versions.active(connection)).version
    rows = [] if running.since is None else await _rows(connection, running.since, active_version)
    complete = len(rows) < LOOKED_AT
    rows = [row for row in rows if row.candidate.get("version") == running.version]
    newest = {row.order_id: row for row in reversed(rows)}
    both = sorted(newest.values(), key=lambda row: row.id, reverse=True)
    differing = [row for row in both if row.judged != row.candidate["outcome"]]
    people = await _people(connection, [row.order_id for row in differing])
    turns = Counter((row.judged, row.candidate["outcome"]) for row in both)
    return CandidateReport(
        version=running.version,
        active_version=active_version,
        since=running.since,
        by=running.by,
        decided=len(both),
        complete=complete,
        differing=len(differing),
        turns=tuple(Turn(active=Outcome(a), candidate=Outcome(c), orders=n) for (a, c), n in turns.most_common()),
        reasons=_reasons(differing),
        money=_money(both),
        people=_said(differing, people),
        latest=tuple(_shown(row, people) for row in differing[:SHOWN]),
    )


async def _rows(connection: AsyncConnection, since: datetime, active_version: int) -> list[Any]:
    judgement: Any = decisions.c.judgement
    query = (
        sa.select(
            decisions.c.id, decisions.c.order_id, decisions.c.at, decisions.c.candidate,
            orders.c.currency, judgement["outcome"].as_string().label("judged"),
            judgement["reasons"].as_json().label("reasons"),
            judgement[("fee", "amount_minor")].as_string().label("fee"),
            judgement[("labour", "minutes")].as_string().label("minutes"),
        )
        .join(orders, orders.c.order_id == decisions.c.order_id)
        .where(decisions.c.at >= since, decisions.c.by == POLICY, decisions.c.candidate.is_not(None))
        .where(decisions.c.policy_version == active_version)
        .order_by(decisions.c.at.desc(), decisions.c.id.desc())
        .limit(LOOKED_AT)
    )  # fmt: skip
    return list((await connection.execute(query)).all())


async def _people(connection: AsyncConnection, order_ids: Sequence[int]) -> dict[int, str]:
    """Return the decisions in force that were made by a person."""
    ours = (POLICY, CLOCK, PANEL)
    by = decisions.c.by
    person = sa.and_(by.not_in(ours), sa.or_(by.not_like(f"{PANEL}:%"), by.like(f"{PANEL}:staff:%")))
    found: dict[int, str] = {}
    for start in range(0, len(order_ids), 500):
        query = (
            sa.select(decisions.c.order_id, decisions.c.outcome)
            .join(orders, orders.c.decision_id == decisions.c.id)
            .where(orders.c.order_id.in_(order_ids[start : start + 500]), person)
        )
        found |= {row.order_id: row.outcome for row in await connection.execute(query)}
    return found


def _reasons(differing: Sequence[Any]) -> tuple[TurnReason, ...]:
    counted = Counter(
        (row.judged, row.reasons[0]["code"], row.candidate["outcome"], row.candidate["reasons"][0]) for row in differing
    )
    return tuple(
        TurnReason(
            active=Outcome(active), active_reason=why, candidate=Outcome(candidate), candidate_reason=other, orders=n
        )
        for (active, why, candidate, other), n in counted.most_common(_REASONS)
    )


def _money(rows: Sequence[Any]) -> tuple[MoneyBeside, ...]:
    by_currency: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        if row.currency:
            by_currency[row.currency].append(row)
    return tuple(_beside(currency, some) for currency, some in sorted(by_currency.items()))


def _beside(currency: str, rows: Sequence[Any]) -> MoneyBeside:
    theirs = [row.candidate.get("fee") or {} for row in rows]
    return MoneyBeside(
        currency=currency,
        orders=len(rows),
        fees_active=Money(sum(int(row.fee or 0) for row in rows), currency).to_text(),
        fees_candidate=Money(sum(int(fee.get("amount_minor", 0)) for fee in theirs), currency).to_text(),
        minutes_active=sum(int(row.minutes or 0) for row in rows),
        minutes_candidate=sum(int(row.candidate["minutes"]) for row in rows),
    )


def _said(differing: Sequence[Any], people: dict[int, str]) -> PeopleSaid:
    as_active = sum(people.get(row.order_id) == row.judged for row in differing)
    as_candidate = sum(people.get(row.order_id) == row.candidate["outcome"] for row in differing)
    otherwise = len(people) - as_active - as_candidate
    return PeopleSaid(decided=len(people), as_active=as_active, as_candidate=as_candidate, otherwise=otherwise)


def _shown(row: Any, people: dict[int, str]) -> DifferingOrder:
    person = people.get(row.order_id)
    return DifferingOrder(
        order_id=row.order_id,
        at=row.at,
        active=Outcome(row.judged),
        active_reasons=tuple(reason["code"] for reason in row.reasons[:_REASONS]),
        candidate=Outcome(row.candidate["outcome"]),
        candidate_reasons=tuple(row.candidate["reasons"][:_REASONS]),
        person=None if person is None else Outcome(person),
    )
