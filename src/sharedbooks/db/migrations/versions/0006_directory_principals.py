"""Principals of a directory: their DN, and why the directory keeps them out."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns, empty: there are local principals only."""
    op.add_column("principals", sa.Column("dn", sa.Text()))
    op.add_column("principals", sa.Column("barred", sa.String(16)))
    op.add_column("principals", sa.Column("barred_at", sa.BigInteger()))
