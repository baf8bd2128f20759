"""A running server notices that the schema moves under it, and keeps its hands off."""

import time

from sqlalchemy import Connection, text

from sharedbooks.db.prepared import Prepared
from sharedbooks.errors import StoreBusy

LOCK_NUMBER = 0x5B00C5  # arbitrary, the same in every version
LOCK_NAME = "CONCAT(LEFT(DATABASE(), 40), '-schema')"
"""SQL for the name of MariaDB's lock, which is the whole server's, other databases included."""

LOOK_SECONDS = 1.0
"""So long a server may go on after an upgrade has begun to hold the lock."""

_VERSION = "SELECT version_num FROM alembic_version"
_UPGRADING = {
    "postgresql": "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"  # noqa: S608
    f" AND classid = 0 AND objid = {LOCK_NUMBER} AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    "mariadb": f"SELECT IS_USED_LOCK({LOCK_NAME}) IS NOT NULL",
}


class SchemaWatch:
    """Lets a transaction go on only while the schema is the one this program knows.

    An upgrade holds its lock for longer than ``LOOK_SECONDS`` before it changes anything, so it is
    enough to look once in that time. SQLite has no lock to look for but its own: there every
    transaction that writes looks, which costs it next to nothing.

    Args:
        dialect: of the database.
        known: revision of the schema this program knows.

    Attributes:
        inside: whether it looks in the transaction. Elsewhere it has to look before: in a snapshot
            the schema may be the old one, and the lock have ended since, with the upgrade.
    """

    def __init__(self, dialect: str, known: str) -> None:
        self._known = known
        self._find = Prepared(text(_VERSION))
        self._find_lock = Prepared(text(_UPGRADING[dialect])) if dialect in _UPGRADING else None
        self.inside = self._find_lock is None
        self._next_look = 0.0

    def check(self, connection: Connection, *, writing: bool = True) -> None:
        """Return if the schema is as it was, as far as is known.

        Raises:
            StoreBusy: it is being upgraded, or is another one by now.
            DBAPIError: it could not be looked at.
        """
        now = time.monotonic()
        if now < self._next_look and not (writing and self.inside):
            return
        self.look(connection)
        self._next_look = now + LOOK_SECONDS

    def look(self, connection: Connection) -> None:
        """Look whether the schema is as it was; raises as ``check`` does."""
        upgrading = self._find_lock is not None and self._find_lock.all(connection, {})[0][0]
        row = self._find.first(connection, {})
        found = None if row is None else row[0]
        if found == self._known and not upgrading:
            return
        self._next_look = 0.0
        if found == self._known:
            raise StoreBusy("The schema of the database is being upgraded.")
        raise StoreBusy(
            f"The database has schema {found} by now, and this server knows {self._known}: start"
            " the sharedbooks that goes with it."
        )
