"""Measure the memory of ``sharedbooks serve``: at rest, with idle phones, and while whole books go.

A worker is started anew before each download, so that no peak hides behind an earlier one.
"""

import argparse
import asyncio
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

from benchmarks.client import Client
from benchmarks.measuring import Meter
from benchmarks.operations import WHOLE_BOOK, Site, bind, poll
from benchmarks.servers import Sharedbooks, SharedbooksOnPostgres

_IDLE_CONNECTIONS = 200
_PAUSE = 0.02
_MIB = 1024 * 1024


class _Watch:
    """Looks at the memory of processes again and again, in a thread; a ``with`` block ends it."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self.largest = 0
        """Most octets (RSS) that a single process had."""
        self.together = 0
        """Most octets (PSS) that all had together."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while True:
            self.largest = max(self.largest, *self._meter.resident().values())
            self.together = max(self.together, sum(self._meter.memory().values()))
            if self._done.wait(_PAUSE):
                return


async def _watched(meter: Meter, work: Callable[[], Awaitable[str | None]]) -> str:
    """Do ``work`` and describe the peaks meanwhile."""
    with _Watch(meter) as watch:
        start = time.perf_counter()
        complaint = await work()
        seconds = time.perf_counter() - start
    what = f"{watch.largest / _MIB:.0f} | {watch.together / _MIB:.0f} | {seconds:.1f}"
    return f"{what} {complaint or ''}".rstrip()


async def _connect_phones(site: Site) -> str | None:
    """Poll once on each of 200 connections and keep them for two seconds."""
    phones = [Client(site.address) for _ in range(_IDLE_CONNECTIONS)]
    await asyncio.gather(*(poll(phone, site) for phone in phones))
    await asyncio.sleep(2)
    for phone in phones:
        phone.close()
    return None


async def _measure(server: Sharedbooks, total: int) -> None:
    print(f"| {server.name}, {total:,} cards | largest process, MiB RSS | all, MiB PSS | s |")
    print("| --- | ---: | ---: | ---: |", flush=True)
    site = await server.load(total)
    client = Client(site.address)
    jobs: dict[str, Callable[[], Awaitable[str | None]]] = {
        "after the first polls": lambda: _first_polls(client, site),
        f"{_IDLE_CONNECTIONS} connections": lambda: _connect_phones(site),
        **{operation.name: bind(operation, client, site) for operation in WHOLE_BOOK},
    }
    for name, job in jobs.items():
        await asyncio.to_thread(_restart, server)
        client.close()
        print(f"| {name} | {await _watched(server.meter, job)} |", flush=True)


async def _first_polls(client: Client, site: Site) -> str | None:
    for _ in range(10):
        await poll(client, site)
    return None


def _restart(server: Sharedbooks) -> None:
    server.daemon.stop()
    server.serve()


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--cards", type=int, default=50_000)
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    parser.add_argument("--checkout", type=Path, default=Path(__file__).parents[1])
    arguments = parser.parse_args()
    kind = SharedbooksOnPostgres if arguments.postgresql else Sharedbooks
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        server = kind(Path(name), arguments.checkout.absolute())
        try:
            server.start()
            asyncio.run(_measure(server, arguments.cards))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
