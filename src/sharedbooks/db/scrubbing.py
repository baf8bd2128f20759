"""Making the database file forget what was deleted from it.

SQLite keeps deleted octets in the file until something else takes their place. PostgreSQL and
MariaDB do too; there it takes their own commands, run by their administrator.
"""

import time
from typing import Any

from sharedbooks.db.engine import Database
from sharedbooks.db.search_index import merge_texts

_PATIENCE = 10.0
_PAUSE = 0.2


def can_scrub(database: Database) -> bool:
    """Tell whether ``scrub_file`` does anything for this kind of database."""
    return database.dialect == "sqlite"


def scrub_file(database: Database) -> bool:
    """Rewrite a SQLite file without what was deleted, its search index and its log too.

    Takes as long as copying the file, and as much room; others can read meanwhile.

    Returns:
        False if somebody was reading for so long that the log still holds the old pages: it should
        be tried again when the server is less busy.

    Raises:
        StoreBusy: somebody was writing for too long.
    """
    with database.write() as connection:
        merge_texts(connection)
    return database.run_outside_transactions(_rewrite)


def _rewrite(driver: Any) -> bool:
    # The new file is made in a temporary one, which our connections would keep in memory.
    driver.execute("PRAGMA temp_store = FILE")
    try:
        driver.execute("VACUUM")
    finally:
        driver.execute("PRAGMA temp_store = MEMORY")
    deadline = time.monotonic() + _PATIENCE
    while True:
        busy, *_ = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy or time.monotonic() > deadline:
            return not busy
        time.sleep(_PAUSE)
