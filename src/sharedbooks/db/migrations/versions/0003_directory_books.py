"""Books whose cards come from a directory, and which nobody else writes."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sharedbooks.db.types import exact_text, identity

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}


def upgrade() -> None:
    """Mark books as read-only, and keep where their cards come from."""
    op.add_column(
        "address_books",
        sa.Column("read_only", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
    op.create_table(
        "directory_books",
        sa.Column("book_id", identity(), autoincrement=False, nullable=False),
        sa.Column("directory", exact_text(64), nullable=False),
        sa.Column("base", sa.Text(), nullable=False),
        sa.Column("filter", sa.Text(), nullable=False),
        sa.Column("group_filter", sa.Text(), nullable=True),
        sa.Column("mapping", sa.JSON(), nullable=False),
        sa.Column("stamps_of", exact_text(255), nullable=False),
        sa.Column("synced_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["address_books.id"],
            name="fk_directory_books_book_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("book_id", name="pk_directory_books"),
        **_MARIADB,
    )
    op.create_index("ix_directory_books_directory", "directory_books", ["directory"])
    op.create_table(
        "directory_entries",
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("source_id", exact_text(255), nullable=False),
        sa.Column("is_group", sa.Boolean(), nullable=False),
        sa.Column("card_uid", exact_text(255), nullable=False),
        sa.Column("dn_hash", exact_text(32), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("stamp", exact_text(64), nullable=False),
        sa.Column("manager_hash", exact_text(32), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(
            ["book_id"],
            ["address_books.id"],
            name="fk_directory_entries_book_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("book_id", "source_id", name="pk_directory_entries"),
        **_MARIADB,
    )
    op.create_index(
        "ix_directory_entries_book_id_manager_hash",
        "directory_entries",
        ["book_id", "manager_hash"],
    )
