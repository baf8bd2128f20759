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

_VERSION = "SELECT version_num, {upgrading} FROM alembic_version"
_UPGRADING = {
    "sqlite": "0",
    "postgresql": "(SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"  # noqa: S608
    f" AND classid = 0 AND objid = {LOCK_NUMBER} AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
    "mariadb": f"IS_USED_LOCK({LOCK_NAME}) IS NOT NULL",
}


class SchemaWatch:
    """Lets a transaction go on only while the schema is the one this program knows.

    An upgrade holds its lock for longer than ``LOOK_SECONDS`` before it changes anything, so it is
    enough to look once in that time. SQLite has no lock to look for but its own: there every
    transaction that writes looks, which costs it next to nothing.

    Args:
        dialect: of the database.
        known: revision of the schema this program knows.
    """

    def __init__(self, dialect: str, known: str) -> None:
        self._known = known
        self._find = Prepared(text(_VERSION.format(upgrading=_UPGRADING[dialect])))
        self._always = dialect == "sqlite"
        self._next_look = 0.0

    def check(self, connection: Connection, *, writing: bool = True) -> None:
        """Return if the schema is as it was, as far as is known.

        Raises:
            StoreBusy: it is being upgraded, or is another one by now.
            DBAPIError: it could not be looked at.
        """
        now = time.monotonic()
        if now < self._next_look and not (writing and self._always):
            return
        self.look(connection)
        self._next_look = now + LOOK_SECONDS

    def look(self, connection: Connection) -> None:
        """Look whether the schema is as it was; raises as ``check`` does."""
        row = self._find.first(connection, {})
        found, upgrading = row or (None, 0)
        if found == self._known and not upgrading:
            return
        self._next_look = 0.0
        if found == self._known:
            raise StoreBusy("The schema of the database is being upgraded.")
        raise StoreBusy(
            f"The database has schema {found} by now, and this server knows {self._known}: start"
            " the sharedbooks that goes with it."
        )
