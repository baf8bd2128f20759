"""Who there is, and with what they log in."""

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
    String,
    Table,
    Text,
    UniqueConstraint,
)

from sharedbooks.db.schema.base import MARIADB, metadata
from sharedbooks.db.types import exact_text, identity

ORGANISATION_ID = 1
"""The principal that owns the organisation's books; inserted by the first migration."""

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
    **MARIADB,
)

memberships = Table(
    "memberships",
    metadata,
    Column("group_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Column("member_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    PrimaryKeyConstraint("group_id", "member_id"),
    Index(None, "member_id"),
    **MARIADB,
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
    **MARIADB,
)

login_failures = Table(
    "login_failures",
    metadata,
    # An address or an account, with the word for which before it.
    Column("subject", exact_text(300), primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("window_started_at", BigInteger, nullable=False),
    **MARIADB,
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
    **MARIADB,
)

login_names = Table(
    "login_names",
    metadata,
    # A name that a directory knows a user by, folded.
    Column("name", exact_text(255), primary_key=True),
    Column("principal_id", ForeignKey("principals.id", ondelete="CASCADE"), nullable=False),
    Index(None, "principal_id"),
    **MARIADB,
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
    **MARIADB,
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
    **MARIADB,
)
