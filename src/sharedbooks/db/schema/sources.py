"""Where cards come from: directories and imports."""

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from sharedbooks.db.schema.base import MARIADB, metadata
from sharedbooks.db.types import exact_text, identity, octets

directory_books = Table(
    "directory_books",
    metadata,
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), primary_key=True),
    # The name of the directory in the configuration.
    Column("directory", exact_text(64), nullable=False),
    # Empty: as the directory's configuration says.
    Column("base", Text, nullable=False),
    Column("filter", Text, nullable=False),
    # Which groups become contact groups; null: none, empty: those of the configuration.
    Column("group_filter", Text),
    # vCard property to attributes, over what the configuration says.
    Column("mapping", JSON, nullable=False),
    # What the stamps of the entries hold for: the server that gave them, and how cards are made.
    Column("stamps_of", exact_text(255), nullable=False),
    Column("synced_at", BigInteger),
    Index(None, "directory"),
    **MARIADB,
)

directory_entries = Table(
    "directory_entries",
    metadata,
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    # The stable id of the entry in its directory.
    Column("source_id", exact_text(255), nullable=False),
    Column("is_group", Boolean, nullable=False),
    Column("card_uid", exact_text(255), nullable=False),
    # Hash of the normalised DN, by which other entries name this one.
    Column("dn_hash", exact_text(32), nullable=False),
    Column("name", String(255), nullable=False),
    # Changes when the entry does; empty: to be read at the next sync in any case.
    Column("stamp", exact_text(64), nullable=False),
    # Hash of the DN of the manager, whose name is in the card; null without one.
    Column("manager_hash", exact_text(32)),
    # Why the entry as it is now did not become a card; null if it did.
    Column("problem", Text),
    PrimaryKeyConstraint("book_id", "source_id"),
    Index(None, "book_id", "manager_hash"),
    **MARIADB,
)

import_sources = Table(
    "import_sources",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("name", exact_text(255), nullable=False),
    UniqueConstraint("book_id", "name"),
    **MARIADB,
)

import_rows = Table(
    "import_rows",
    metadata,
    Column("source_id", ForeignKey("import_sources.id", ondelete="CASCADE"), nullable=False),
    # Only hashes: what an import brought is told by the book and its history.
    Column("row_key", exact_text(32), nullable=False),
    Column("card_uid", exact_text(255), nullable=False),
    Column("content_hash", exact_text(32), nullable=False),
    # What the row said when it was last imported: eight octets of hash for each value.
    Column("marks", octets(), nullable=False),
    PrimaryKeyConstraint("source_id", "row_key"),
    Index(None, "source_id", "card_uid"),
    **MARIADB,
)

import_mappings = Table(
    "import_mappings",
    metadata,
    Column("name", exact_text(255), primary_key=True),
    # The assignments as they were typed, in order.
    Column("assignments", JSON, nullable=False),
    **MARIADB,
)
