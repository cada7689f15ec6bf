"""Search over orders, customers, invoices and tickets."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Response
from pydantic import AfterValidator, Field

from app.api.auth import OPS
from app.api.fields import storable_text
from app.api.serving import ContextDep, read, router
from app.api.views.search import SearchAnswer
from app.api.views.search import search as find_hits
from app.paging import DEFAULT_LIMIT, MAX_LIMIT

search = router("/search", "search", OPS)

_LONGEST = 200


@search.get(
    "",
    response_model=SearchAnswer,
    summary="Find orders, customers, invoices and tickets",
    description=(
        "By order number, order or invoice id, e-mail address, name or company, domain, or ticket number: whatever "
        "the customer quotes. Numbers and addresses match exactly, names and domains by their beginnings, without "
        "case and accents, in any alphabet; no character has a special meaning. Customers found by name or address "
        "are followed by their newest orders. Finds what Doorman has handled, not the imported past."
    ),
)
async def find(
    context: ContextDep,
    q: Annotated[
        Annotated[str, Field(min_length=1, max_length=_LONGEST, pattern=r"\S"), AfterValidator(storable_text)],
        Query(description="A number, name, address or domain."),
    ],
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="The maximum number of results.")] = DEFAULT_LIMIT,
) -> Response:
    return await read(context, lambda connection: find_hits(connection, context.settings, q, limit=limit))
