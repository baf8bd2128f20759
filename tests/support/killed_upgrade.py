"""An upgrade that kills itself after so many changes: ``killed_upgrade URL CHANGES``."""

import os
import signal
import sys
from contextlib import closing
from typing import Any

from sqlalchemy import Engine, event

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema

_READING = ("SELECT", "PRAGMA", "SHOW", "SET", "BEGIN", "SAVEPOINT", "RELEASE")


def upgrade_until_killed(url: str, changes: int) -> None:
    """Upgrade the database at ``url``; die after that many statements that changed something."""
    left = changes

    def count(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        nonlocal left
        left -= not statement.lstrip().upper().startswith(_READING)
        if left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "after_cursor_execute", count)
    with closing(Database(url)) as database:
        upgrade_schema(database)


if __name__ == "__main__":
    upgrade_until_killed(sys.argv[1], int(sys.argv[2]))
