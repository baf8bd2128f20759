"""Migrations that were interrupted on MariaDB, and go on when they are run again.

MariaDB commits every change of the schema at once, so a migration that is killed in the middle
stays half done, while the database still says it has the schema before. Run again, it meets with
what is there already.
"""

import logging
from typing import Any

from alembic.ddl.mysql import MariaDBImpl
from sqlalchemy.exc import DBAPIError

_logger = logging.getLogger("sharedbooks.db.upgrade")

# a table, column, key or constraint that is there; one to be dropped that is not
_DONE = {1050, 1060, 1061, 1826, 1051, 1091}


class ResumingMariaDB(MariaDBImpl):
    """Takes a change of the schema that was made already for done."""

    __dialect__ = "mariadb"

    def _exec(self, *args: Any, **options: Any) -> Any:
        try:
            return super()._exec(*args, **options)
        except DBAPIError as error:
            number = error.orig.args[0] if error.orig is not None and error.orig.args else None
            if number not in _DONE:
                raise
            _logger.info("Done before an interruption: %s", error.orig)
            return None
