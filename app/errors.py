"""Errors that the API returns to its callers, rendered as RFC 9457 ``application/problem+json``."""

from __future__ import annotations

from typing import Any, ClassVar

PROBLEM_TYPE = "urn:doorman:problem:"
PROBLEM_MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """An error reported to the caller. Subclasses carry slug, title and status."""

    slug: ClassVar[str]
    title: ClassVar[str]
    status: ClassVar[int]

    def __init__(self, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.detail = detail
        self.extra = extra

    def to_body(self) -> dict[str, Any]:
        """Return the problem document."""
        return {
            "type": PROBLEM_TYPE + self.slug,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            **self.extra,
        }


class Unauthenticated(Problem):
    """No key, or an unknown key."""

    slug, title, status = "unauthenticated", "No valid API key", 401


class Forbidden(Problem):
    """The key's role may not do this."""

    slug, title, status = "forbidden", "Not allowed for this role", 403


class NotFound(Problem):
    """The resource does not exist."""

    slug, title, status = "not-found", "Not found", 404


class WrongState(Problem):
    """The resource's state does not allow this action."""

    slug, title, status = "wrong-state", "Not possible in this state", 409


class ShadowMode(Problem):
    """In shadow mode nothing in the panel is changed."""

    slug, title, status = "shadow-mode", "Shadow mode: nothing is changed in the panel", 409


class ConfirmationNeeded(Problem):
    """The change is so large that the caller has to confirm it."""

    slug, title, status = "confirmation-needed", "Confirmation needed", 409


class WorkUnpaid(Problem):
    """Approving would give away work that nobody pays for; the caller has to say whether it is free."""

    slug, title, status = "work-unpaid", "The order asks for work that nobody pays for", 409


class LooksDuplicate(Problem):
    """The same was requested just before."""

    slug, title, status = "looks-duplicate", "Looks like a duplicate", 409


class RequestRunning(Problem):
    """An earlier request is still running: with this Idempotency-Key, or of a kind that runs one at a time."""

    slug, title, status = "request-running", "An earlier request is still running", 409


class TooSlow(Problem):
    """Headers or body were not received completely in time."""

    slug, title, status = "too-slow", "Request timeout", 408


class TooLarge(Problem):
    """The body exceeds the size limit."""

    slug, title, status = "too-large", "Body too large", 413


class Invalid(Problem):
    """The request is malformed; `errors` says where."""

    slug, title, status = "invalid", "Invalid request", 422

    def __init__(self, detail: str, errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(detail, errors=errors or [])


class KeyReused(Problem):
    """The Idempotency-Key was used with another body before."""

    slug, title, status = "key-reused", "Idempotency-Key was used with another body", 422


class Busy(Problem):
    """Too much work of this kind is waiting."""

    slug, title, status = "busy", "Too many requests of this kind", 429


class Unavailable(Problem):
    """Temporarily unavailable; retry later."""

    slug, title, status = "unavailable", "Temporarily unavailable", 503
