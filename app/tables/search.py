"""What people search by. Personal data: both tables can be erased without changing a decision."""

from __future__ import annotations

import sqlalchemy as sa

from app.tables.columns import BigId, metadata

#: The longest word that is stored, in characters: a longer name or address is found by its beginning.
LONGEST_WORD = 80

#: How customers are called and reached, as the panel last showed it.
customer_names = sa.Table(
    "customer_names",
    metadata,
    sa.Column("customer_id", BigId, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(200), nullable=False),  # person, and the company if there is one
    sa.Column("email", sa.String(254), nullable=False),
)

#: The words by which customers (names, e-mail) and orders (domains) are found, as `core.reading.words` writes them.
#: Compared byte by byte, so that both databases read all words with one beginning as one range of the index.
search_words = sa.Table(
    "search_words",
    metadata,
    sa.Column(
        "word",
        sa.String(LONGEST_WORD).with_variant(sa.String(LONGEST_WORD, collation="C"), "postgresql"),
        primary_key=True,
    ),
    sa.Column("kind", sa.String(8), primary_key=True),  # customer, order
    sa.Column("row_id", BigId, primary_key=True, autoincrement=False),
    sa.Index("ix_search_words_row", "kind", "row_id"),
)
