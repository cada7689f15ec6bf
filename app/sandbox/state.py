"""The pretend panel's state, in memory, with indices for O(1) look-ups."""

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.sandbox.ledger import Credit, Invoice, Quote, Transaction
from app.sandbox.models import (
    Activity,
    Actor,
    Admin,
    Client,
    ClientNote,
    Currency,
    Domain,
    Mail,
    Notification,
    Order,
    Product,
    ProductGroup,
    QueueEntry,
    Service,
    Ticket,
)


def _ids(start: int) -> Iterator[int]:
    return itertools.count(start)


@dataclass(slots=True)
class Sequences:
    """Each table has a different first id, so that an id of another table finds nothing."""

    client: Iterator[int] = field(default_factory=lambda: _ids(101))
    user: Iterator[int] = field(default_factory=lambda: _ids(50001))
    group: Iterator[int] = field(default_factory=lambda: _ids(1))
    product: Iterator[int] = field(default_factory=lambda: _ids(1))
    option: Iterator[int] = field(default_factory=lambda: _ids(11))
    choice: Iterator[int] = field(default_factory=lambda: _ids(31))
    order: Iterator[int] = field(default_factory=lambda: _ids(100001))
    service: Iterator[int] = field(default_factory=lambda: _ids(200001))
    addon: Iterator[int] = field(default_factory=lambda: _ids(300001))
    domain: Iterator[int] = field(default_factory=lambda: _ids(400001))
    upgrade: Iterator[int] = field(default_factory=lambda: _ids(450001))
    invoice: Iterator[int] = field(default_factory=lambda: _ids(500001))
    line: Iterator[int] = field(default_factory=lambda: _ids(550001))
    transaction: Iterator[int] = field(default_factory=lambda: _ids(600001))
    credit: Iterator[int] = field(default_factory=lambda: _ids(650001))
    quote: Iterator[int] = field(default_factory=lambda: _ids(7001))
    ticket: Iterator[int] = field(default_factory=lambda: _ids(700001))
    reply: Iterator[int] = field(default_factory=lambda: _ids(750001))
    note: Iterator[int] = field(default_factory=lambda: _ids(800001))
    queue: Iterator[int] = field(default_factory=lambda: _ids(850001))
    activity: Iterator[int] = field(default_factory=lambda: _ids(900001))


@dataclass(slots=True, kw_only=True)
class WriteCall:
    """One API call that can change something, as received (without the secret)."""

    at: datetime
    action: str
    params: dict[str, Any]
    applied: bool
    answer: dict[str, Any]


