"""What history has lost of cards that live, apart from what it has lost of deleted ones."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; nothing was lost so far."""
    op.add_column(
        "address_books",
        sa.Column("versions_start", sa.BigInteger(), server_default="0", nullable=False),
    )
