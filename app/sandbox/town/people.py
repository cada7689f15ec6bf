"""A provider's catalogue, and customers of all kinds, for the demo and for manual testing."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Literal

from app.sandbox.control import SandboxPanel
from app.sandbox.models import Client, Item, Order, Product

Kind = Literal[
    "regular",
    "effortless",
    "by_mail",
    "card_tester",
    "reseller",
    "resold",
    "colocation",
    "overdue",
    "demanding",
    "newcomer",
]

SYSTEMS = ("Debian 12", "Debian 13", "Ubuntu 22.04 LTS", "Ubuntu 24.04 LTS", "AlmaLinux 9", "Rocky Linux 9")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The products by short name."""

    products: Mapping[str, Product]

    def __getitem__(self, name: str) -> Product:
        return self.products[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """The catalogue, and the clients by kind."""

    catalogue: Catalogue
    clients: Mapping[Kind, list[Client]]


def _prices(monthly: str, *, setup: str = "0", yearly: bool = True) -> dict[str, dict[str, Any]]:
    """USD, and EUR at nine tenths; a year costs ten months."""
    usd = {"monthly": Decimal(monthly), "msetupfee": Decimal(setup)}
    if yearly:
        usd |= {"annually": Decimal(monthly) * 10, "asetupfee": Decimal(setup)}
    return {"USD": usd, "EUR": {key: value * Decimal("0.9") for key, value in usd.items()}}


def stock(panel: SandboxPanel) -> Catalogue:
    """Fill the catalogue: web space and VPS are provisioned on payment, hardware manually."""
    web = panel.add_product_group("Web Hosting").id
    vps = panel.add_product_group("Cloud VPS").id
    metal = panel.add_product_group("Dedicated Servers").id
    rack = panel.add_product_group("Colocation").id
    extra = panel.add_product_group("Extras").id
    os = {"Operating System": SYSTEMS}
    add = panel.add_product
    products = {
        "starter": add("Starter", group_id=web, pricing=_prices("5.00")),
        "business": add("Business", group_id=web, pricing=_prices("15.00")),
        "reseller": add("Reseller 50", group_id=web, type="reselleraccount", pricing=_prices("35.00")),
        "vps_s": _vps(panel, vps, "VPS S", "8.00"),
        "vps_m": _vps(panel, vps, "VPS M", "16.00"),
        "vps_l": _vps(panel, vps, "VPS L", "32.00"),
        "trial": add("Trial Space", group_id=web, autosetup="order", pricing=_prices("1.00", yearly=False)),
        "dedicated": add(
            "Xeon E-2388G",
            group_id=metal,
            type="server",
            module="",
            autosetup="never",
            pricing=_prices("119.00", setup="49.00"),
            options=os,
        ),
        "colocation": add(
            "Quarter Rack",
            group_id=rack,
            type="other",
            module="",
            autosetup="never",
            pricing=_prices("390.00", setup="150.00"),
        ),
        "backup": add(
            "Daily Backup", group_id=extra, type="other", module="backup", pricing=_prices("3.00"), addon=True
        ),
        "transfer": add(
            "Site Transfer",
            group_id=extra,
            type="other",
            module="",
            autosetup="never",
            pay_type="onetime",
            pricing={"USD": {"monthly": "60.00"}, "EUR": {"monthly": "54.00"}},
        ),
    }
    return Catalogue(products=products)


def _vps(panel: SandboxPanel, group_id: int, name: str, monthly: str) -> Product:
    return panel.add_product(
        name,
        group_id=group_id,
        type="server",
        module="virtualizor",
        pricing=_prices(monthly),
        options={"Operating System": SYSTEMS},
    )


PEOPLE: tuple[tuple[Kind, dict[str, Any]], ...] = (
    ("regular", {"firstname": "Ruth", "lastname": "Adler", "companyname": "Adler Optics", "country": "DE", "years": 6}),
    (
        "regular",
        {"firstname": "Tom", "lastname": "Barrow", "companyname": "Barrow & Sons", "country": "GB", "years": 4},
    ),
    ("regular", {"firstname": "Inge", "lastname": "Visser", "country": "NL", "years": 3}),
    ("effortless", {"firstname": "Carla", "lastname": "Reyes", "country": "US", "years": 2}),
    ("effortless", {"firstname": "Noah", "lastname": "Keller", "country": "DE", "years": 5}),
    ("effortless", {"firstname": "Mia", "lastname": "Larsen", "country": "DE", "years": 1}),
    ("by_mail", {"firstname": "Walter", "lastname": "Grimm", "companyname": "Grimm Instruments", "country": "DE"}),
    ("by_mail", {"firstname": "Gerald", "lastname": "Pike", "country": "US", "years": 1}),
    ("reseller", {"firstname": "Sanjay", "lastname": "Mehta", "companyname": "Mehta Web Studio", "country": "GB"}),
    (
        "colocation",
        {"firstname": "Helen", "lastname": "Park", "companyname": "Park Trading", "country": "US", "years": 7},
    ),
    ("overdue", {"firstname": "Doug", "lastname": "Hanley", "country": "US", "years": 2}),
    ("demanding", {"firstname": "Piet", "lastname": "Jansen", "country": "NL", "years": 1}),
)
ADDRESSES = {
    "US": ("12 Elm Street", "Springfield", "IL", "62701", "+1.2175550", "198.51.100"),
    "DE": ("Lindenweg 4", "Bremen", "HB", "28195", "+49.4215550", "203.0.113"),
    "GB": ("8 Mill Lane", "Leeds", "West Yorkshire", "LS1 4AP", "+44.1135550", "192.0.2"),
    "NL": ("Kerkstraat 21", "Utrecht", "UT", "3511", "+31.3055501", "198.51.100"),
}
SHARED = {"phone": "+44.1135550199", "last_ip": "192.0.2.77", "address1": "8 Mill Lane", "postcode": "LS1 4AP"}


def populate(panel: SandboxPanel) -> Cast:
    """Fill the catalogue and add all clients, each with the history of its kind."""
    catalogue = stock(panel)
    clients: dict[Kind, list[Client]] = {}
    for kind, given in PEOPLE:
        details = dict(given)
        years = details.pop("years", 0)
        client = _move_in(panel, years=years, **details)
        clients.setdefault(kind, []).append(client)
        _past(panel, catalogue, kind, client, years)
    clients["resold"] = [
        _move_in(panel, years=1, firstname=first, lastname=last, country="GB", **SHARED)
        for first, last in (("Amy", "Cole"), ("Ben", "Dale"), ("Eve", "Ford"), ("Ian", "Hart"), ("Zoe", "Lamb"))
    ]
    for client in clients["resold"]:
        _standing_order(panel, client, catalogue["starter"], months=10)
    for name, value in SHARED.items():
        setattr(clients["reseller"][0], name, value)
    return Cast(catalogue=catalogue, clients=clients)


def _move_in(panel: SandboxPanel, *, years: int, country: str, **fields: Any) -> Client:
    street, city, state, postcode, phone, network = ADDRESSES[country]
    number = panel.ctx.rng.randrange(10, 99)
    defaults = {
        "address1": street,
        "city": city,
        "state": state,
        "postcode": postcode,
        "phone": f"{phone}{number:03d}",
        "last_ip": f"{network}.{number}",
        "currency": "EUR" if country in {"DE", "NL"} else "USD",
        "last_login": panel.ctx.now() - timedelta(days=3),
    }
    since = panel.ctx.now() - timedelta(days=365 * years)
    return panel.add_client(country=country, created_at=since, **{**defaults, **fields})


def newcomer(panel: SandboxPanel, *, firstname: str, lastname: str, country: str) -> Client:
    """Add a new client without history, with a phone that no other newcomer has."""
    phone = f"{ADDRESSES[country][4]}{len(panel.state.clients) % 900 + 100}"
    return _move_in(panel, years=0, firstname=firstname, lastname=lastname, country=country, phone=phone)


def card_tester(panel: SandboxPanel, number: int) -> Client:
    """Add one of many throw-away accounts from one address, each of which tries another stolen card."""
    return panel.add_client(
        "Jhon",
        f"Smiht{number}",
        email=f"jhon{number}x{panel.state.digits(4)}@mailinator.com",
        country="US",
        phone="+1.0000000000",
        address1="asdf 1",
        city="asdf",
        last_ip="45.155.205.9",
        email_verified=False,
    )


def _past(panel: SandboxPanel, catalogue: Catalogue, kind: Kind, client: Client, years: int) -> None:
    months = max(years * 12, 1)
    match kind:
        case "regular":
            _standing_order(panel, client, catalogue["business"], months=months)
            _standing_order(panel, client, catalogue["vps_m"], months=months // 2)
        case "effortless":
            _standing_order(panel, client, catalogue["starter"], months=months)
        case "colocation":
            _standing_order(panel, client, catalogue["colocation"], months=months)
        case "overdue":
            _standing_order(panel, client, catalogue["business"], months=months)
            for weeks in (9, 5):
                due = panel.ctx.today() - timedelta(weeks=weeks)
                panel.add_invoice(client.id, [("Business, one month", "15.00")], due=due, on=due)
        case "demanding":
            _standing_order(panel, client, catalogue["vps_s"], months=months)
        case "reseller":
            _standing_order(panel, client, catalogue["reseller"], months=24)
        case _:
            return


def _standing_order(panel: SandboxPanel, client: Client, product: Product, *, months: int) -> Order:
    """Add an old order, paid and active; half of these are still Pending, as on real panels."""
    status = panel.ctx.rng.choice(("Active", "Pending"))
    return panel.add_past_order(client.id, product.id, months_ago=months, status=status)


def wishes(catalogue: Catalogue, name: str, *, system: str = "", domain: str = "") -> Item:
    """Return an item of the catalogue with an operating system or a domain name."""
    options = {"Operating System": system} if system else {}
    return Item(product_id=catalogue[name].id, options=options, domain=domain)
