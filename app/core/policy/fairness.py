"""What a policy may not do: hold an order only because of its mail provider, its country or a VPN."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from app.core.policy.places import is_all_of_a_country, is_public_mail, only_names
from app.core.policy.sections.acting import NetList
from app.core.policy.sections.hosting import AcceptableUse
from app.core.policy.sections.judging import PointTables, RiskPoints, RiskThresholds, SignalThresholds
from app.core.policy.sections.vetting import Vetting

#: The widest network allowed in a block list: a wider one is a whole access provider, if not a country.
_WIDEST: Final = {4: 16, 6: 32}
#: The total of a block list, in networks of that size: small countries have no more.
_TOGETHER: Final = 64
_NETWORKS: Final = "as large as a country, which alone must never hold an order; list only the networks that did harm"


class Parts(Protocol):
    """The parts of a policy that are checked for fairness."""

    @property
    def risk(self) -> RiskThresholds: ...

    @property
    def points(self) -> PointTables: ...

    @property
    def thresholds(self) -> SignalThresholds: ...

    @property
    def block(self) -> NetList: ...

    @property
    def acceptable_use(self) -> AcceptableUse: ...

    @property
    def vetting(self) -> Vetting: ...


def unfair(policy: Parts) -> list[tuple[str, str]]:
    """Return what would hold orders only because of a mail provider, a country or a VPN, as (path, message)."""
    hosting = bool(policy.thresholds.hosting_asns)
    return [
        *_domains(policy.block),
        *_networks(policy.block),
        *_terms(policy),
        *_veil_alone(policy.points.risk, hosting=hosting, review_from=policy.risk.review_from),
    ]


def _domains(block: NetList) -> Iterator[tuple[str, str]]:
    for place, entry in enumerate(block.email_domains):
        domain = entry.casefold().lstrip("@.")
        if is_public_mail(domain):
            why = "is a public mail provider, which alone must never hold an order"
        elif is_all_of_a_country(domain):
            why = "is a whole country or top-level domain, which alone must never hold an order"
        else:
            continue
        yield f"block.email_domains.{place}", f"{domain} {why}; list single addresses under block.emails"


def _networks(block: NetList) -> Iterator[tuple[str, str]]:
    found = [ipaddress.ip_network(text, strict=False) for text in block.networks]
    wide = False
    for place, network in enumerate(found):
        widest = _WIDEST[network.version]
        if network.prefixlen < widest:
            wide = True
            yield f"block.networks.{place}", f"{network} is wider than /{widest}, {_NETWORKS}"
    for version, widest in _WIDEST.items():
        one = 2 ** ((32 if version == 4 else 128) - widest)
        blocked = sum(network.num_addresses for network in set(found) if network.version == version)
        if blocked > _TOGETHER * one and not wide:
            yield "block.networks", f"more than {_TOGETHER} IPv{version} networks of /{widest} in total, {_NETWORKS}"


def _terms(policy: Parts) -> Iterator[tuple[str, str]]:
    """Yield unfair terms: terms are searched for in every text of an order, which may hold an address or a country."""
    vetting = policy.vetting
    lists = {"acceptable_use.terms": policy.acceptable_use.terms, "vetting.terms": vetting.terms}
    lists |= {f"vetting.rules.{place}.terms": rule.terms for place, rule in enumerate(vetting.rules)}
    for path, terms in lists.items():
        for place, term in enumerate(terms):
            why = only_names(term)
            if why is not None:
                yield (
                    f"{path}.{place}",
                    f"{term} {why}, which alone must never hold an order; name the activity instead",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class Soft:
    """Keys of [points.risk] that may all fire for one innocent cause, and how many times each."""

    times: Mapping[str, int]

    def together(self, points: Mapping[str, int], *, hosting: bool) -> int:
        """Return the sum of their points; `hosting`: the policy names hosting networks (thresholds.hosting_asns)."""
        return sum(times * points[key] for key, times in self.times.items() if hosting or key != _HOSTING)


_HOSTING: Final = "hosting_network"
MAIL_AND_COUNTRY: Final = Soft(
    times={"email_disposable": 1, "email_unverified": 1, "countries_disagree": 2, _HOSTING: 1}
)
#: A VPN may exit in another country and in a hosting network.
VPN: Final = Soft(times={"anonymous_ip": 1, "countries_disagree": 1, _HOSTING: 1})
SOFT: Final = (MAIL_AND_COUNTRY, VPN)


def _veil_alone(points: RiskPoints, *, hosting: bool, review_from: int) -> list[tuple[str, str]]:
    alone = VPN.together(points.model_dump(), hosting=hosting)
    if alone < review_from:
        return []
    why = (
        f"a VPN alone adds up to {alone} points and would hold an order: anonymous_ip, countries_disagree and "
        f"hosting_network (where hosting_asns is set) must stay below risk.review_from ({review_from}) together"
    )
    return [("points.risk.anonymous_ip", why)]
