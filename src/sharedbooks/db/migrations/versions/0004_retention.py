"""How long a book keeps history and trash, and what it has lost of them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns to the books; every book keeps what the configuration says."""
    for column in (
        sa.Column("keep_versions", sa.BigInteger(), nullable=True),
        sa.Column("keep_trash", sa.BigInteger(), nullable=True),
        sa.Column("history_start", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("deletions_warned_at", sa.BigInteger(), nullable=True),
    ):
        op.add_column("address_books", column)
