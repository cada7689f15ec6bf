"""Matching against the policy's lists: product groups, and the allow and block lists."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

from app.core.facts import Item, ListKind
from app.core.policy.document import Policy
from app.core.policy.sections.acting import NetList


class Groups:
    """A set of product groups, by id or by case-insensitive name."""

    def __init__(self, refs: Iterable[int | str]) -> None:
        entries = tuple(refs)
        self._ids = frozenset(ref for ref in entries if isinstance(ref, int))
        self._names = frozenset(ref.casefold() for ref in entries if isinstance(ref, str))

    def __bool__(self) -> bool:
        return bool(self._ids or self._names)

    def __contains__(self, item: Item) -> bool:
        return item.group_id in self._ids or (bool(self._names) and item.group.casefold() in self._names)


def match_lists(
    policy: Policy, *, customer_id: int, emails: Iterable[str], ip: str | None
) -> tuple[tuple[ListKind, str], ...]:
    """Return the allow and block entries that match a customer, as `CustomerFacts.lists` takes them.

    `emails` are the address as written and in its canonical form. `ip` is None if it is not the customer's own.
    An entry that would store a personal address is given by its position in the policy: `emails[0]`.
    """
    found: list[tuple[ListKind, str]] = []
    addresses = frozenset(email.strip().casefold() for email in emails if email)
    for kind, entries in ((ListKind.ALLOW, policy.allow), (ListKind.BLOCK, policy.block)):
        found += [(kind, entry) for entry in _matches(entries, customer_id, addresses, ip)]
    return tuple(found)


def _matches(entries: NetList, customer_id: int, addresses: frozenset[str], ip: str | None) -> list[str]:
    found = [f"customer_ids: {customer_id}"] if customer_id in entries.customer_ids else []
    found += [f"emails[{place}]" for place, email in enumerate(entries.emails) if email.casefold() in addresses]
    domains = {parent for address in addresses for parent in _parents(address.rpartition("@")[2])}
    found += [
        f"email_domains: {domain}" for domain in entries.email_domains if domain.casefold().lstrip("@.") in domains
    ]
    found += [f"networks[{place}]" for place in networks_of(ip, entries.networks)]
    return found


def networks_of(ip: str | None, networks: Sequence[str]) -> list[int]:
    """Return the places of the networks that an address belongs to; an IPv4 address may be written as IPv6."""
    if not ip or not networks:
        return []
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return []
    address = (address.ipv4_mapped if address.version == 6 else None) or address
    return [place for place, network in enumerate(networks) if address in _network(network)]


@lru_cache(maxsize=50_000)
def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    """Parse a network and cache it: a policy may have thousands, and every order is compared with them."""
    return ipaddress.ip_network(text, strict=False)


def _parents(domain: str) -> list[str]:
    """Return the domain and its parents, without the top-level domain: a.b.com gives a.b.com, b.com."""
    labels = domain.split(".")[:20]
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]
