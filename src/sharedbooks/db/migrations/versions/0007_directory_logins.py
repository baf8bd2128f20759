"""Logins against directories: accepted and refused passwords, tries, and login names."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sharedbooks.db.types import exact_text, identity

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}


def upgrade() -> None:
    """Make the tables, empty."""
    op.create_table(
        "checked_passwords",
        sa.Column("principal_id", identity(), autoincrement=False, nullable=False),
        sa.Column("secret_hash", exact_text(255), nullable=False),
        sa.Column("checked_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name="fk_checked_passwords_principal_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("principal_id", name="pk_checked_passwords"),
        **_MARIADB,
    )
    op.create_index("ix_checked_passwords_checked_at", "checked_passwords", ["checked_at"])
    op.create_table(
        "login_names",
        sa.Column("name", exact_text(255), nullable=False),
        sa.Column("principal_id", identity(), nullable=False),
        sa.ForeignKeyConstraint(
            ["principal_id"],
            ["principals.id"],
            name="fk_login_names_principal_id",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", name="pk_login_names"),
        **_MARIADB,
    )
    op.create_index("ix_login_names_principal_id", "login_names", ["principal_id"])
    op.create_table(
        "password_tries",
        sa.Column("source", exact_text(64), nullable=False),
        sa.Column("source_id", exact_text(255), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("failed_at", sa.BigInteger(), nullable=False),
        sa.Column("trying_until", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("source", "source_id", name="pk_password_tries"),
        **_MARIADB,
    )
    op.create_table(
        "refused_passwords",
        sa.Column("id", identity(), nullable=False),
        sa.Column("source", exact_text(64), nullable=False),
        sa.Column("source_id", exact_text(255), nullable=False),
        sa.Column("secret_hash", exact_text(255), nullable=False),
        sa.Column("stamp", exact_text(64), nullable=False),
        sa.Column("refused_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_refused_passwords"),
        **_MARIADB,
    )
    op.create_index(
        "ix_refused_passwords_source_source_id", "refused_passwords", ["source", "source_id"]
    )
    op.create_index("ix_refused_passwords_refused_at", "refused_passwords", ["refused_at"])
