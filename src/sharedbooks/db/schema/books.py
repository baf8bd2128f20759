"""Address books, who may do what with them, and their cards."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from sharedbooks.db.schema.base import MARIADB, metadata
from sharedbooks.db.types import exact_text, identity, octets

address_books = Table(
    "address_books",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("owner_id", ForeignKey("principals.id"), nullable=False),
    Column("name", exact_text(255), nullable=False),
    Column("display_name", String(255), nullable=False),
    Column("description", Text, nullable=False),
    Column("properties", JSON, nullable=False),
    # Random and part of every sync token, so that a token of another book, or of a book as it was
    # before a restore, is never taken for one of this book.
    Column("sync_key", exact_text(32), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    # 0 while the book lives, its id after deletion: frees the name without losing the row. The
    # same below 0 while retention takes it away.
    Column("deletion", BigInteger, nullable=False),
    # Its cards come from a directory, and nobody else may add, change or delete any.
    Column("read_only", Boolean, nullable=False, server_default=false()),
    # Seconds; 0: for ever; null: as the configuration says.
    Column("keep_versions", BigInteger),
    Column("keep_trash", BigInteger),
    # Of changes up to this revision history may have lost some to retention; up to the other one
    # of cards that live too.
    Column("history_start", BigInteger, nullable=False, server_default="0"),
    Column("versions_start", BigInteger, nullable=False, server_default="0"),
    # When the log last said that somebody deletes a great many cards.
    Column("deletions_warned_at", BigInteger),
    # What the book does about cards of no use as contacts, and what it takes for such.
    Column("check_policy", String(16), nullable=False, server_default="off"),
    Column("check_rule", String(512), nullable=False, server_default=""),
    Column("check_country", String(2), nullable=False, server_default=""),
    CheckConstraint("check_policy IN ('off', 'warn', 'refuse')", name="check_policy"),
    UniqueConstraint("owner_id", "name", "deletion"),
    **MARIADB,
)

grants = Table(
    "grants",
    metadata,
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("privilege", SmallInteger, nullable=False),
    Column("granted_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "principal_id"),
    CheckConstraint("privilege BETWEEN 1 AND 5", name="privilege"),
    Index(None, "principal_id"),
    **MARIADB,
)

mounts = Table(
    "mounts",
    metadata,
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("name", exact_text(255), nullable=False),
    # The member's own view of the book; null: as the book says.
    Column("display_name", String(255)),
    Column("description", Text),
    Column("hidden", Boolean, nullable=False),
    Column("position", Integer, nullable=False),
    Column("properties", JSON, nullable=False),
    PrimaryKeyConstraint("principal_id", "book_id"),
    UniqueConstraint("principal_id", "name"),
    Index(None, "book_id"),
    **MARIADB,
)

cards = Table(
    "cards",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("resource_name", exact_text(255), nullable=False),
    Column("card_uid", exact_text(255), nullable=False),
    Column("content_hash", exact_text(32), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("size", Integer, nullable=False),
    Column("version", String(8), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("display_name", String(255), nullable=False),
    Column("creator_id", ForeignKey("principals.id", ondelete="SET NULL")),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    # Last, so that SQLite reads the columns above without walking through the photos.
    Column("content", octets(), nullable=False),
    UniqueConstraint("book_id", "resource_name"),
    UniqueConstraint("book_id", "card_uid"),
    # Listing and sync read this index alone.
    Index("ix_cards_changes", "book_id", "revision", "resource_name", "content_hash"),
    Index(None, "creator_id"),
    **MARIADB,
)

card_properties = Table(
    "card_properties",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("card_id", ForeignKey("cards.id", ondelete="CASCADE"), nullable=False),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("name", exact_text(64), nullable=False),
    Column("value", exact_text(255), nullable=False),
    Index(None, "card_id"),
    Index(None, "book_id", "name", "value"),
    **MARIADB,
)

removed_names = Table(
    "removed_names",
    metadata,
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("resource_name", exact_text(255), nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "resource_name"),
    Index(None, "book_id", "revision"),
    **MARIADB,
)
