"""PostgreSQL stores cards as they are, and no longer tries to compress them."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Store what is too long for a page beside it, without compressing it first.

    Only cards of more than 2 kB are concerned, most of which have a photo, and photos are
    compressed already. Trying took a tenth of the time of a write.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE cards ALTER content SET STORAGE EXTERNAL")
        op.execute("ALTER TABLE card_versions ALTER content_before SET STORAGE EXTERNAL")
