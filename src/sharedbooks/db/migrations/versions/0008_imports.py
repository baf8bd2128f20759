"""What imports remember: where a card came from, what it said then, and saved mappings."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sharedbooks.db.types import exact_text, identity, octets

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}


def upgrade() -> None:
    """Make the tables of imports."""
    op.create_table(
        "import_sources",
        sa.Column("id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("name", exact_text(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_import_sources_book_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_import_sources"),
        sa.UniqueConstraint("book_id", "name", name="uq_import_sources_book_id_name"),
        **_MARIADB,
    )
    op.create_table(
        "import_rows",
        sa.Column("source_id", identity(), nullable=False),
        sa.Column("row_key", exact_text(32), nullable=False),
        sa.Column("card_uid", exact_text(255), nullable=False),
        sa.Column("content_hash", exact_text(32), nullable=False),
        sa.Column("marks", octets(), nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"],
            ["import_sources.id"],
            name="fk_import_rows_source_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("source_id", "row_key", name="pk_import_rows"),
        **_MARIADB,
    )
    op.create_index(
        "ix_import_rows_source_id_card_uid", "import_rows", ["source_id", "card_uid"], unique=False
    )
    op.create_table(
        "import_mappings",
        sa.Column("name", exact_text(255), nullable=False),
        sa.Column("assignments", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_import_mappings"),
        **_MARIADB,
    )
