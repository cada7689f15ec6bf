"""All tables of the database and their metadata: inbox, outbox, orders, customers, history, policies, access, alerts,
search.
"""

from app.tables import access, alerts, customers, history, inbox, live_keys, orders, outbox, policies, search
from app.tables.columns import metadata

__all__ = [
    "access", "alerts", "customers", "history", "inbox", "live_keys", "metadata", "orders", "outbox", "policies",
    "search",
]  # fmt: skip
