"""Let 1,000 phones of all kinds use a server for an hour; check all they see, and that it is flat.

Writes what was measured as FILE.json and FILE.md, prints the latter, and ends with status 1 if a
phone saw anything wrong or the server holds more in the end than before.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from sqlalchemy import text

from benchmarks.measuring import Meter
from benchmarks.soak.office import Office, Size
from benchmarks.soak.report import Progress, document, markdown
from benchmarks.soak.run import Plan, Soak
from benchmarks.soak.watching import Watch, file_sizes
from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.support.process import RunningServer
from tests.support.servers import PostgresServer

_NAME = "soak"


@dataclass(frozen=True, slots=True)
class Store:
    """An empty database, and what tells its size."""

    database: Database
    url: str
    sizes: Callable[[], dict[str, int]]


@contextmanager
def _sqlite(folder: Path) -> Iterator[Store]:
    file = folder / "sharedbooks.db"
    url = f"sqlite:///{file}"
    with closing(Database(url)) as database:
        yield Store(database, url, file_sizes(file))


@contextmanager
def _postgresql(_folder: Path) -> Iterator[Store]:
    with PostgresServer(durable=True) as server:
        server.create_database(_NAME)
        url = server.url(_NAME)
        with closing(Database(url)) as database:

            def sizes() -> dict[str, int]:
                query = text("SELECT pg_database_size(current_database())")
                return {"database": database.run_read(lambda c: int(c.execute(query).scalar_one()))}

            yield Store(database, url, sizes)


_STORES = {"sqlite": _sqlite, "postgresql": _postgresql}


def soak(plan: Plan, store: Store, folder: Path, progress: Progress) -> Soak:
    """Make the organisation in an empty database, serve it, and let the phones loose on it."""
    upgrade_schema(store.database)
    office = Office(plan.size)
    office.make(store.database)
    with RunningServer(folder, store.url, {"server.workers": 2}) as server:
        watch = Watch(Meter([server.pid]), store.sizes)
        done = Soak(plan, server, office, store.database, watch)
        asyncio.run(done.run(folder, progress.show))
    return done


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.soak", description=__doc__.partition("\n\n")[0]
    )
    plan, size = Plan(), Size()
    add = parser.add_argument
    add("--minutes", type=float, default=plan.seconds / 60)
    add("--rate", type=float, default=plan.rate, help="requests a second of all phones together")
    add("--phones", type=int, default=size.phones)
    add("--users", type=int, default=size.users)
    add("--books", type=int, default=size.books, help="shared ones")
    add("--cards", type=int, default=size.cards, help="in all shared books together")
    add("--own-cards", type=int, default=size.own_cards, help="in each personal book")
    add("--checkpoints", type=int, default=plan.checkpoints, help="times all copies are compared")
    add("--database", choices=list(_STORES), default="sqlite")
    add("--output", type=Path, default=Path(_NAME), help="FILE.json and FILE.md are written")
    return parser.parse_args()


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Do what the arguments say."""
    # Ended otherwise, it would leave its folder behind.
    signal.signal(signal.SIGTERM, _interrupt)
    arguments = _arguments()
    plan = Plan(
        Size(
            arguments.phones,
            arguments.users,
            arguments.books,
            arguments.cards,
            arguments.own_cards,
        ),
        seconds=arguments.minutes * 60,
        rate=arguments.rate,
        checkpoints=arguments.checkpoints,
    )
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        store = stack.enter_context(_STORES[arguments.database](folder))
        progress = stack.enter_context(Progress())
        done = soak(plan, store, folder, progress)
    arguments.output.with_suffix(".json").write_text(json.dumps(document(done), indent=1))
    tables = markdown(done)
    arguments.output.with_suffix(".md").write_text(tables)
    print(tables)
    sys.exit(0 if done.good else 1)


if __name__ == "__main__":
    main()
