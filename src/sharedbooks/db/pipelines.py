"""Several statements sent in one go, where each would be a journey to the database's server."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection

from sharedbooks.db.failures import wrapped


@contextmanager
def pipelined(connection: Connection) -> Iterator[None]:
    """Let PostgreSQL work while the next statements of the block are on their way.

    Only for ``Prepared`` statements. One whose rows are asked for waits for all before it; how many
    rows ``run`` has met is not known inside the block.

    Raises:
        DBAPIError: a statement of the block failed; at its end at the latest.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    driver: Any = connection.connection.dbapi_connection
    try:
        with driver.pipeline():
            yield
    except connection.dialect.loaded_dbapi.Error as error:
        raise wrapped(connection, error, "") from error
