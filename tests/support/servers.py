"""Throw-away PostgreSQL and MariaDB servers, made from the Debian packages' programs."""

import os
import pwd
import secrets
import shutil
import signal
import socket
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, Self
from urllib.parse import quote

import psycopg
import pymysql
from pymysql.cursors import Cursor

from tests.support.daemon import Daemon, run_as
from tests.support.network import LOOPBACK, free_port

_PLACE = "/tmp"  # noqa: S108 - with a folder that nobody else may open

_OWNER = "sharedbooks"
"""The account of ``url()``: it owns the databases and has no rights beyond them."""

_MARIADB_OWNER = f"'{_OWNER}'@'{LOOPBACK}'"


class DatabaseServer(ABC):
    """A database server of our own in a folder of its own, gone after ``close()``.

    Args:
        durable: commits survive a crash of the server and of the machine. Ordinary tests do
            without: it makes them several times faster.
        parent: where its folder is made; a short path, since there are sockets in it.
        port: where it listens; None for a free one.
    """

    package: str
    account: str
    stop_signal = signal.SIGTERM

    def __init__(
        self, *, durable: bool = False, port: int | None = None, parent: Path | None = None
    ) -> None:
        self._program = self._find_program()
        # The server refuses to run as root, so then it gets its package's account.
        self._user = self.account if os.geteuid() == 0 else None
        self._password = secrets.token_hex()
        self.port = port or free_port()
        # A unix socket's path must be short, and TMPDIR may be closed to the server's account.
        self._folder = Path(tempfile.mkdtemp(prefix="sharedbooks-", dir=parent or _PLACE))
        if self._user:
            shutil.chown(self._folder, self._user)
        self._daemon = Daemon(
            self._command(durable), self._folder, user=self._user, stop_signal=self.stop_signal
        )
        try:
            self._initialise()
            self.restart()
            self._create_owner()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """What the server has written to its log."""
        return self._daemon.log

    @property
    def running(self) -> bool:
        """Whether the server's main process lives."""
        return self._daemon.running

    @abstractmethod
    def url(self, database: str) -> str:
        """Return the SQLAlchemy URL of ``database``, over TCP, with its owner's password."""

    @abstractmethod
    def create_database(self, name: str) -> None:
        """Create a database without tables."""

    @abstractmethod
    def drop_database(self, name: str) -> None:
        """Drop a database, with the connections to it."""

    def stop(self) -> None:
        """End the server in order; the data stays for ``restart()``."""
        code = self._daemon.stop()
        assert code == 0, f"exit code {code}\n{self.log}"

    def kill(self) -> None:
        """End all processes of the server by SIGKILL; the data stays for ``restart()``."""
        self._daemon.kill()

    def suspend(self) -> None:
        """Make the server hang (SIGSTOP): it keeps its connections and answers nothing."""
        self._daemon.suspend()

    def resume(self) -> None:
        """Let a hanging server go on."""
        self._daemon.resume()

    def restart(self) -> None:
        """Stop the server if it runs, and start it on its old data and port."""
        if self._daemon.running:
            self.stop()
        self._daemon.start(self._answers)

    def close(self) -> None:
        """End the server and delete its data."""
        try:
            if self._daemon.running:
                self.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @abstractmethod
    def _find_program(self) -> Path:
        """Return the server program, or raise with a sentence on how to install it."""

    @abstractmethod
    def _initialise(self) -> None:
        """Make the data folder."""

    @abstractmethod
    def _command(self, durable: bool) -> list[str | Path]:  # noqa: FBT001
        """Return the server's command line."""

    @abstractmethod
    def _answers(self) -> bool:
        """Return whether the server takes connections."""

    @abstractmethod
    def _create_owner(self) -> None:
        """Create the account of ``url()``."""


class PostgresServer(DatabaseServer):
    """A PostgreSQL server: the newest version installed, UTF-8, comparing by code point."""

    package = "postgresql"
    account = "postgres"
    stop_signal = signal.SIGINT  # "fast": SIGTERM would wait for every client to leave

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{_OWNER}:{self._password}@{LOOPBACK}:{self.port}/{database}"

    def socket_url(self, database: str) -> str:
        """Return the URL of a database for programs on this machine, who need no password."""
        place = f"host={quote(str(self._folder))}&port={self.port}"
        return f"postgresql+psycopg://{_OWNER}@/{database}?{place}"

    def create_database(self, name: str, *, template: str = "template1") -> None:
        """Create a database, a copy of ``template``, which nobody may be connected to."""
        self._execute(f'CREATE DATABASE "{name}" OWNER {_OWNER} TEMPLATE "{template}"')

    def drop_database(self, name: str) -> None:
        self._execute(f'DROP DATABASE "{name}" WITH (FORCE)')

    def connect(self, database: str) -> psycopg.Connection:
        """Open a connection that may do everything, every statement committed at once."""
        return psycopg.connect(
            host=str(self._folder), port=self.port, user="admin", dbname=database, autocommit=True
        )

    def _find_program(self) -> Path:
        found = Path("/usr/lib/postgresql").glob("*/bin/postgres")
        newest = max(found, key=lambda path: int(path.parts[4]), default=None)
        return newest or missing("PostgreSQL", self.package)

    def _initialise(self) -> None:
        options = ["--no-sync", "--username=admin", "--encoding=UTF8", "--locale=C.UTF-8"]
        # Who can reach the socket, in a folder closed to others, may do everything.
        options += ["--auth-local=trust", "--auth-host=scram-sha-256"]
        initdb = self._program.with_name("initdb")
        run_as(self._user, [initdb, *options, "--pgdata", self._folder / "data"], self._folder)

    def _command(self, durable: bool) -> list[str | Path]:  # noqa: FBT001
        settings = {
            "port": self.port,
            "listen_addresses": LOOPBACK,
            "unix_socket_directories": self._folder,
        }
        if not durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [self._program, "-D", self._folder / "data", *options]

    def _answers(self) -> bool:
        try:
            self._execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _create_owner(self) -> None:
        self._execute(f"CREATE ROLE {_OWNER} LOGIN PASSWORD '{self._password}'")

    def _execute(self, statement: str) -> None:
        with self.connect("postgres") as connection:
            connection.execute(statement.encode())


