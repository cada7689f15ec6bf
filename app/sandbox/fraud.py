"""The fraud check of the panel: three modules, each with its own JSON text in `fraudoutput`."""

import json
from typing import Any, Literal

from app.sandbox.context import Context
from app.sandbox.models import Client, Order

FraudModule = Literal["maxmind", "fraudlabs", "fraudrecord"]
FraudStatus = Literal["Pass", "Review", "Fail"]


def _maxmind(order: Order, client: Client, score: float) -> dict[str, Any]:
    return {
        "id": f"5bc5d6c2-b2c8-40af-87f4-{order.id:012d}",
        "risk_score": score,
        "funds_remaining": 25.0,
        "queries_remaining": 5000,
        "ip_address": {"risk": round(score / 2, 2), "country": {"iso_code": client.country}},
        "email": {"is_free": client.email.endswith("gmail.com"), "is_high_risk": score > 60},
        "billing_address": {"is_in_ip_country": score < 50, "distance_to_ip_location": 31 if score < 50 else 8000},
        "disposition": {"action": "reject" if score > 80 else "accept", "reason": "default"},
    }


def _fraudlabs(order: Order, client: Client, score: float, status: FraudStatus) -> dict[str, Any]:
    statuses = {"Pass": "APPROVE", "Review": "REVIEW", "Fail": "REJECT"}
    return {
        "fraudlabspro_id": f"20260821-{order.id}",
        "fraudlabspro_score": str(int(score)),
        "fraudlabspro_status": statuses[status],
        "fraudlabspro_distribution": str(int(score)),
        "is_country_match": "Y" if score < 50 else "N",
        "is_proxy_ip_address": "Y" if score > 70 else "N",
        "is_free_email": "Y" if client.email.endswith("gmail.com") else "N",
        "is_high_risk_country": "N",
        "ip_country": client.country,
        "fraudlabspro_error_code": "",
        "fraudlabspro_message": "",
    }


def _fraudrecord(order: Order, score: float) -> dict[str, Any]:
    reports = round(score / 25)
    return {
        "score": f"{round(score / 10)}-{reports}-{8.1 if reports else 0.0}",
        "value": str(round(score / 10)),
        "count": str(reports),
        "reliability": "8.1" if reports else "0.0",
        "reportcode": f"c{order.id:012x}",
    }


def _output(order: Order, client: Client, *, module: FraudModule, score: float, status: FraudStatus) -> dict[str, Any]:
    match module:
        case "maxmind":
            return _maxmind(order, client, score)
        case "fraudlabs":
            return _fraudlabs(order, client, score, status)
        case "fraudrecord":
            return _fraudrecord(order, score)


async def run(ctx: Context, order: Order, *, module: FraudModule, score: float, status: FraudStatus) -> None:
    """Store the result on the order, set it to Fraud if the check failed, then run `AfterFraudCheck`.

    All this happens within the customer's checkout request.

    WHMCS has no status for a *review* verdict: FraudLabs Pro's becomes Fraud.
    """
    client = ctx.state.clients[order.client_id]
    order.fraud_module = module
    order.fraud_output = json.dumps(_output(order, client, module=module, score=score, status=status))
    failed = status == "Fail" or (status == "Review" and module == "fraudlabs")
    if failed and order.status == "Pending":
        order.status = "Fraud"
        for service in ctx.state.items_of(order):
            service.status = "Fraud"
    await ctx.raise_event("order.fraud_checked", ctx.customer_actor(client), order_id=order.id)
