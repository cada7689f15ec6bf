"""The gate for several orders at once: the panel's addon asks before it provisions the first of them."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import Query, Request, Response
from pydantic import AfterValidator, BeforeValidator, Field
from starlette.background import BackgroundTask

from app.api.auth import GATE
from app.api.fields import Body, ListedId
from app.api.routes.orders import GateView
from app.api.serving import ContextDep, answer, router
from app.workflow.gate import asking, presence
from app.workflow.gate.asking import MOST_ORDERS

gate = router("/gate", "orders", GATE)


def _split(given: Any) -> Any:
    """Return one list from `1,2`, a repeated parameter, or both."""
    if not isinstance(given, list):
        return given
    return [part for one in given for part in (one.split(",") if isinstance(one, str) else [one])]


def _each_once(given: list[int]) -> list[int]:
    if len(set(given)) < len(given):
        raise ValueError("must name each order only once")
    return given


class GateOfOrder(GateView):
    """The gate's answer for one of the orders."""

    order_id: Annotated[int, Field(json_schema_extra={"format": "int64"})]


class GatesView(Body):
    """The gate's answers, one for each order that was asked about and in the same order."""

    orders: list[GateOfOrder]


@gate.get(
    "",
    response_model=GatesView,
    summary="Ask which of these orders may be provisioned now",
    description=(
        "One request for all orders that a payment lets the panel provision, sent before the first of them. "
        "Returns for each what `GET /v1/orders/{order_id}/gate` returns, within the same 1.5 seconds for all of "
        "them. Undecided orders are decided in the given sequence. More than 100 orders need several requests. "
        "Always 200."
    ),
)
async def ask_gates(
    request: Request,
    context: ContextDep,
    order_ids: Annotated[
        list[ListedId],
        AfterValidator(_each_once),
        BeforeValidator(_split),
        Query(
            min_length=1,
            max_length=MOST_ORDERS,
            description="The panel's order ids, each once: `1,2,3`, or as a repeated parameter.",
            json_schema_extra={"uniqueItems": True},
        ),
    ],
) -> Response:
    made = await asking.ask_all(context, order_ids, since=request.state.arrived)
    answered = answer({"orders": [{"order_id": one, **asdict(made[one])} for one in order_ids]})
    answered.background = BackgroundTask(presence.remember, context, order_ids)  # the checkout does not wait for it
    return answered
