"""Three nodes behind nginx."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.http.world import World
from tests.support.nginx import Nginx
from tests.support.process import RunningServer


@dataclass
class Site:
    """Nodes that serve one database, and a world whose clients go through nginx."""

    nodes: list[RunningServer]
    nginx: Nginx
    database: Database
    world: World


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
            nodes.append(stack.enter_context(RunningServer(place, url)))
        place = folder / "nginx"
        place.mkdir()
        nginx = stack.enter_context(Nginx(place, [node.port for node in nodes]))
        world = stack.enter_context(World(database, nginx.port))
        yield Site(nodes, nginx, database, world)
