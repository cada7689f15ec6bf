"""The last handled customer reply of a ticket, so that each reply moves its order to the top of the queue once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.tables.columns import BigId

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.add_column(sa.Column("reply_seen", BigId, nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("tickets", schema=None) as batch_op:
        batch_op.drop_column("reply_seen")
