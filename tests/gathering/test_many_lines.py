"""An order with thousands of lines, of a customer with as many services, is described in no time."""

from __future__ import annotations

from datetime import UTC, datetime

from app.core.facts import PlacedBy
from app.core.money import Money
from app.core.policy.document import Policy
from app.gathering.facts import OwnKnowledge, build_facts
from app.gathering.panel import Gathered
from app.panels.records import PanelLine, PanelOrder, PanelService
from tests.cpu import within_cpu_seconds
from tests.history.past import CATALOGUE

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LINES = 30_000  # three times as many as an order may have


def line(service_id: int) -> PanelLine:
    return PanelLine(
        kind="product", relid=service_id, product_type="hostingaccount", product="Web S", domain="", cycle="Monthly",
        amount=Money(1500, "USD"), status="Pending",
    )  # fmt: skip


def service(service_id: int) -> PanelService:
    return PanelService(
        service_id=service_id, customer_id=7, order_id=1, product_id=11, name=f"Web {service_id}", group="Shared",
        domain="", first_amount=Money(1500, "USD"), recurring_amount=Money(1500, "USD"), cycle="Monthly",
        status="Pending", registered_on=None, custom_fields=(), options=(),
    )  # fmt: skip


def test_thousands_of_lines_find_their_services_and_products_at_once() -> None:
    order = PanelOrder(
        order_id=1, order_number="1", customer_id=7, placed_by=PlacedBy.CUSTOMER, staff_id=None, placed_at=NOW,
        amount=Money(1500 * LINES, "USD"), currency="USD", payment_method="stripe", promo_code="", invoice_id=None,
        status="Pending", ip=None, notes="", fraud_check=None, lines=tuple(map(line, range(1, LINES + 1))),
    )  # fmt: skip
    services = tuple(map(service, range(LINES, 0, -1)))
    gathered = Gathered(
        order_id=1, order_version=None, read_at=NOW, order=order, services=services, catalogue=CATALOGUE,
    )  # fmt: skip
    with within_cpu_seconds(3):  # a search among all services for each line took ten
        items = build_facts(gathered, OwnKnowledge(placed_by=PlacedBy.CUSTOMER), Policy()).order.items
    assert [item.product for item in items] == [f"Web {number}" for number in range(1, LINES + 1)]
    assert {(item.product_id, item.listed, item.list_recurring) for item in items} == {(11, True, 1500)}
