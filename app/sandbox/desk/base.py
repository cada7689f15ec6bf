"""What the four desks of the panel share."""

from app.sandbox.context import Context
from app.sandbox.state import State


class Desk:
    """People at work on one context; `SandboxPanel` is all the desks in one."""

    ctx: Context

    @property
    def state(self) -> State:
        return self.ctx.state
