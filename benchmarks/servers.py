"""What every measured server has in common, and sharedbooks itself on two databases."""

import asyncio
import json
import os
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from benchmarks.client import Address, Client, NoAnswer
from benchmarks.corpus import make_book, make_card
from benchmarks.measuring import Meter
from benchmarks.operations import Site, file_name, learn, put
from tests.support.daemon import Daemon
from tests.support.network import free_port
from tests.support.servers import PostgresServer

USER = "bench"
WORKERS = 2
_LOADERS = 8


class Server(ABC):
    """A CardDAV server with its data in a folder.

    Args:
        folder: an empty folder.
    """

    name: str
    largest = 10_000
    """Most cards that can be brought in within minutes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.load_seconds: dict[int, float] = {}
        self.daemon: Daemon

    @property
    def address(self) -> Address:
        """Where it listens."""
        return Address(self.port, USER, USER)

    @property
    def meter(self) -> Meter:
        """Of its processes."""
        return Meter([self.daemon.pid])

    @abstractmethod
    def start(self) -> None:
        """Start it and return when it answers."""

    @abstractmethod
    async def fill(self, client: Client, total: int) -> str:
        """Make a book of ``total`` cards and return its path."""

    async def load(self, total: int) -> Site:
        """Make a book of ``total`` cards, note how long that took, and look at it."""
        client = Client(self.address)
        start = time.perf_counter()
        path = await self.fill(client, total)
        self.load_seconds.setdefault(total, time.perf_counter() - start)
        site = Site(self.name, self.address, path, total)
        await learn(client, site)
        client.close()
        return site

    def stop(self) -> None:
        """End its processes."""
        with suppress(AssertionError, AttributeError):
            self.daemon.stop()

    def run(self, command: list[str]) -> None:
        """Start ``command`` in the background and wait until it answers over HTTP."""
        self.daemon = Daemon(command, self.folder)
        self.daemon.start(lambda: asyncio.run(self._answers()))

    async def _answers(self) -> bool:
        try:
            await Client(self.address).request("OPTIONS", "/")
        except NoAnswer:
            return False
        return True


async def fill_by_put(address: Address, path: str, total: int) -> None:
    """Put each card by itself, with 8 clients.

    Raises:
        RuntimeError: the server refuses one.
    """
    numbers = iter(range(total))

    async def load() -> None:
        client = Client(address)
        for number in numbers:
            reply = await put(client, path + file_name(number), make_card(number, total))
            if reply.status >= 300:
                raise RuntimeError(f"{path}: {reply.status} {reply.body[:200]!r}")
        client.close()

    async with asyncio.TaskGroup() as group:
        for _ in range(_LOADERS):
            group.create_task(load())


class Sharedbooks(Server):
    """``sharedbooks serve`` of a checkout, as delivered, on SQLite.

    Args:
        folder: an empty folder.
        checkout: of the project.
    """

    name = "sharedbooks, SQLite"
    largest = 1_000_000

    def __init__(self, folder: Path, checkout: Path) -> None:
        super().__init__(folder)
        self.database_url = f"sqlite:///{folder / 'sharedbooks.db'}"
        self._password = ""
        places = (str(checkout / "src"), str(checkout / "plugins"))
        self._environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}

    @property
    def address(self) -> Address:
        return Address(self.port, USER, self._password)

    def start(self) -> None:
        config = self.folder / "sharedbooks.toml"
        config.write_text(
            f"[server]\nport = {self.port}\nworkers = {WORKERS}\n"
            f'[database]\nurl = "{self.database_url}"\n'
        )
        self.command("db", "upgrade")
        self.command("user", "add", USER, "--display-name", "Bench")
        added = json.loads(self.command("--json", "device", "add", USER, "phone"))
        self._password = added["password"]
        self.serve()

    def serve(self) -> None:
        """Start the server on the data there is."""
        environment = [f"PYTHONPATH={self._environment['PYTHONPATH']}"]
        self.run(["env", *environment, *self._program(), "serve"])

    def command(self, *arguments: str) -> str:
        """Run a command and return what it printed.

        Raises:
            RuntimeError: it failed.
        """
        done = subprocess.run(
            [*self._program(), *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"sharedbooks {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    async def fill(self, client: Client, total: int) -> str:  # noqa: ARG002 - a command does it
        book, file = f"book{total}", self.folder / f"{total}.vcf"
        self.command("book", "add", book, "--display-name", f"{total} cards")
        self.command("grant", "add", book, f"user:{USER}", "write")
        await asyncio.to_thread(file.write_bytes, make_book(total))
        start = time.perf_counter()
        await asyncio.to_thread(self.command, "import", book, str(file))
        self.load_seconds[total] = time.perf_counter() - start
        return f"/{USER}/{book}/"

    def _program(self) -> list[str]:
        return [sys.executable, "-m", "sharedbooks.cli", "--config", "sharedbooks.toml"]


class SharedbooksOnPostgres(Sharedbooks):
    """The same on a PostgreSQL server of its own, as delivered, through its socket."""

    name = "sharedbooks, PostgreSQL"

    def start(self) -> None:
        self._postgres = PostgresServer(durable=True)
        self._postgres.create_database(USER)
        self.database_url = self._postgres.socket_url(USER)
        super().start()

    @property
    def meter(self) -> Meter:
        with self._postgres.connect("postgres") as connection:
            row = connection.execute("SELECT pg_backend_pid()").fetchone()
            # The process at the other end goes with the connection.
            backend = row[0] if row else 0
            parent = Path(f"/proc/{backend}/stat").read_text().rpartition(")")[2].split()[1]
        return Meter([self.daemon.pid, int(parent)])

    async def fill(self, client: Client, total: int) -> str:
        path = await super().fill(client, total)
        # Autovacuum would do it within a minute or two.
        with self._postgres.connect(USER) as connection:
            connection.execute("VACUUM ANALYZE")
        return path

    def stop(self) -> None:
        super().stop()
        self._postgres.close()
