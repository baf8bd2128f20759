"""Pairs of cards judged different, and what merges of duplicates did, to undo them."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sharedbooks.db.types import exact_text, identity

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "distinct_cards",
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("card_uid", exact_text(255), nullable=False),
        sa.Column("other_book_id", identity(), nullable=False),
        sa.Column("other_uid", exact_text(255), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.String(255), nullable=False),
        _to_book("distinct_cards", "book_id"),
        _to_book("distinct_cards", "other_book_id"),
        sa.PrimaryKeyConstraint(
            "book_id", "card_uid", "other_book_id", "other_uid", name="pk_distinct_cards"
        ),
        **_MARIADB,
    )
    op.create_index("ix_distinct_cards_other_book_id", "distinct_cards", ["other_book_id"])
    op.create_table(
        "card_merges",
        sa.Column("id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("kept_uid", exact_text(255), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.String(255), nullable=False),
        sa.Column("undone_at", sa.BigInteger(), nullable=True),
        _to_book("card_merges", "book_id"),
        sa.PrimaryKeyConstraint("id", name="pk_card_merges"),
        **_MARIADB,
    )
    op.create_index("ix_card_merges_book_id", "card_merges", ["book_id"])
    op.create_table(
        "card_merge_changes",
        sa.Column("merge_id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("card_uid", exact_text(255), nullable=False),
        sa.Column("hash_after", exact_text(32), nullable=True),
        _to_book("card_merge_changes", "book_id"),
        sa.ForeignKeyConstraint(
            ["merge_id"],
            ["card_merges.id"],
            name="fk_card_merge_changes_merge_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("merge_id", "book_id", "revision", name="pk_card_merge_changes"),
        **_MARIADB,
    )
    op.create_index("ix_card_merge_changes_book_id", "card_merge_changes", ["book_id"])


def _to_book(table: str, column: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], ["address_books.id"], name=f"fk_{table}_{column}", ondelete="CASCADE"
    )
