"""Which keys a source has had so far, kept in a temporary file and not in memory."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from typing import NamedTuple


class Sighting(NamedTuple):
    """Where a key was met, and the hash of what stood there."""

    place: str
    content_hash: str


class Seen:
    """The keys met in one run over one source."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def find(self, key: str) -> Sighting | None:
        """Return where ``key`` was met before, or None."""
        row = self._connection.execute(
            "SELECT place, content_hash FROM seen WHERE row_key = ?", (key,)
        ).fetchone()
        return None if row is None else Sighting(*row)

    def add(self, key: str, sighting: Sighting) -> None:
        """Note that ``key`` was met."""
        with suppress(sqlite3.IntegrityError):  # the first place counts
            self._connection.execute("INSERT INTO seen VALUES (?, ?, ?)", (key, *sighting))


@contextmanager
def remembering_keys() -> Iterator[Seen]:
    """Keep the keys of a run for as long as the block lasts."""
    # A database without a name is a temporary file of SQLite's, which it deletes by itself.
    connection = sqlite3.connect("", isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("BEGIN")
        connection.execute(
            "CREATE TABLE seen (row_key TEXT PRIMARY KEY, place TEXT, content_hash TEXT)"
            " WITHOUT ROWID"
        )
        yield Seen(connection)
    finally:
        connection.close()


def key_hash(key: str) -> str:
    """Return the hash by which a key is remembered: 32 hex digits."""
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
