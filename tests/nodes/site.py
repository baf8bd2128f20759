"""Three nodes behind nginx."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.http.client import Answer, Client
from tests.http.world import World, fresh
from tests.support.nginx import Nginx
from tests.support.process import RunningServer

FAILURES = 5
"""Failed logins that the nodes allow, together."""


@dataclass
class Site:
    """Nodes that serve one database, and a world whose clients go through nginx."""

    nodes: list[RunningServer]
    nginx: Nginx
    database: Database
    world: World

    def __post_init__(self) -> None:
        self._open = ExitStack()

    def close(self) -> None:
        """Close the connections that were opened past nginx."""
        self._open.close()

    def connect(self, number: int, login: tuple[str, str]) -> Client:
        """Open a connection to a node, as from an address of its own."""
        client = Client(self.nodes[number].port, login, {"X-Forwarded-For": fresh_address()})
        return self._open.enter_context(client)

    def ask(self, number: int, login: tuple[str, str], address: str) -> Answer:
        """Return what a node says to a login, as from that address."""
        with Client(self.nodes[number].port, login, {"X-Forwarded-For": address}) as client:
            return client.propfind("/")


def fresh_address() -> str:
    """Return an address from which no login has failed."""
    return f"2001:db8:{fresh('a').removeprefix('a-')}::1"


@contextmanager
def site_of(folder: Path, urls: Sequence[str]) -> Iterator[Site]:
    """Serve a database without tables: one node for each URL, one worker each.

    Args:
        folder: for configurations and logs.
        urls: of the same database, as each node is to call it.
    """
    with ExitStack() as stack:
        database = stack.enter_context(closing(Database(urls[0])))
        upgrade_schema(database)
        nodes = []
        for number, url in enumerate(urls):
            place = folder / f"node{number}"
            place.mkdir()
            server = RunningServer(place, url, {"auth.throttle_failures": FAILURES})
            nodes.append(stack.enter_context(server))
        place = folder / "nginx"
        place.mkdir()
        nginx = stack.enter_context(Nginx(place, [node.port for node in nodes]))
        world = stack.enter_context(World(database, nginx.port))
        yield stack.enter_context(closing(Site(nodes, nginx, database, world)))
