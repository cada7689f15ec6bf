"""Imported rows are read as any version stored them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.core.facts import FraudCheck, FraudVerdict, PlacedBy
from app.history.imported import Resource, dump, load
from app.panels.records import PanelOrder
from tests.history.past import Past

OF_AN_OLDER_VERSION = (
    b'{"order_id":812,"order_number":"4471920385","customer_id":93,"requestor_id":140,"admin_requestor_id":0,'
    b'"placed_at":"2026-08-14T07:12:44Z","amount":{"amount_minor":4900,"currency":"USD"},"currency":"USD",'
    b'"payment_method":"stripe","promo_code":"","invoice_id":2210,"status":"Pending","ip":"203.0.113.9",'
    b'"notes":"","fraud_module":"","fraud_output":"","lines":[{"kind":"product","relid":1402,'
    b'"product_type":"hostingaccount","product":"Web S","domain":"a.example","cycle":"monthly",'
    b'"amount":{"amount_minor":4900,"currency":"USD"},"status":"Pending"}],"is_renewal":true}'
)


def old(**changes: Any) -> PanelOrder:
    data = json.dumps(json.loads(OF_AN_OLDER_VERSION) | changes).encode()
    order: PanelOrder = load(Resource.ORDERS, data.replace(b'": ', b'":'))
    return order


def test_an_order_of_an_older_version_is_the_same_as_one_of_today() -> None:
    order = load(Resource.ORDERS, OF_AN_OLDER_VERSION)
    assert (order.placed_by, order.staff_id, order.fraud_check) == (PlacedBy.CUSTOMER, None, None)
    assert (order.placed_at.isoformat(), str(order.amount)) == ("2026-08-14T07:12:44+00:00", "49.00 USD")
    assert (order.lines[0].relid, order.is_renewal) == (1402, True)
    assert load(Resource.ORDERS, dump(order)["data"]) == order


@pytest.mark.parametrize(
    ("changes", "placed_by", "staff_id"),
    [
        ({"admin_requestor_id": 7}, PlacedBy.STAFF, 7),
        ({"requestor_id": 0, "admin_requestor_id": 7}, PlacedBy.STAFF, 7),
        ({"requestor_id": 0}, PlacedBy.UNKNOWN, None),
    ],
)
def test_who_entered_an_order_of_an_older_version(
    changes: dict[str, Any], placed_by: PlacedBy, staff_id: int | None
) -> None:
    order = old(**changes)
    assert (order.placed_by, order.staff_id) == (placed_by, staff_id)


def test_the_fraud_check_of_an_order_of_an_older_version() -> None:
    order = old(fraud_module="maxmind", fraud_output='{"status": "fail", "riskScore": "91.5"}')
    assert order.fraud_check == FraudCheck(module="maxmind", verdict=FraudVerdict.FAIL, score=91.5, detail="fail")
    assert load(Resource.ORDERS, dump(order)["data"]) == order


def test_what_a_customer_writes_makes_no_order_older() -> None:
    past = Past()
    past.order(1, 1, 1, notes='{"fraud_module":"maxmind"}')
    order = past.rows["orders", 1]
    assert load(Resource.ORDERS, dump(order)["data"]) == order
