"""Keeping SQLite's write-ahead log short while there is always somebody who reads.

SQLite begins its log anew only when a commit finds nobody reading from it. Where clients sync all
day that may never happen, and the file grows for as long.
"""

import logging
import os
import sqlite3
import time

_logger = logging.getLogger(__name__)

LIMIT = 32 * 2**20
"""Octets from which on a moment without readers is waited for."""

_WAIT = 0.5
"""Seconds that writers bear with that: most readers are done within a fraction of it."""
_PAUSE = 1.0
_LONGEST_PAUSE = 60.0
"""Seconds until the next attempt after one that a long reader, such as a backup, was in the way
of; doubled each time."""


class WriteAheadLog:
    """The log of one SQLite file, as one process looks after it.

    Args:
        database: the file; None for one in memory, which has no log.
    """

    def __init__(self, database: str | None) -> None:
        self._path = f"{database}-wal" if database else None
        self._not_before = 0.0
        self._pause = _PAUSE

    def shorten(self, driver: sqlite3.Connection) -> None:
        """Empty the log if it is long; called after a commit, which stands whatever comes of it.

        Args:
            driver: the writing connection, in no transaction. SQLite itself waits for nobody on it.
        """
        if self._path is None or time.monotonic() < self._not_before or self._size() < LIMIT:
            return
        try:
            driver.execute(f"PRAGMA busy_timeout = {int(_WAIT * 1000)}")
            try:
                busy, frames, _ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                driver.execute("PRAGMA busy_timeout = 0")
        except sqlite3.Error as error:
            busy, frames = 1, 0
            _logger.debug("the write-ahead log was not shortened: %s", error)
        if not busy:
            self._pause = _PAUSE
            return
        self._not_before = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)
        _logger.debug("the write-ahead log stays at %d frames: somebody reads it", frames)

    def _size(self) -> int:
        try:
            # Every commit asks: a Path would take ten times as long.
            return os.stat(self._path).st_size if self._path else 0  # noqa: PTH116
        except FileNotFoundError:
            return 0
