"""Find cards by trigrams: an FTS5 table on SQLite, an index of pg_trgm on PostgreSQL."""

import logging

import sqlalchemy as sa
from alembic import op
from sqlalchemy.exc import ProgrammingError

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_logger = logging.getLogger("sharedbooks.db.upgrade")


def upgrade() -> None:
    """Make the index of this database, and fill it."""
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        op.execute("CREATE VIRTUAL TABLE card_texts USING fts5(text, tokenize = 'trigram')")
        op.execute(
            "INSERT INTO card_texts (rowid, text)"
            " SELECT card_id, group_concat(value, char(10)) FROM card_properties GROUP BY card_id"
        )
    elif connection.dialect.name == "postgresql":
        _index_trigrams(connection)


def _index_trigrams(connection: sa.Connection) -> None:
    try:
        with connection.begin_nested():
            op.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except ProgrammingError:
        # Only the owner of the database may; search works without, reading more.
        _logger.warning(
            "The extension pg_trgm could not be created, so searches read more than they need;"
            " the database's owner can do both: CREATE EXTENSION pg_trgm; CREATE INDEX"
            " ix_card_properties_trigrams ON card_properties USING gin (value gin_trgm_ops)"
            " WITH (gin_pending_list_limit = 256);"
        )
        return
    op.execute(
        "CREATE INDEX ix_card_properties_trigrams ON card_properties USING gin (value gin_trgm_ops)"
    )
