"""A pretend WHMCS that speaks the same wire protocol, for trying things out: an honest second implementation.

It imports nothing from the rest of `app`.
"""

from app.sandbox.behaviours import Behaviours
from app.sandbox.control import SandboxPanel
from app.sandbox.models import Item

__all__ = ["Behaviours", "Item", "SandboxPanel"]
