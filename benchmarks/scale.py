"""What a person, a grant and a card cost, and whether requests cost more where there are many.

Two servers of the same kind run at the same time, one with few people and cards and one with many.
A round visits every operation, and for each of them one server after the other. The book that is
asked has 1,000 cards on both, and the home 7 books.
"""

import argparse
import asyncio
import os
import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import Client
from benchmarks.measuring import Figures, Meter, Sample, closed_loop, summarise
from benchmarks.operations import OPERATIONS, Operation, Site, bind, make_one_change
from benchmarks.population import ORDER, Population
from benchmarks.series import say
from benchmarks.servers import Sharedbooks, SharedbooksOnPostgres
from sharedbooks.db.engine import Database

_BOOK = 1000
_OPERATIONS = (
    "poll: sync-token",
    "home: PROPFIND 1",
    "sync, nothing new",
    "sync, one change",
    "query, ~10 hits",
    "GET, one card",
    "PUT, changed",
)


@dataclass
class Place:
    """A server with its population, and what was measured on it."""

    server: Sharedbooks
    population: Population
    growth: dict[str, float] = field(default_factory=dict)
    samples: dict[str, list[Sample]] = field(default_factory=dict)

    def fill(self) -> None:
        """Bring the population in, and note what each kind of row has cost."""
        with closing(Database(self.server.database_url)) as database:
            before = _octets(database)
            for kind in ORDER:
                count = self.population.add(database, kind)
                after = _octets(database)
                self.growth[kind] = (after - before) / count
                say(f"{count} {kind}: {after - before} octets, {self.growth[kind]:.0f} each")
                before = after

    def figures(self, operation: str) -> Figures:
        """Return what the rounds of an operation say together."""
        figures = summarise(self.samples[operation])
        assert figures is not None, self.samples[operation][-1].complaint
        return figures


def _octets(database: Database) -> int:
    """Return how large the database is, after what is done from time to time has been done."""
    if database.dialect == "sqlite":
        database.run_outside_transactions(lambda c: c.execute("PRAGMA wal_checkpoint(TRUNCATE)"))
        return Path(str(database.url.database)).stat().st_size
    statement = "SELECT pg_database_size(current_database())"
    return database.run_read(lambda c: int(c.exec_driver_sql(statement).scalar() or 0))


async def _measure(places: list[Place], rounds: int, seconds: float) -> None:
    operations = [each for each in OPERATIONS if each.name in _OPERATIONS]
    sites = [await place.server.load(_BOOK) for place in places]
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}, load {os.getloadavg()[0]:.1f}")
        for site in sites:
            client = Client(site.address)
            await make_one_change(client, site)
            client.close()
        for operation in operations:
            for place, site in zip(places, sites, strict=True):
                sample = await _sample(operation, site, place.server.meter, seconds)
                place.samples.setdefault(operation.name, []).append(sample)


async def _sample(operation: Operation, site: Site, meter: Meter, seconds: float) -> Sample:
    client = Client(site.address)
    work = [bind(operation, client, site)]
    await closed_loop(meter, 0, work)
    sample = await closed_loop(meter, seconds, work)
    client.close()
    return sample


def _tables(places: list[Place]) -> str:
    lines = [
        "| | " + " | ".join(place.population.title for place in places) + " |",
        "| --- |" + " --- |" * len(places),
    ]
    for kind in ORDER:
        cells = [f"{place.growth[kind]:,.0f}" for place in places]
        lines.append(f"| octets a row: {kind} | {' | '.join(cells)} |")
    for name in places[0].samples:
        cells = []
        for place in places:
            figures = place.figures(name)
            cells.append(f"{figures.median:.2f} ms, CPU {figures.cpu:.2f} ms")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    add = parser.add_argument
    add("--database", choices=["sqlite", "postgresql"], default="postgresql")
    add("--users", type=int, nargs=2, default=[500, 10_000], metavar=("FEW", "MANY"))
    add("--cards", type=int, nargs=2, default=[10_000, 300_000], metavar=("FEW", "MANY"))
    add("--rounds", type=int, default=5)
    add("--seconds", type=float, default=1.0, help="of an operation on a server in a round")
    return parser.parse_args()


def main() -> None:
    """Fill both, measure, print the tables."""
    arguments = _arguments()
    make = Sharedbooks if arguments.database == "sqlite" else SharedbooksOnPostgres
    with tempfile.TemporaryDirectory(prefix="scale-") as name, ExitStack() as stack:
        places = []
        for users, cards in zip(arguments.users, arguments.cards, strict=True):
            folder = Path(name) / f"{cards}"
            folder.mkdir()
            server = make(folder, Path(__file__).parents[1])
            stack.callback(server.stop)
            server.start()
            places.append(Place(server, Population(users, cards)))
        for place in places:
            place.fill()
        asyncio.run(_measure(places, arguments.rounds, arguments.seconds))
        print(_tables(places))


if __name__ == "__main__":
    main()
