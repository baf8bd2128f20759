"""What was done: versions of cards, merges, and administrative events."""

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from sharedbooks.db.schema.base import MARIADB, metadata
from sharedbooks.db.types import exact_text, identity, octets

card_versions = Table(
    "card_versions",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    # The revision of the book that this change made.
    Column("revision", BigInteger, nullable=False),
    Column("action", String(16), nullable=False),
    Column("resource_name", exact_text(255), nullable=False),
    Column("card_uid", exact_text(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor_id", ForeignKey("principals.id", ondelete="SET NULL")),
    # Kept as text too: history outlives the people in it.
    Column("actor_name", String(255), nullable=False),
    Column("device", String(255), nullable=False),
    Column("client", String(255), nullable=False),
    # The card as it was before this change; null when it was not there.
    Column("content_before", octets()),
    CheckConstraint("action IN ('create', 'edit', 'delete')", name="action"),
    UniqueConstraint("book_id", "revision"),
    Index(None, "book_id", "card_uid"),
    Index(None, "actor_id"),
    **MARIADB,
)

distinct_cards = Table(
    "distinct_cards",
    metadata,
    # Two cards that somebody judged to be of different people, the lesser (book, UID) first.
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("card_uid", exact_text(255), nullable=False),
    Column("other_book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("other_uid", exact_text(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor_name", String(255), nullable=False),
    PrimaryKeyConstraint("book_id", "card_uid", "other_book_id", "other_uid"),
    Index(None, "other_book_id"),
    **MARIADB,
)

card_merges = Table(
    "card_merges",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("kept_uid", exact_text(255), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("actor_name", String(255), nullable=False),
    Column("undone_at", BigInteger),
    Index(None, "book_id"),
    **MARIADB,
)

card_merge_changes = Table(
    "card_merge_changes",
    metadata,
    Column("merge_id", ForeignKey("card_merges.id", ondelete="CASCADE"), nullable=False),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    # The row of history that has the card as it was before.
    Column("revision", BigInteger, nullable=False),
    Column("card_uid", exact_text(255), nullable=False),
    # What the merge left there; null where it took the card away.
    Column("hash_after", exact_text(32)),
    PrimaryKeyConstraint("merge_id", "book_id", "revision"),
    Index(None, "book_id"),
    **MARIADB,
)

audit_events = Table(
    "audit_events",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("at", BigInteger, nullable=False),
    # Names as texts: the log outlives the people and books in it.
    Column("actor_name", String(255), nullable=False),
    Column("action", exact_text(64), nullable=False),
    Column("details", JSON, nullable=False),
    Index(None, "action"),
    **MARIADB,
)
