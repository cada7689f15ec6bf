"""A past with planted fraud: honest sign-ups of many kinds, and bursts of new accounts in several styles.

Nothing in it is taken from the program: addresses, names and gaps are drawn here. `bad` are the orders that the panel
shows as fraud or disputed; `crowds` those of honest places where many sign up at once.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from tests.history.past import Past

FIRST: Final = (
    "anna", "ben", "clara", "david", "elena", "felix", "grace", "hugo", "iris", "jonas", "karin", "liam", "maya",
    "nils", "olga", "paul", "quentin", "rosa", "sven", "tara", "umar", "vera", "wim", "xenia", "yara", "zoe",
    "ahmed", "bao", "chidi", "dmitri", "esra", "farid", "giulia", "hassan", "ines", "jin", "krzysztof",
    "ling", "mehmet", "nguyen",
)  # fmt: skip
LAST: Final = (
    "adler", "brandt", "cole", "dale", "ellis", "fischer", "grant", "hart", "ivers", "jansen", "keller", "lamb",
    "meyer", "novak", "olsen", "park", "quist", "reyes", "silva", "turner", "unger", "visser", "wolf", "young", "aydin",
    "bhatt", "costa", "duong", "eze", "fofana", "garcia", "haddad", "ivanov", "kowalski", "lopez", "mkrtchyan",
    "nakamura", "okafor", "petrov", "rahman", "schwarz", "tanaka",
)  # fmt: skip
MAIL: Final = ("gmail.com", "gmail.com", "gmail.com", "outlook.com", "yahoo.com", "gmx.de", "web.de", "icloud.com")
MINUTE: Final = 1 / 1440
#: Minutes until an order is paid.
PAYS: Final = (1, 2, 3, 5, 8, 20, 60, 600)


@dataclass
class Planted:
    """The past and what is true about it."""

    past: Past
    bad: set[int] = field(default_factory=set)
    crowds: set[int] = field(default_factory=set)
    lone: set[int] = field(default_factory=set)


class Town:
    """Draws who signs up when."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(f"bursts {seed}")
        self.planted = Planted(Past())
        self.drawn: list[tuple[float, dict[str, Any], dict[str, Any]]] = []
        self.regulars: list[tuple[int, str]] = []
        self._ip = 0

    # --- people -------------------------------------------------------------------------------------------------------

    def home(self) -> str:
        """Return an address that nobody else has."""
        self._ip += 1
        if self._ip % 5 == 0:
            return f"2a02:8{self._ip % 16:x}0:{self._ip >> 16:x}:{self._ip & 0xFFFF:x}::{self.dice.getrandbits(16):x}"
        last = self.dice.randrange(1, 250)
        return f"{81 + self._ip // 60000}.{self._ip // 250 % 240 + 1}.{self._ip % 250 + 1}.{last}"

    def word(self, letters: int, *, digits: bool = True) -> str:
        kinds = string.ascii_lowercase + (string.digits * 2 if digits else "")
        return "".join(self.dice.choice(kinds) for _ in range(letters))

    def email(self) -> str:
        dice = self.dice
        first, last = dice.choice(FIRST), dice.choice(LAST)
        local = dice.choice(
            [f"{first}.{last}", f"{first}{last}", f"{first[0]}{last}", f"{first}{dice.randrange(60, 99)}",
             f"{last}.{first}", f"{first}_{last}{dice.randrange(100)}", f"{last}{dice.randrange(1950, 2006)}"]
        )  # fmt: skip
        if dice.random() < 0.25:
            return f"{dice.choice(['info', 'office', first, f'{first}.{last}'])}@{self.word(7, digits=False)}.example"
        if dice.random() < 0.02:
            local = self.word(10)
        return f"{local}@{dice.choice(MAIL)}"

    def phone(self) -> str:
        return f"+49.15{self.dice.randrange(10**8, 10**9)}"

    def sign_up(
        self,
        day: float,
        *,
        bad: bool = False,
        crowd: bool = False,
        lone: bool = False,
        pays: float | None = 5,
        **who: Any,
    ) -> None:
        """Plant a new account with one order; `pays` is in minutes, None for never."""
        order = {"ip": who.pop("ip", None) or self.home(), "pays": pays, "bad": bad, "crowd": crowd, "lone": lone}
        customer = {"email": getattr(self, "mailer", self.email)(), "phone": self.phone()} | who
        self.drawn.append((day, customer, order))

    # --- honest ---------------------------------------------------------------------------------------------------

    def stranger(self, day: float) -> None:
        fate = self.dice.random()
        self.sign_up(day, pays=None if fate < 0.1 else self.dice.choice(PAYS))

    def family(self, day: float) -> None:
        ip, phone = self.home(), self.phone()
        self.sign_up(day, crowd=True, ip=ip, phone=phone)
        self.sign_up(day + 25 * MINUTE, crowd=True, ip=ip, phone=phone)

    def office(self, day: float) -> None:
        """Five colleagues within an hour, at the firm's own domain."""
        ip, domain = self.home(), f"{self.word(6, digits=False)}-works.example"
        for number, first in enumerate(self.dice.sample(FIRST, 5)):
            email = f"{first}.{self.dice.choice(LAST)}@{domain}"
            self.sign_up(day + number * 11 * MINUTE, crowd=True, ip=ip, email=email)

    def carrier(self, day: float) -> None:
        """Two strangers behind one address of a mobile carrier, an hour or more apart."""
        ip = self.home()
        self.sign_up(day, crowd=True, ip=ip)
        self.sign_up(day + self.dice.uniform(0.05, 0.9), crowd=True, ip=ip)

    # --- bursts -------------------------------------------------------------------------------------------------------

    def burst(self, day: float) -> None:
        style = self.dice.choice(STYLES)
        style(self, day)

    def _members(self, day: float, number: int, *, over: float, who: Callable[[int], dict[str, Any]]) -> None:
        """Plant a burst over these minutes; most members pay at once with stolen cards, some never pay."""
        pays = self.dice.choice([2, 4, 9, None])
        for place in range(number):
            moment = day + (place + self.dice.random() * 0.8) * over / number * MINUTE
            own = pays if self.dice.random() < 0.8 else None
            self.sign_up(moment, bad=True, pays=own, **who(place))

    def one_address(self, day: float) -> None:
        ip = self.home()
        self._members(day, self.dice.randrange(4, 10), over=40, who=lambda _: {"ip": ip})

    def one_network(self, day: float) -> None:
        network = f"2a0{self.dice.randrange(1, 9)}:{self.dice.getrandbits(16):x}:1:{self.dice.getrandbits(16):x}"
        number = self.dice.randrange(5, 9)
        self._members(day, number, over=50, who=lambda _: {"ip": f"{network}:{self.dice.getrandbits(16):x}:1:2:{1:x}"})

    def counted_mail(self, day: float) -> None:
        stem, domain = f"{self.dice.choice(FIRST)}{self.dice.choice(LAST)}", self.dice.choice(MAIL)
        start = self.dice.randrange(1, 80)
        self._members(
            day, self.dice.randrange(5, 10), over=45, who=lambda place: {"email": f"{stem}{start + place:02d}@{domain}"}
        )

    def random_mail(self, day: float) -> None:
        domain, letters = f"{self.word(6)}.example", self.dice.randrange(8, 12)
        self._members(
            day, self.dice.randrange(5, 10), over=45, who=lambda _: {"email": f"{self.word(letters)}@{domain}"}
        )

    def one_phone(self, day: float) -> None:
        phone = self.phone()
        self._members(day, self.dice.randrange(4, 8), over=55, who=lambda _: {"phone": phone})

    def slow(self, day: float) -> None:
        ip = self.home()
        self._members(day, self.dice.randrange(5, 8), over=20 * 60, who=lambda _: {"ip": ip})

    def pair(self, day: float) -> None:
        ip = self.home()
        self._members(day, 2, over=20, who=lambda _: {"ip": ip})

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows(self, *, first: int = 1) -> Planted:
        planted = self.planted
        for number, (day, customer, order) in enumerate(sorted(self.drawn, key=lambda one: one[0]), start=first):
            bad, pays = order["bad"], order["pays"]
            planted.past.customer(number, signed_up=day, **customer)
            paid = None if pays is None else day + pays * MINUTE
            fate: dict[str, Any] = {}
            if bad:
                planted.bad.add(number)
                disputed = paid is not None and self.dice.random() < 0.3
                fate = {"billed": "Collections"} if disputed else {"status": "Fraud", "billed": "Cancelled"}
            elif paid is None:
                fate = {"status": "Cancelled", "billed": "Cancelled"}
            if order["crowd"]:
                planted.crowds.add(number)
            if order["lone"]:
                planted.lone.add(number)
            planted.past.order(number, number, day, paid=paid, ip=order["ip"], domain=f"s{number}.example", **fate)
        return planted


STYLES: Final = (
    Town.one_address, Town.one_address, Town.one_network, Town.counted_mail, Town.random_mail, Town.one_phone,
    Town.slow, Town.pair,
)  # fmt: skip


def plant(seed: int, *, orders: int, days: float = 300, bad_share: float = 0.05, in_bursts: float = 0.7) -> Planted:
    """Return a past of about this many orders. Of the fraud, this share comes in bursts; the rest shows nothing."""
    town = Town(seed)
    dice = town.dice
    while sum(one[2]["bad"] for one in town.drawn) < orders * bad_share * in_bursts:
        town.burst(dice.uniform(0, days))
    for _ in range(round(orders * bad_share * (1 - in_bursts))):
        town.sign_up(dice.uniform(0, days), bad=True, lone=True, pays=dice.choice([2, 5, None]))
    for crowd in (town.family, town.office, town.carrier):
        for _ in range(max(1, orders // 1500)):
            crowd(dice.uniform(0, days))
    while len(town.drawn) < orders:
        town.stranger(dice.uniform(0, days))
    return town.rows()
