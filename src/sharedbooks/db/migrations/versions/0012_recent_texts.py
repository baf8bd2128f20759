"""Where changed texts wait on SQLite until there are enough of them to go into the index."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; a card without text there is one that is gone."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("CREATE TABLE card_texts_recent (card_id INTEGER PRIMARY KEY, text TEXT)")
