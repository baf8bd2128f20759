"""Which of several hosts a connection goes to.

They are tried in order for every new connection. Of PostgreSQL's the one that can be written is
taken, so that a standby is passed over until it is promoted; of a Galera cluster's the first that
belongs to the part of it with the majority.
"""

import socket
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL

from sharedbooks.config.database_url import Host, several_hosts
from sharedbooks.db.failures import CUT_OFF

_MARIADB_PORT = 3306
_NO_CONNECTION = 2003
"""MariaDB's number for: there is no connection to the host."""

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
    several = several_hosts(url)

    def connect(dialect: Any, _record: object, _args: object, arguments: dict[str, Any]) -> Any:
        driver = dialect.loaded_dbapi
        if not several:
            return _prepared(driver, driver.connect(**arguments))
        failure: Exception | None = None
        for host in several:
            try:
                return _prepared(driver, _connect_to(driver, host, arguments))
            except driver.OperationalError as error:
                failure = error
        assert failure is not None  # noqa: S101 - there are several hosts
        raise failure

    event.listen(engine, "do_connect", connect)


def agreed_order(url: URL) -> URL:
    """Return ``url`` with its hosts in an order that is the same for all who name the same ones."""
    named = url.query.get("host", ())
    if isinstance(named, str) or not named:
        return url
    return url.update_query_dict({"host": sorted(named)})


def _connect_to(driver: Any, host: Host, arguments: dict[str, Any]) -> Any:
    port = host.port or _MARIADB_PORT
    where = {"host": host.name, "port": port, "defer_connect": True}
    connection = driver.connect(**{**arguments, **where})
    try:
        greeted = _greeted(host.name, port, arguments["connect_timeout"])
    except OSError as error:
        message = f"Can't connect to MariaDB server on {host.name}:{port} ({error})"
        raise driver.OperationalError(_NO_CONNECTION, message) from error
    connection.connect(greeted)
    return connection


def _greeted(name: str, port: int, seconds: float) -> socket.socket:
    """Return a connection to a server that has begun to speak within so many seconds.

    PyMySQL waits for that as long as for a statement, and so would not come to the next host where
    one takes connections and says nothing.
    """
    opened = socket.create_connection((name, port), seconds)
    try:
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        opened.recv(1, socket.MSG_PEEK)
    except BaseException:
        opened.close()
        raise
    return opened


def _prepared(driver: Any, connection: Any) -> Any:
    try:
        with connection.cursor() as cursor:
            _prepare(driver, cursor)
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(driver: Any, cursor: Any) -> None:
    cursor.execute("SELECT @@wsrep_on")
    [(in_cluster,)] = cursor.fetchall()
    if not in_cluster:
        return
    # A node that is cut off answers these two statements all the same.
    cursor.execute("SHOW STATUS LIKE 'wsrep_ready'")
    [(_, ready)] = cursor.fetchall()
    if ready != "ON":
        raise driver.OperationalError(CUT_OFF, "This node is cut off from its cluster")
    cursor.execute(_WAIT_FOR_CLUSTER)
