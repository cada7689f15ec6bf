"""The base of the panel's four desks."""

from app.sandbox.context import Context
from app.sandbox.state import State


class Desk:
    """Actions of people on one context; `SandboxPanel` combines all desks."""

    ctx: Context

    @property
    def state(self) -> State:
        return self.ctx.state