class MariaDbServer(DatabaseServer):
    """A MariaDB server as Debian sets it up: the program's defaults, and utf8mb4."""

    package = "mariadb-server"
    account = "mysql"

    def url(self, database: str) -> str:
        # PyMySQL reads all of the machine's TLS authorities for every connection, unless told.
        options = "charset=utf8mb4&ssl_disabled=true"
        address = f"{_OWNER}:{self._password}@{LOOPBACK}:{self.port}"
        return f"mariadb+pymysql://{address}/{database}?{options}"

    def create_database(self, name: str) -> None:
        with self.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE `{name}`")
            cursor.execute(f"GRANT ALL ON `{name}`.* TO {_MARIADB_OWNER}")

    def drop_database(self, name: str) -> None:
        with self.cursor() as cursor:
            disconnect(cursor, name)
            cursor.execute(f"DROP DATABASE `{name}`")

    @contextmanager
    def cursor(self) -> Iterator[Cursor]:
        """Open a connection that may do everything, every statement committed at once."""
        connection = pymysql.connect(
            user=pwd.getpwuid(os.geteuid()).pw_name,
            unix_socket=str(self._folder / "socket"),
            autocommit=True,
            ssl_disabled=True,
        )
        with connection, connection.cursor() as cursor:
            yield cursor

    def _find_program(self) -> Path:
        program = Path("/usr/sbin/mariadbd")
        return program if program.exists() else missing("MariaDB", self.package)

    def _initialise(self) -> None:
        # The account that the tests run as may do everything, through the socket alone.
        me = pwd.getpwuid(os.geteuid()).pw_name
        options = ["--auth-root-authentication-method=socket", f"--auth-root-socket-user={me}"]
        install = ["mariadb-install-db", "--no-defaults", "--skip-test-db", *options]
        places = [f"--datadir={self._folder / 'data'}", f"--tmpdir={self._folder}"]
        run_as(self._user, [*install, *places], self._folder)

    def _command(self, durable: bool) -> list[str | Path]:  # noqa: FBT001
        options = [
            f"--datadir={self._folder / 'data'}",
            # One that starts clears away what others have in the same place.
            f"--tmpdir={self._folder}",
            f"--socket={self._folder / 'socket'}",
            f"--pid-file={self._folder / 'pid'}",
            f"--bind-address={LOOPBACK}",
            f"--port={self.port}",
            "--skip-name-resolve",
            "--character-set-server=utf8mb4",
        ]
        if not durable:
            options += ["--innodb-flush-log-at-trx-commit=2", "--innodb-flush-method=nosync"]
        # Without the machine's own configuration, which may say anything.
        return [self._program, "--no-defaults", *options]

    def _answers(self) -> bool:
        # Asked too early, PyMySQL would leave its socket open.
        with socket.socket(socket.AF_UNIX) as probe:
            if probe.connect_ex(str(self._folder / "socket")) != 0:
                return False
        with self.cursor():
            return True

    def _create_owner(self) -> None:
        with self.cursor() as cursor:
            cursor.execute(f"CREATE USER {_MARIADB_OWNER} IDENTIFIED BY '{self._password}'")


def disconnect(cursor: Cursor, database: str) -> None:
    """End every connection to a MariaDB ``database``, with its locks and transactions."""
    cursor.execute("SELECT id FROM information_schema.processlist WHERE db = %s", [database])
    for (number,) in cursor.fetchall():
        with suppress(pymysql.OperationalError):  # gone by itself
            cursor.execute(f"KILL {number}")


def missing(product: str, package: str) -> NoReturn:
    """Say how to install what is not there."""
    raise RuntimeError(
        f"{product} is not installed, and these tests start one: run 'make test', or as root"
        f" 'apt-get install --yes --no-install-recommends {package}'; or leave it out with"
        " 'pytest --databases sqlite'."
    )
