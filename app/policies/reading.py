"""Read policies from a request, or published ones: the parts that run in a separate process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from app.core.judgement.contradictions import find_warnings
from app.core.policy.document import Policy, PolicyError, parse_policy, parse_published, policy_hash
from app.core.policy.fairness import unfair
from app.errors import Invalid, WrongState

_REFUSED: Final = 500
_REFUSALS: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPolicy:
    """A parsed document, and the oddities of it that need nothing else."""

    document: str
    policy: Policy
    hash: str
    warnings: tuple[str, ...]


def read_document(document: str) -> ReadPolicy:
    """Read a document from a request. Raises Invalid, which names every error's place."""
    try:
        policy = parse_policy(document)
    except PolicyError as error:
        errors = [{"path": f"document.{path}".rstrip("."), "message": message} for path, message in error.errors]
        raise Invalid("The document is not a valid policy.", errors) from None
    return ReadPolicy(document=document, policy=policy, hash=policy_hash(policy), warnings=find_warnings(policy))


def read_published(version: int, document: str) -> Policy:
    """Read a published document. Raises WrongState for one that this program no longer accepts."""
    try:
        return parse_published(document)
    except PolicyError as error:
        raise WrongState(f"policy version {version} is no longer valid: {str(error)[:300]}") from None


def oddities(document: str) -> tuple[str, ...]:
    """Return the oddities of a published document; first, what would be refused today."""
    try:
        policy = parse_published(document)
    except PolicyError as error:
        return (f"it is no longer valid: {str(error)[:_REFUSED]}",)
    refused = [f"it would be refused today: {path}: {message}" for path, message in unfair(policy)]
    return (*refused[:_REFUSALS], *find_warnings(policy))


def still_wanted(version: int, policy: Policy) -> tuple[str, ...]:
    """Return the oddities of a published policy. Raises WrongState for one that would be refused today."""
    if refused := unfair(policy):
        raise WrongState(f"policy version {version} would be refused today: {PolicyError(refused)}"[:_REFUSED])
    return find_warnings(policy)
