"""A throw-away PostgreSQL server whose commits wait for a standby that could take its place."""

from typing import Self

from sharedbooks.config.database_url import DATABASE_URL
from tests.support.daemon import run_as
from tests.support.network import LOOPBACK, wait_for
from tests.support.servers import PostgresServer

_NAME = "sharedbooks_standby"


class PostgresStandby(PostgresServer):
    """A copy of ``primary`` that follows it.

    Args:
        primary: a running server.
        port: where it listens; None for a free one.
    """

    def __init__(self, primary: PostgresServer, *, port: int | None = None) -> None:
        self._primary = primary
        super().__init__(durable=True, port=port)

    def promote(self) -> None:
        """Make it a server that can be written, and return when it is one."""
        self._execute("SELECT pg_promote()")

    def _initialise(self) -> None:
        self._password = self._primary._password
        source = f"host={self._primary._folder} port={self._primary.port} user=admin"
        run_as(
            self._user,
            [
                self._program.with_name("pg_basebackup"),
                f"--dbname={source} application_name={_NAME}",
                f"--pgdata={self._folder / 'data'}",
                "--checkpoint=fast",
                "--no-sync",
                "--write-recovery-conf",
            ],
            self._folder,
        )

    def _create_owner(self) -> None:
        """Do nothing: the copy has it."""


class PostgresPair:
    """A primary and its standby; every commit waits for both. Gone after ``close()``."""

    def __init__(self) -> None:
        self._primary = PostgresServer(durable=True)
        try:
            self._follow()
        except BaseException:
            self._primary.close()
            raise
        self._ports = (self._primary.port, self._standby.port)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End both servers and delete their data."""
        try:
            self._primary.close()
        finally:
            self._standby.close()

    def create_database(self, name: str) -> str:
        """Create a database without tables; return its URL, which names both servers."""
        self._primary.create_database(name)
        url = self._primary.url(name)
        both = ",".join(f"{LOOPBACK}:{port}" for port in self._ports)
        return DATABASE_URL.read(url.replace(f"{LOOPBACK}:{self._primary.port}", both))

    def kill_primary(self) -> None:
        """End the primary at once, as a crash would."""
        self._primary.kill()

    def promote(self) -> None:
        """Make the standby the primary, with nobody following it."""
        self._standby.promote()
        self._primary, self._standby = self._standby, self._primary

    def follow(self) -> None:
        """Make a new standby of what was the primary, from a copy and on its port."""
        self._standby.close()
        self._follow(self._standby.port)

    def _follow(self, port: int | None = None) -> None:
        # Copied before the primary is told to wait for a standby, which the copy must not do: once
        # it is promoted, it has none.
        self._standby = PostgresStandby(self._primary, port=port)
        with self._primary.connect("postgres") as connection:
            connection.execute(f"ALTER SYSTEM SET synchronous_standby_names = {_NAME}".encode())
            connection.execute("SELECT pg_reload_conf()")
            state = "SELECT sync_state FROM pg_stat_replication"
            wait_for(lambda: connection.execute(state).fetchall() == [("sync",)], 30, "the standby")
