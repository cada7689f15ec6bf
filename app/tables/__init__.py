"""Tables of the database, one file per group, in reading order: inbox, outbox, orders, customers, policies, access."""

from app.tables import access, customers, inbox, orders, outbox, policies
from app.tables.columns import metadata

__all__ = ["access", "customers", "inbox", "metadata", "orders", "outbox", "policies"]
