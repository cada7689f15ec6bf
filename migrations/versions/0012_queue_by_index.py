"""Find the next events by index on SQLite, too: a query with bound values uses no index on a condition."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_RECEIVED = sa.text("state = 'received'")
_URGENT = sa.text("state = 'received' AND urgent")


def upgrade() -> None:
    op.create_index(
        "ix_events_waiting", "events", ["urgent", "due_at"], sqlite_where=_RECEIVED, postgresql_where=_RECEIVED
    )
    op.drop_index("ix_events_urgent", table_name="events")
    op.drop_index("ix_events_due", table_name="events")


def downgrade() -> None:
    op.create_index("ix_events_due", "events", ["due_at"], sqlite_where=_RECEIVED, postgresql_where=_RECEIVED)
    op.create_index("ix_events_urgent", "events", ["due_at"], sqlite_where=_URGENT, postgresql_where=_URGENT)
    op.drop_index("ix_events_waiting", table_name="events")
