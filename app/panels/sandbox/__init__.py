"""A pretend WHMCS that speaks the same wire protocol, for trying things out: an honest second implementation.

It imports nothing from the rest of `app`.
"""

from app.panels.sandbox.behaviours import Behaviours
from app.panels.sandbox.control import SandboxPanel
from app.panels.sandbox.models import Item

__all__ = ["Behaviours", "Item", "SandboxPanel"]
