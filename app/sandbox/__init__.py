"""A pretend WHMCS that speaks the same wire protocol: an independent second implementation for testing and the demo.

It imports nothing from the rest of `app`.
"""

from app.sandbox.behaviours import Behaviours
from app.sandbox.control import SandboxPanel
from app.sandbox.models import Item

__all__ = ["Behaviours", "Item", "SandboxPanel"]