class State:
    """The tables. Rows are found by id in O(1), and by client, order or transaction id through an index."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.next = Sequences()
        self.currencies: dict[str, Currency] = {
            "USD": Currency(id=1, code="USD", prefix="$", suffix=" USD"),
            "EUR": Currency(id=2, code="EUR", prefix="€", suffix=" EUR"),
        }
        self.admins: dict[int, Admin] = {
            1: Admin(id=1, username="alice", name="Alice Ops"),
            2: Admin(id=2, username="bob", name="Bob Support"),
            9: Admin(id=9, username="doorman", name="Doorman API"),
        }
        self.departments: dict[int, str] = {1: "Sales", 2: "Support", 3: "Billing", 4: "Abuse"}
        self.gateways: dict[str, str] = {
            "stripe": "Credit Card",
            "paypal": "PayPal",
            "banktransfer": "Bank Transfer",
        }
        self.tlds: dict[str, dict[str, str]] = {
            ".com": {"USD": "14.00", "EUR": "13.00"},
            ".net": {"USD": "16.00", "EUR": "15.00"},
            ".de": {"USD": "9.00", "EUR": "8.00"},
        }
        self.domain_autosetup = "payment"
        self.registrar_error = ""  # if not empty, every registration fails with this error
        self.product_groups: dict[int, ProductGroup] = {}
        self.products: dict[int, Product] = {}
        self.clients: dict[int, Client] = {}
        self.orders: dict[int, Order] = {}
        self.services: dict[int, Service] = {}
        self.addons: dict[int, Service] = {}
        self.domains: dict[int, Domain] = {}
        self.invoices: dict[int, Invoice] = {}
        self.quotes: dict[int, Quote] = {}
        self.tickets: dict[int, Ticket] = {}
        self.queue: list[QueueEntry] = []
        self.activity: list[Activity] = []
        self.client_notes: list[ClientNote] = []
        self.mails: list[Mail] = []
        self.notifications: list[Notification] = []

        self.client_by_email: dict[str, int] = {}
        self.orders_of: dict[int, list[int]] = defaultdict(list)
        self.services_of: dict[int, list[int]] = defaultdict(list)
        self.domains_of: dict[int, list[int]] = defaultdict(list)
        self.invoices_of: dict[int, list[int]] = defaultdict(list)
        self.api_invoices_of: dict[int, list[int]] = defaultdict(list)
        self.credits_of: dict[int, list[Credit]] = defaultdict(list)
        self.quotes_of: dict[int, list[int]] = defaultdict(list)
        self.tickets_of: dict[int, list[int]] = defaultdict(list)
        self.ticket_by_tid: dict[str, int] = {}
        self.queue_of: dict[tuple[str, int], list[QueueEntry]] = defaultdict(list)

    def order_number(self) -> int:
        """Return a ten-digit number, which can exceed 32 bits."""
        return self._rng.randrange(4_300_000_000, 9_999_999_999)

    def letters(self, length: int) -> str:
        return "".join(self._rng.choice("abcdefghjkmnpqrstuvwxyz23456789") for _ in range(length))

    def digits(self, length: int) -> str:
        return "".join(self._rng.choice("0123456789") for _ in range(length))

    def add_client(self, client: Client) -> Client:
        self.clients[client.id] = client
        self.client_by_email[client.email.lower()] = client.id
        return client

    def add_order(self, order: Order) -> Order:
        self.orders[order.id] = order
        self.orders_of[order.client_id].append(order.id)
        return order

    def add_service(self, service: Service) -> Service:
        if service.kind == "addon":
            self.addons[service.id] = service
        else:
            self.services[service.id] = service
            self.services_of[service.client_id].append(service.id)
        return service

    def add_domain(self, domain: Domain) -> Domain:
        self.domains[domain.id] = domain
        self.domains_of[domain.client_id].append(domain.id)
        return domain

    def add_invoice(self, invoice: Invoice) -> Invoice:
        self.invoices[invoice.id] = invoice
        self.invoices_of[invoice.client_id].append(invoice.id)
        return invoice

    def add_transaction(self, row: Transaction) -> Transaction:
        self.invoices[row.invoice_id].transactions.append(row)
        return row

    def add_credit(self, credit: Credit) -> Credit:
        """Add a signed row, and update the client's balance."""
        self.credits_of[credit.client_id].append(credit)
        self.clients[credit.client_id].credit += credit.amount
        return credit

    def add_quote(self, quote: Quote) -> Quote:
        self.quotes[quote.id] = quote
        self.quotes_of[quote.client_id].append(quote.id)
        return quote

    def add_ticket(self, ticket: Ticket) -> Ticket:
        self.tickets[ticket.id] = ticket
        self.tickets_of[ticket.client_id].append(ticket.id)
        self.ticket_by_tid[ticket.tid] = ticket.id
        return ticket

    def add_queue_entry(self, entry: QueueEntry) -> QueueEntry:
        self.queue.append(entry)
        self.queue_of[entry.service_type, entry.service_id].append(entry)
        return entry

    def log(self, description: str, actor: Actor, *, at: datetime, client_id: int = 0) -> None:
        """Add a row to the activity log."""
        admin = self.admins.get(actor.admin_id)
        names = {"cron": "System", "customer": "Client"}
        self.activity.append(
            Activity(
                id=next(self.next.activity),
                at=at,
                description=description,
                client_id=client_id,
                user_id=actor.user_id,
                admin_id=actor.admin_id,
                username=admin.username if admin else names.get(actor.kind, "System"),
            )
        )

    def items_of(self, order: Order) -> list[Service]:
        """The services and add-ons of an order that still exist."""
        services = [self.services[i] for i in order.service_ids if i in self.services]
        return services + [self.addons[i] for i in order.addon_ids if i in self.addons]

    def domains_of_order(self, order: Order) -> list[Domain]:
        return [self.domains[i] for i in order.domain_ids if i in self.domains]

    def remove_order(self, order: Order) -> None:
        """DeleteOrder also deletes services, add-ons, domains and the invoice."""
        for service_id in order.service_ids:
            self.services.pop(service_id, None)
            self.services_of[order.client_id].remove(service_id)
        for addon_id in order.addon_ids:
            self.addons.pop(addon_id, None)
        for domain_id in order.domain_ids:
            self.domains.pop(domain_id, None)
            self.domains_of[order.client_id].remove(domain_id)
        if self.invoices.pop(order.invoice_id, None):
            self.invoices_of[order.client_id].remove(order.invoice_id)
        del self.orders[order.id]
        self.orders_of[order.client_id].remove(order.id)

    def move_client(self, old: int, new: int) -> None:
        """Move all rows of one client to another."""
        tables: list[tuple[dict[int, list[int]], dict[int, Any]]] = [
            (self.orders_of, self.orders),
            (self.services_of, self.services),
            (self.domains_of, self.domains),
            (self.invoices_of, self.invoices),
            (self.quotes_of, self.quotes),
            (self.tickets_of, self.tickets),
        ]
        for index, table in tables:
            for row_id in index.pop(old, []):
                table[row_id].client_id = new
                index[new].append(row_id)
        self.api_invoices_of[new] += self.api_invoices_of.pop(old, [])
        for credit in self.credits_of.pop(old, []):
            credit.client_id = new
            self.credits_of[new].append(credit)
        gone = self.clients.pop(old)
        self.clients[new].credit += gone.credit
        self.client_by_email.pop(gone.email.lower(), None)
