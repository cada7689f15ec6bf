"""A scripted fault injector for calls to a panel, for tests."""

from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Literal

FaultKind = Literal[
    "error_500_before",
    "error_500_after",
    "reset_before",
    "reset_after",
    "garbage_after",
    "hang_before",
    "hang_after",
    "late",
    "kept",
    "http_429",
    "http_403_ip",
    "http_403_permission",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault of one call. *before*: nothing is applied; *after*: the call is applied and its answer is lost.

    `hang_before`, `hang_after` wait `seconds` and then answer; `late` answers 504 at once and applies after `seconds`,
    `kept` applies when `SandboxPanel.apply_kept` says so: PHP keeps running after the proxy in front of it timed out.
    """

    kind: FaultKind
    seconds: float = 0.0


class Faults:
    """Faults for the next calls of an action (case-insensitive), or of `*`; the action's own faults come first."""

    def __init__(self) -> None:
        self._waiting: dict[str, deque[Fault]] = defaultdict(deque)
        self.latency: float = 0.0
        """Seconds added to every call."""

    def add(self, kind: FaultKind, *, action: str = "*", times: int = 1, seconds: float = 0.0) -> None:
        self._waiting[action.lower()].extend([Fault(kind=kind, seconds=seconds)] * times)

    def clear(self) -> None:
        self._waiting.clear()
        self.latency = 0.0

    def take(self, action: str) -> Fault | None:
        for key in (action.lower(), "*"):
            if self._waiting[key]:
                return self._waiting[key].popleft()
        return None
