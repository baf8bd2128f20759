"""Which of several hosts a connection goes to.

They are tried in order for every new connection. Of PostgreSQL's the one that can be written is
taken, so that a standby is passed over until it is promoted; of a Galera cluster's the first that
belongs to the part of it with the majority.
"""

from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL

from sharedbooks.config.database_url import several_hosts
from sharedbooks.db.failures import CUT_OFF

_MARIADB_PORT = 3306

# SELECT and SHOW, UPDATE and DELETE, INSERT and REPLACE; in a transaction only the first waits.
_WAIT_FOR_CLUSTER = "SET SESSION wsrep_sync_wait = 7"


def postgresql_hosts(url: URL) -> tuple[URL, dict[str, str]]:
    """Return ``url`` without several hosts, and the arguments that tell psycopg about them."""
    hosts = several_hosts(url)
    if not hosts:
        return url, {}
    arguments = {
        "host": ",".join(host.name for host in hosts),
        "port": ",".join(str(host.port or "") for host in hosts),
        # "read-write" would pass over every server for reading sessions, which are read-only by
        # their own setting.
        "target_session_attrs": "primary",
    }
    return url.difference_update_query(["host", "target_session_attrs"]), arguments


def mariadb_hosts(engine: Engine, url: URL) -> None:
    """Have ``engine`` connect to the first of several hosts that serves, and prepare the session.

    On a node of a Galera cluster it sees all that was committed on any node before its
    transaction began: without that, a node may be a moment behind.
    """
    several = [
        {"host": host.name, "port": host.port or _MARIADB_PORT} for host in several_hosts(url)
    ]

    def connect(dialect: Any, _record: object, _args: object, arguments: dict[str, Any]) -> Any:
        driver = dialect.loaded_dbapi
        failure: Exception | None = None
        for where in several or [{}]:
            try:
                connection = driver.connect(**{**arguments, **where})
                with connection.cursor() as cursor:
                    _prepare(cursor, driver)
            except driver.OperationalError as error:
                failure = error
            else:
                return connection
        assert failure is not None  # noqa: S101 - there is one host at least
        raise failure

    event.listen(engine, "do_connect", connect)


def agreed_order(url: URL) -> URL:
    """Return ``url`` with its hosts in an order that is the same for all who name the same ones."""
    named = url.query.get("host", ())
    if isinstance(named, str):
        return url
    return url.update_query_dict({"host": sorted(named)})


def _prepare(cursor: Any, driver: Any) -> None:
    cursor.execute("SELECT @@wsrep_on")
    [(in_cluster,)] = cursor.fetchall()
    if not in_cluster:
        return
    # Of a node that is cut off these two statements are answered all the same.
    cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
    [(_, ready)] = cursor.fetchall()
    if ready != "ON":
        cursor.connection.close()
        raise driver.OperationalError(CUT_OFF, "This node is cut off from its cluster")
    cursor.execute(_WAIT_FOR_CLUSTER)
