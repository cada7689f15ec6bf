"""Tickets read by a model: which one, how sure it was of the order intent, and the topic that came next.

Evidence is words of the ticket now: what rules found is kept under the same name. Tickets that the previous version
sorts have no model.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_TICKETS = sa.table("tickets", sa.column("evidence"))


def upgrade() -> None:
    op.add_column("tickets", sa.Column("order_intent_confidence", sa.Float()))
    op.add_column("tickets", sa.Column("runner_up", sa.String(32)))
    op.add_column("tickets", sa.Column("runner_up_confidence", sa.Float()))
    op.add_column("tickets", sa.Column("model", sa.String(40), server_default="", nullable=False))
    _rename("term", "text")


def _rename(old: str, new: str) -> None:
    """Rename a field of each piece of evidence; within a text, a quotation mark has a backslash before it."""
    kind = sa.Text() if op.get_bind().dialect.name == "sqlite" else JSONB()
    renamed = sa.func.replace(sa.cast(_TICKETS.c.evidence, sa.Text()), f'"{old}":', f'"{new}":')
    op.execute(_TICKETS.update().values(evidence=sa.cast(renamed, kind)))


def downgrade() -> None:
    _rename("text", "term")
    op.drop_column("tickets", "model")
    op.drop_column("tickets", "runner_up_confidence")
    op.drop_column("tickets", "runner_up")
    op.drop_column("tickets", "order_intent_confidence")
