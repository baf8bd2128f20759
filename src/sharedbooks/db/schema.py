"""The tables. Every constraint has a name; every ``*_at`` is microseconds since 1970, UTC."""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from sharedbooks.db.types import exact_text, identity, octets

ORGANISATION_ID = 1
"""The principal that owns the organisation's books; inserted by the first migration."""

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}

principals = Table(
    "principals",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("name", exact_text(255), nullable=False),
    Column("display_name", String(255), nullable=False),
    Column("email", String(255), nullable=False, server_default=""),
    Column("enabled", Boolean, nullable=False),
    # Where the principal comes from: "local", or the name of a directory with its stable id there.
    Column("source", exact_text(64), nullable=False),
    Column("source_id", exact_text(255)),
    Column("properties", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("first_login_at", BigInteger),
    # Of a directory's principals: the DN there, why it keeps the principal out, and since when.
    Column("dn", Text),
    Column("barred", String(16)),
    Column("barred_at", BigInteger),
    CheckConstraint("kind IN ('organisation', 'user', 'group')", name="kind"),
    UniqueConstraint("kind", "name"),
    UniqueConstraint("source", "source_id"),
    **_MARIADB,
)

memberships = Table(
    "memberships",
    metadata,
    Column("group_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("member_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("group_id", "member_id"),
    Index(None, "member_id"),
    **_MARIADB,
)

credentials = Table(
    "credentials",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("label", exact_text(255), nullable=False),
    Column("secret_hash", exact_text(255), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("last_used_at", BigInteger),
    Column("last_used_client", String(255)),
    CheckConstraint("kind IN ('password', 'device')", name="kind"),
    Index(None, "principal_id"),
    **_MARIADB,
)

login_failures = Table(
    "login_failures",
    metadata,
    # An address or an account, with the word for which before it.
    Column("subject", exact_text(300), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("window_started_at", BigInteger, nullable=False),
    **_MARIADB,
)

checked_passwords = Table(
    "checked_passwords",
    metadata,
    # The password that a directory accepted for a user last.
    Column(
        "principal_id",
        ForeignKey("principals.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("secret_hash", exact_text(255), nullable=False),
    Column("checked_at", BigInteger, nullable=False),
    Index(None, "checked_at"),
    **_MARIADB,
)

login_names = Table(
    "login_names",
    metadata,
    # A name that a directory knows a user by, folded.
    Column("name", exact_text(255), primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Index(None, "principal_id"),
    **_MARIADB,
)

password_tries = Table(
    "password_tries",
    metadata,
    # An account of a directory, whether or not it has logged in here before.
    Column("source", exact_text(64), nullable=False),
    Column("source_id", exact_text(255), nullable=False),
    Column("failures", Integer, nullable=False),
    Column("failed_at", BigInteger, nullable=False),
    # Until when one process has the right to ask the directory about this account.
    Column("trying_until", BigInteger, nullable=False),
    PrimaryKeyConstraint("source", "source_id"),
    **_MARIADB,
)

refused_passwords = Table(
    "refused_passwords",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("source", exact_text(64), nullable=False),
    Column("source_id", exact_text(255), nullable=False),
    Column("secret_hash", exact_text(255), nullable=False),
    # What the directory's entry said of its last change of password.
    Column("stamp", exact_text(64), nullable=False),
    Column("refused_at", BigInteger, nullable=False),
    Index(None, "source", "source_id"),
    Index(None, "refused_at"),
    **_MARIADB,
)

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
    **_MARIADB,
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
    **_MARIADB,
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
    **_MARIADB,
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
    **_MARIADB,
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
    **_MARIADB,
)

removed_names = Table(
    "removed_names",
    metadata,
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("resource_name", exact_text(255), nullable=False),
    Column("revision", BigInteger, nullable=False),
    PrimaryKeyConstraint("book_id", "resource_name"),
    Index(None, "book_id", "revision"),
    **_MARIADB,
)

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
    **_MARIADB,
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
    **_MARIADB,
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
    **_MARIADB,
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
    **_MARIADB,
)

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
    **_MARIADB,
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
    **_MARIADB,
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
    **_MARIADB,
)

import_sources = Table(
    "import_sources",
    metadata,
    Column("id", identity(), primary_key=True),
    Column("book_id", ForeignKey("address_books.id", ondelete="CASCADE"), nullable=False),
    Column("name", exact_text(255), nullable=False),
    UniqueConstraint("book_id", "name"),
    **_MARIADB,
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
    **_MARIADB,
)

import_mappings = Table(
    "import_mappings",
    metadata,
    Column("name", exact_text(255), primary_key=True),
    # The assignments as they were typed, in order.
    Column("assignments", JSON, nullable=False),
    **_MARIADB,
)
