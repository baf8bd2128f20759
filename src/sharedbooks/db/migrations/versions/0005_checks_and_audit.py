"""What each book checks in its cards, and a log of what administrators did."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from sharedbooks.db.types import exact_text, identity

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_MARIADB: dict[str, Any] = {
    f"{prefix}_{option}": value
    for prefix in ("mysql", "mariadb")
    for option, value in (("engine", "InnoDB"), ("default_charset", "utf8mb4"))
}
_POLICIES = "check_policy IN ('off', 'warn', 'refuse')"


def upgrade() -> None:
    """Add the columns and the table."""
    name = op.f("ck_address_books_check_policy")
    if op.get_bind().dialect.name == "sqlite":
        # SQLite adds a constraint only together with a column.
        op.execute(
            "ALTER TABLE address_books ADD COLUMN check_policy VARCHAR(16) NOT NULL DEFAULT 'off'"
            f" CONSTRAINT {name} CHECK ({_POLICIES})"
        )
    else:
        op.add_column(
            "address_books",
            sa.Column("check_policy", sa.String(16), nullable=False, server_default="off"),
        )
        op.create_check_constraint(name, "address_books", _POLICIES)
    for column, length in (("check_rule", 512), ("check_country", 2)):
        op.add_column(
            "address_books",
            sa.Column(column, sa.String(length), nullable=False, server_default=""),
        )
    op.create_table(
        "audit_events",
        sa.Column("id", identity(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor_name", sa.String(255), nullable=False),
        sa.Column("action", exact_text(64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
        **_MARIADB,
    )
    op.create_index("ix_audit_events_action", "audit_events", ["action"], unique=False)
