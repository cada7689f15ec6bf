"""What a waiting event or call waits for, and which lines of the timeline the program looks for, as columns.

Until now their texts said so.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_PANEL = "waits until the panel can be reached again"
_CALL = "a call about this order is under way"
_ACTIVE = "the panel shows it Active"


def upgrade() -> None:
    op.add_column("events", sa.Column("waits_for", sa.String(8)))
    op.add_column("panel_calls", sa.Column("waits_for", sa.String(8)))
    op.add_column("timeline", sa.Column("code", sa.String(24)))
    for text, what in ((_PANEL, "panel"), (_CALL, "call")):
        op.execute(
            sa.text("UPDATE events SET waits_for = :what WHERE state = 'received' AND last_error = :text").bindparams(
                what=what, text=text
            )
        )
    op.execute(
        sa.text(
            "UPDATE panel_calls SET waits_for = 'panel' WHERE state IN ('pending', 'unknown') AND last_error = :text"
        ).bindparams(text=_PANEL)
    )
    op.execute(sa.text("UPDATE timeline SET code = 'shown_active' WHERE what = :text").bindparams(text=_ACTIVE))


def downgrade() -> None:
    op.drop_column("timeline", "code")
    op.drop_column("panel_calls", "waits_for")
    op.drop_column("events", "waits_for")
