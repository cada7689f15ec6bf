"""What a policy may not do: hold an order for its mail provider, its country or a VPN alone (issue 4, point 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.core.policy_acting import NetList
from app.core.policy_judgement import RiskPoints

#: Mailboxes of the public: millions of honest customers each.
_PUBLIC_MAIL: Final = frozenset({
    "gmail.com", "googlemail.com", "msn.com", "ymail.com", "rocketmail.com", "aol.com", "icloud.com", "me.com",
    "mac.com", "web.de", "freenet.de", "t-online.de", "mail.com", "email.com", "pm.me", "tuta.io", "tutamail.com",
    "posteo.de", "mailbox.org", "ya.ru", "mail.ru", "bk.ru", "inbox.ru", "list.ru", "rambler.ru", "qq.com", "163.com",
    "126.com", "sina.com", "naver.com", "daum.net", "hanmail.net", "orange.fr", "wanadoo.fr", "free.fr", "laposte.net",
    "sfr.fr", "libero.it", "virgilio.it", "tiscali.it", "seznam.cz", "centrum.cz", "wp.pl", "o2.pl", "onet.pl",
    "interia.pl", "uol.com.br", "bol.com.br", "terra.com.br", "comcast.net", "verizon.net", "att.net",
    "sbcglobal.net", "bellsouth.net", "cox.net", "btinternet.com", "sky.com", "talktalk.net", "bluewin.ch",
    "rediffmail.com", "hey.com", "duck.com",
})  # fmt: skip
#: Those that have addresses under many endings: yahoo.co.uk, gmx.at.
_EVERYWHERE: Final = re.compile(
    r"(?:outlook|hotmail|live|yahoo|gmx|proton|protonmail|tuta|tutanota|fastmail|zoho|yandex)\.(?:com?\.)?[a-z]{2,4}"
)
#: All commercial or other names of one country (co.uk, com.br), or a top level.
_COUNTRY: Final = re.compile(
    r"(?:(?:ac|co|com|edu|gen|go|gob|gov|gouv|in|mil|ne|net|nom|or|org|web)\.[a-z]{2})|[a-z0-9-]+"
)


def unfair(block: NetList) -> list[tuple[str, str]]:
    """Return the entries of a block list that would hold orders by mail provider or country alone: (path, message)."""
    found = []
    for place, entry in enumerate(block.email_domains):
        domain = entry.casefold().lstrip("@.")
        if domain in _PUBLIC_MAIL or _EVERYWHERE.fullmatch(domain):
            why = "is a mail provider of the public, which alone must never hold an order"
        elif _COUNTRY.fullmatch(domain):
            why = "is all of a country or top level, which alone must never hold an order"
        else:
            continue
        found.append((f"block.email_domains.{place}", f"{domain} {why}; name single addresses under block.emails"))
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Soft:
    """Keys of [points.risk] that may all fire for one innocent cause, each so many times."""

    times: Mapping[str, int]

    def together(self, points: Mapping[str, int], *, hosting: bool) -> int:
        """Return what they come to; `hosting`: networks of servers are named (thresholds.hosting_asns)."""
        return sum(times * points[key] for key, times in self.times.items() if hosting or key != _HOSTING)


_HOSTING: Final = "hosting_network"
MAIL_AND_COUNTRY: Final = Soft(
    times={"email_disposable": 1, "email_unverified": 1, "countries_disagree": 2, _HOSTING: 1}
)
#: It may end in another country, and in a network of servers.
VPN: Final = Soft(times={"anonymous_ip": 1, "countries_disagree": 1, _HOSTING: 1})
SOFT: Final = (MAIL_AND_COUNTRY, VPN)


def veil_alone(points: RiskPoints, *, hosting: bool, review_from: int) -> list[tuple[str, str]]:
    """Return what is wrong where nothing but a VPN or proxy would hold an order: (path, message)."""
    alone = VPN.together(points.model_dump(), hosting=hosting)
    if alone < review_from:
        return []
    why = (
        f"a VPN alone comes to {alone} points and would hold an order: anonymous_ip, countries_disagree and "
        f"hosting_network (where hosting_asns is set) must stay below risk.review_from ({review_from}) together"
    )
    return [("points.risk.anonymous_ip", why)]
