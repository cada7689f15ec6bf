"""Searching texts again: what another policy's terms and lists find in customers' texts, if they still exist.

Facts hold findings, never texts; a policy with other terms than those of a case needs the texts. If they were erased,
the original findings stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from app.core.facts import Cut, Facts, PlacedBy, TextCut
from app.core.judgement.written import Written, largest, read_words
from app.core.policy.document import Policy
from app.core.policy.matching import match_lists
from app.core.reading.hosted import DOMAIN
from app.core.reading.kinds import HostedFinding, TermFinding
from app.customers.identities import canonical_email
from app.gathering.facts import domain_terms, findings_in
from app.gathering.panel import Gathered
from app.gathering.texts import domains_of, line_domain, written_for
from app.history.cases.rows import in_chunks
from app.history.cases.timeline import services_of
from app.history.imported import Resource, load
from app.orders.facts_codec import unpack
from app.panels.records import PanelCustomer, PanelOrder, PanelService, PanelTicket
from app.tables.history import cases, panel_rows
from app.tables.orders import order_texts

_LONG_AGO = datetime.min.replace(tzinfo=UTC)  # dates of texts don't matter here
_LISTED = ("acceptable_use", "vetting", "fit", "hosted")  # the fields with findings of the policy's lists
_THEIRS = frozenset({PlacedBy.CUSTOMER, PlacedBy.UNKNOWN})


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What is left of an order's lines and its customer's addresses, if the order was imported."""

    named: tuple[Written, ...]  # domain names in the lines
    domains: tuple[str, ...]  # of each line, or of its service
    emails: tuple[str, ...] | None  # None: the customer is no longer known
    ip: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseTexts:
    """What is left of one order's texts. Personal data: read only, and never stored again.

    Without `lines` the findings in domain names and lists stay as they are.
    """

    texts: tuple[Written, ...]
    lines: Lines | None = None


def refind(facts: Facts, texts: CaseTexts, policy: Policy) -> Facts:
    """Return the facts with what this policy's terms and lists find in the texts."""
    lines, order, customer = texts.lines, facts.order, facts.customer
    named = lines.named if lines else ()
    reading = read_words((*texts.texts, *named))
    found = findings_in(reading, policy)
    found["expected"] = largest((*order.expected, *reading.expected))
    found["cut"] = tuple(sorted({*_lasting(order.cut), *_by_terms(found["cut"])}, key=lambda one: (one.where, one.why)))
    if lines is None:
        found |= {name: (*found[name], *_in_domains(getattr(order, name))) for name in _LISTED}
        found["look_alikes"] = order.look_alikes
        return replace(facts, order=replace(order, **found))
    order = replace(order, **found)
    if len(lines.domains) == len(order.items):
        pairs = zip(order.items, lines.domains, strict=True)
        order = replace(
            order, items=tuple(replace(item, domain_terms=domain_terms(domain, policy)) for item, domain in pairs)
        )
    if customer is not None and lines.emails is not None:
        ip = lines.ip if order.placed_by in _THEIRS else None
        lists = match_lists(policy, customer_id=customer.customer_id, emails=lines.emails, ip=ip)
        customer = replace(customer, lists=lists)
    return replace(facts, order=order, customer=customer)


async def find_again(connection: AsyncConnection, policy: Policy, judged: Sequence[tuple[int, Facts]]) -> list[Facts]:
    """Return the facts of these orders, in their order, with what this policy's terms and lists find.

    If the texts are gone, the findings stay as they are.
    """
    texts = await texts_of_cases(connection, [order_id for order_id, _ in judged])
    return [refind(facts, texts[one], policy) if one in texts else facts for one, facts in judged]


def _by_terms(cut: Iterable[TextCut]) -> list[TextCut]:
    return [one for one in cut if one.why is Cut.TERM_LEFT_OUT]


def _lasting(cut: Iterable[TextCut]) -> list[TextCut]:
    """Return the cuts that another policy's terms do not change."""
    return [one for one in cut if one.why is not Cut.TERM_LEFT_OUT]


def _in_domains(hits: tuple[TermFinding | HostedFinding, ...]) -> tuple[TermFinding | HostedFinding, ...]:
    return tuple(hit for hit in hits if hit.where == "domain")


async def texts_of_cases(connection: AsyncConnection, order_ids: Iterable[int]) -> dict[int, CaseTexts]:
    """Return what is left of the texts of some orders, without orders whose texts are gone."""
    ids = list(order_ids)
    orders: dict[int, PanelOrder] = await _load(connection, Resource.ORDERS, ids)
    customer_ids = sorted({order.customer_id for order in orders.values() if order.customer_id})
    relids = sorted({line.relid for order in orders.values() for line in order.lines if line.relid})
    services: dict[int, PanelService] = await _load(connection, Resource.SERVICES, relids)
    listed = await _load(connection, Resource.CUSTOMERS, customer_ids)
    asking = await _asking(connection, [one for one, order in orders.items() if order.placed_by is PlacedBy.STAFF])
    tickets: dict[int, PanelTicket] = await _load(connection, Resource.TICKETS, sorted(set(asking.values())))
    found = {
        order_id: _texts(
            order,
            services,
            listed[order.customer_id].customer if order.customer_id in listed else None,
            tickets.get(asking.get(order_id, 0)),
        )
        for order_id, order in orders.items()
    }
    return found | await _live_texts(connection, [one for one in ids if one not in found])


async def _load(connection: AsyncConnection, resource: Resource, ids: list[int]) -> dict[int, Any]:
    query = sa.select(panel_rows.c.row_id, panel_rows.c.data).where(panel_rows.c.resource == resource.value)
    return {
        row.row_id: load(resource, row.data) async for row in in_chunks(connection, query, panel_rows.c.row_id, ids)
    }


async def _asking(connection: AsyncConnection, order_ids: list[int]) -> dict[int, int]:
    """Return the ticket that asked for each of these orders, if there is one."""
    query = sa.select(cases.c.order_id, cases.c.facts)
    found = {}
    async for row in in_chunks(connection, query, cases.c.order_id, order_ids):
        ticket_id = unpack(row.facts).order.asking_ticket_id
        if ticket_id is not None:
            found[row.order_id] = ticket_id
    return found


def _texts(
    order: PanelOrder, services: dict[int, PanelService], customer: PanelCustomer | None, asking: PanelTicket | None
) -> CaseTexts:
    own = services_of(order, services)
    gathered = Gathered(
        order_id=order.order_id,
        order_version=None,
        read_at=order.placed_at or _LONG_AGO,
        order=order,
        services=own,
        asking_ticket=asking,
    )
    by_id = {service.service_id: service for service in own}
    lines = Lines(
        named=tuple(domains_of(order, own)),
        domains=tuple(
            line_domain(line, by_id.get(line.relid or 0) if line.kind == "product" else None) for line in order.lines
        ),
        emails=(customer.email, canonical_email(customer.email) or "") if customer else None,
        ip=order.ip,
    )
    return CaseTexts(texts=tuple(one for one in written_for(gathered) if one.where != DOMAIN), lines=lines)


async def _live_texts(connection: AsyncConnection, order_ids: list[int]) -> dict[int, CaseTexts]:
    """Return texts of orders decided live and never imported: they are stored as one, without their fields."""
    query = sa.select(order_texts.c.order_id, order_texts.c.request_text)
    return {
        row.order_id: CaseTexts(texts=(Written(where="notes", text=row.request_text),))
        async for row in in_chunks(connection, query, order_texts.c.order_id, order_ids)
    }
