"""The measurements of several servers at one size of the book, in rounds that take turns."""

import sys
import time
from dataclasses import asdict, dataclass

from benchmarks.client import Client
from benchmarks.measuring import Meter, Sample, closed_loop, summarise
from benchmarks.operations import (
    OPERATIONS,
    POLL,
    PUT_CHANGED,
    WHOLE_BOOK,
    Operation,
    Site,
    bind,
    make_one_change,
)
from benchmarks.workloads import PHONES, WRITERS, run_phones, run_writers, run_writers_apart

KEPT = "200 phones, kept connections"
NEW = "200 phones, new connections"
SHARED = "8 writers on 20 cards"
APART = "8 writers, a book each"

_ONE_WILL_DO = 0.3
"""Seconds of a request after which it is not asked again, nor by eight clients at once."""

_NO_CROWD = {POLL.name: 20.0, PUT_CHANGED.name: 100.0}
"""Milliseconds of a request after which phones and writers are left out: they would time out."""


def say(text: str) -> None:
    """Tell how far it is."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure: rounds, seconds of each, and a part of the operations' names."""

    rounds: int
    seconds: float
    only: str = ""


class Series:
    """All servers at one size.

    Args:
        total: number of cards in the book.
        plan: how much to measure.
        places: the book on each server, with the meter of that server.
    """

    def __init__(self, total: int, plan: Plan, places: list[tuple[Site, Meter]]) -> None:
        self._total = total
        self._plan = plan
        self._places = places
        self._samples: dict[tuple[str, int, str], list[Sample]] = {}
        self._slow: dict[tuple[str, str], float] = {}
        self._broken: dict[tuple[str, str], str] = {}
        self._lost: dict[str, int] = {}

    async def measure_round(self) -> None:
        """Visit every operation, and for each of them every server."""
        for site, _ in self._places:
            client = Client(site.address)
            await make_one_change(client, site)
            client.close()
        for operation in (*OPERATIONS, *WHOLE_BOOK):
            if self._plan.only in operation.name:
                for site, meter in self._places:
                    await self._measure(operation, site, meter)
        for name, kept in ((KEPT, True), (NEW, False)):
            if self._plan.only in name:
                await self._measure_phones(name, kept=kept)
        if self._plan.only in SHARED:
            await self._measure_writers()
        if self._plan.only in APART:
            await self._measure_writers_apart()

    def rows(self) -> list[dict[str, object]]:
        """Return what was measured, one row an operation, number of clients and server."""
        rows: list[dict[str, object]] = []
        for (operation, clients, server), samples in self._samples.items():
            row = self._row(operation, clients, server)
            if operation == SHARED:
                row["lost"] = self._lost[server]
            if figures := summarise(samples):
                rows.append(row | asdict(figures))
        for (operation, server), complaint in self._broken.items():
            rows.append(self._row(operation, 1, server) | {"complaint": complaint})
        return rows

    def _row(self, operation: str, clients: int, server: str) -> dict[str, object]:
        return {
            "cards": self._total,
            "operation": operation,
            "clients": clients,
            "server": server,
        }

    async def _measure(self, operation: Operation, site: Site, meter: Meter) -> None:
        place = (operation.name, site.server)
        if place in self._broken or self._slow.get(place, 0) > _ONE_WILL_DO:
            return
        for number in operation.clients:
            clients = [Client(site.address) for _ in range(number)]
            work = [bind(operation, client, site) for client in clients]
            key = (operation.name, number, site.server)
            if key not in self._samples:
                # The first request may build an index; the second tells what the next will cost.
                await closed_loop(meter, 0, work[:1])
                trial = await closed_loop(meter, 0, work[:1])
                if not trial.times:
                    if trial.failures:
                        self._broken[place] = trial.complaint
                    return
                self._slow.setdefault(place, trial.times[0])
                if trial.times[0] > _ONE_WILL_DO:
                    self._samples[key] = [trial]
                    return
            sample = await closed_loop(meter, self._plan.seconds, work)
            self._samples.setdefault(key, []).append(sample)
            for client in clients:
                client.close()

    async def _measure_phones(self, name: str, *, kept: bool) -> None:
        for site, meter in self._places:
            if self._bears_crowds(site):
                sample = await run_phones(site, meter, self._plan.seconds * 2, kept=kept)
                self._samples.setdefault((name, PHONES, site.server), []).append(sample)

    async def _measure_writers(self) -> None:
        for site, meter in self._places:
            if self._bears_crowds(site):
                result = await run_writers(site, meter, self._plan.seconds * 2)
                key = (SHARED, WRITERS, site.server)
                self._samples.setdefault(key, []).append(result.sample)
                self._lost[site.server] = self._lost.get(site.server, 0) + result.lost

    async def _measure_writers_apart(self) -> None:
        for site, meter in self._places:
            if self._bears_crowds(site):
                sample = await run_writers_apart(site, meter, self._plan.seconds * 2)
                self._samples.setdefault((APART, WRITERS, site.server), []).append(sample)

    def _bears_crowds(self, site: Site) -> bool:
        """Return whether nothing that was measured says that a crowd would have to wait long."""
        for operation, most in _NO_CROWD.items():
            figures = summarise(self._samples.get((operation, 1, site.server), []))
            if figures is not None and figures.median > most:
                return False
        return True
