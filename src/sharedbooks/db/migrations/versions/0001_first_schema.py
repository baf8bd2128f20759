"""The first schema: principals, books, grants, mounts, cards, sync and history."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sharedbooks.db.types import exact_text, identity, now, octets

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}


def upgrade() -> None:
    """Make every table, and the organisation."""
    op.create_table(
        "login_failures",
        sa.Column("subject", exact_text(300), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("window_started_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("subject", name="pk_login_failures"),
        **_MARIADB,
    )
    op.create_table(
        "principals",
        sa.Column("id", identity(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("name", exact_text(255), nullable=False),
        sa.Column("display_name", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=255), server_default="", nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("source", exact_text(64), nullable=False),
        sa.Column("source_id", exact_text(255), nullable=True),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("first_login_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint(
            "kind IN ('organisation', 'user', 'group')", name=op.f("ck_principals_kind")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_principals"),
        sa.UniqueConstraint("kind", "name", name="uq_principals_kind_name"),
        sa.UniqueConstraint("source", "source_id", name="uq_principals_source_source_id"),
        **_MARIADB,
    )
    op.create_table(
        "address_books",
        sa.Column("id", identity(), nullable=False),
        sa.Column("owner_id", identity(), nullable=False),
        sa.Column("name", exact_text(255), nullable=False),
        sa.Column("display_name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.Column("sync_key", exact_text(32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.Column("deletion", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["owner_id"], ["principals.id"], name="fk_address_books_owner_id"),
        sa.PrimaryKeyConstraint("id", name="pk_address_books"),
        sa.UniqueConstraint(
            "owner_id", "name", "deletion", name="uq_address_books_owner_id_name_deletion"
        ),
        **_MARIADB,
    )
    op.create_table(
        "credentials",
        sa.Column("id", identity(), nullable=False),
        sa.Column("principal_id", identity(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("label", exact_text(255), nullable=False),
        sa.Column("secret_hash", exact_text(255), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_client", sa.String(length=255), nullable=True),
        sa.CheckConstraint("kind IN ('password', 'device')", name=op.f("ck_credentials_kind")),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name="fk_credentials_principal_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name="pk_credentials"),
        **_MARIADB,
    )
    op.create_index("ix_credentials_principal_id", "credentials", ["principal_id"], unique=False)
    op.create_table(
        "memberships",
        sa.Column("group_id", identity(), nullable=False),
        sa.Column("member_id", identity(), nullable=False),
        sa.ForeignKeyConstraint(
            ["group_id"], ["principals.id"], name="fk_memberships_group_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["member_id"], ["principals.id"], name="fk_memberships_member_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group_id", "member_id", name="pk_memberships"),
        **_MARIADB,
    )
    op.create_index("ix_memberships_member_id", "memberships", ["member_id"], unique=False)
    op.create_table(
        "card_versions",
        sa.Column("id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("resource_name", exact_text(255), nullable=False),
        sa.Column("card_uid", exact_text(255), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_id", identity(), nullable=True),
        sa.Column("actor_name", sa.String(length=255), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        sa.Column("client", sa.String(length=255), nullable=False),
        sa.Column("content_before", octets(), nullable=True),
        sa.CheckConstraint(
            "action IN ('create', 'edit', 'delete')", name=op.f("ck_card_versions_action")
        ),
        sa.ForeignKeyConstraint(
            ["actor_id"], ["principals.id"], name="fk_card_versions_actor_id", ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_card_versions_book_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_card_versions"),
        sa.UniqueConstraint("book_id", "revision", name="uq_card_versions_book_id_revision"),
        **_MARIADB,
    )
    op.create_index("ix_card_versions_actor_id", "card_versions", ["actor_id"], unique=False)
    op.create_index(
        "ix_card_versions_book_id_card_uid", "card_versions", ["book_id", "card_uid"], unique=False
    )
    op.create_table(
        "cards",
        sa.Column("id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("resource_name", exact_text(255), nullable=False),
        sa.Column("card_uid", exact_text(255), nullable=False),
        sa.Column("content_hash", exact_text(32), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(length=8), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("display_name", sa.String(length=255), nullable=False),
        sa.Column("creator_id", identity(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.Column("content", octets(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_cards_book_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["creator_id"], ["principals.id"], name="fk_cards_creator_id", ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_cards"),
        sa.UniqueConstraint("book_id", "card_uid", name="uq_cards_book_id_card_uid"),
        sa.UniqueConstraint("book_id", "resource_name", name="uq_cards_book_id_resource_name"),
        **_MARIADB,
    )
    op.create_index(
        "ix_cards_changes",
        "cards",
        ["book_id", "revision", "resource_name", "content_hash"],
        unique=False,
    )
    op.create_index("ix_cards_creator_id", "cards", ["creator_id"], unique=False)
    op.create_table(
        "grants",
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("principal_id", identity(), nullable=False),
        sa.Column("privilege", sa.SmallInteger(), nullable=False),
        sa.Column("granted_at", sa.BigInteger(), nullable=False),
        sa.CheckConstraint("privilege BETWEEN 1 AND 5", name=op.f("ck_grants_privilege")),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_grants_book_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principals.id"], name="fk_grants_principal_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("book_id", "principal_id", name="pk_grants"),
        **_MARIADB,
    )
    op.create_index("ix_grants_principal_id", "grants", ["principal_id"], unique=False)
    op.create_table(
        "mounts",
        sa.Column("principal_id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("name", exact_text(255), nullable=False),
        sa.Column("display_name", sa.String(length=255), nullable=True),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("hidden", sa.Boolean(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("properties", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_mounts_book_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["principal_id"], ["principals.id"], name="fk_mounts_principal_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("principal_id", "book_id", name="pk_mounts"),
        sa.UniqueConstraint("principal_id", "name", name="uq_mounts_principal_id_name"),
        **_MARIADB,
    )
    op.create_index("ix_mounts_book_id", "mounts", ["book_id"], unique=False)
    op.create_table(
        "removed_names",
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("resource_name", exact_text(255), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_removed_names_book_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("book_id", "resource_name", name="pk_removed_names"),
        **_MARIADB,
    )
    op.create_index(
        "ix_removed_names_book_id_revision", "removed_names", ["book_id", "revision"], unique=False
    )
    op.create_table(
        "card_properties",
        sa.Column("id", identity(), nullable=False),
        sa.Column("card_id", identity(), nullable=False),
        sa.Column("book_id", identity(), nullable=False),
        sa.Column("name", exact_text(64), nullable=False),
        sa.Column("value", exact_text(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["book_id"], ["address_books.id"], name="fk_card_properties_book_id", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["card_id"], ["cards.id"], name="fk_card_properties_card_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_card_properties"),
        **_MARIADB,
    )
    op.create_index(
        "ix_card_properties_book_id_name_value",
        "card_properties",
        ["book_id", "name", "value"],
        unique=False,
    )
    op.create_index("ix_card_properties_card_id", "card_properties", ["card_id"], unique=False)

    principals = sa.table(
        "principals",
        *(sa.column(name) for name in ("id", "kind", "name", "display_name", "enabled", "source")),
        sa.column("properties", sa.JSON()),
        sa.column("created_at"),
    )
    op.bulk_insert(
        principals,
        [
            {
                "id": 1,
                "kind": "organisation",
                "name": "",
                "display_name": "",
                "enabled": True,
                "source": "local",
                "properties": {},
                "created_at": now(),
            }
        ],
    )
    if op.get_bind().dialect.name == "postgresql":
        # The row above was given its id; the sequence does not know.
        op.execute("SELECT setval(pg_get_serial_sequence('principals', 'id'), 1)")
