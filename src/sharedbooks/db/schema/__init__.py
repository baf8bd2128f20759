"""The tables. Every constraint has a name; every ``*_at`` is microseconds since 1970, UTC."""

from sharedbooks.db.schema.accounts import (
    ORGANISATION_ID,
    checked_passwords,
    credentials,
    login_failures,
    login_names,
    memberships,
    password_tries,
    principals,
    refused_passwords,
)
from sharedbooks.db.schema.base import metadata
from sharedbooks.db.schema.books import (
    address_books,
    card_properties,
    cards,
    grants,
    mounts,
    removed_names,
)
from sharedbooks.db.schema.records import (
    audit_events,
    card_merge_changes,
    card_merges,
    card_versions,
    distinct_cards,
)
from sharedbooks.db.schema.sources import (
    directory_books,
    directory_entries,
    import_mappings,
    import_rows,
    import_sources,
)

__all__ = [
    "ORGANISATION_ID",
    "address_books",
    "audit_events",
    "card_merge_changes",
    "card_merges",
    "card_properties",
    "card_versions",
    "cards",
    "checked_passwords",
    "credentials",
    "directory_books",
    "directory_entries",
    "distinct_cards",
    "grants",
    "import_mappings",
    "import_rows",
    "import_sources",
    "login_failures",
    "login_names",
    "memberships",
    "metadata",
    "mounts",
    "password_tries",
    "principals",
    "refused_passwords",
    "removed_names",
]
