"""Measure sharedbooks side by side with other CardDAV servers, and write JSON and a table.

All servers run at the same time, on loopback, each with its own copy of the same books. Every
round visits every operation, and for each of them one server after the other, so that whatever
else the machine does hits all of them alike. Compare servers within one run, by ratio.
"""

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.client import Client, NoAnswer
from benchmarks.floor import measure_floor
from benchmarks.measuring import Meter, Sample, closed_loop, summarise
from benchmarks.operations import (
    OPERATIONS,
    WHOLE_BOOK,
    Operation,
    Site,
    bind,
    make_one_change,
)
from benchmarks.peers import installed_peers
from benchmarks.report import markdown
from benchmarks.servers import Server, Sharedbooks, SharedbooksOnPostgres
from benchmarks.workloads import run_phones, run_writers

_TOO_SLOW = 2.5
"""Seconds of one request after which one sample has to do, and crowds are left out."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much to measure."""

    rounds: int
    seconds: float
    only: str


class Book:
    """The measurements of all servers at one size."""

    def __init__(self, total: int, plan: Plan, places: list[tuple[Site, Meter]]) -> None:
        self.total = total
        self._plan = plan
        self._places = places
        self._samples: dict[tuple[str, int, str], list[Sample]] = {}
        self._slow: set[tuple[str, str]] = set()
        self._broken: dict[tuple[str, str], str] = {}
        self.lost: dict[str, int] = {}

    async def measure(self) -> None:
        """Do all rounds."""
        operations = [each for each in (*OPERATIONS, *WHOLE_BOOK) if self._plan.only in each.name]
        for number in range(self._plan.rounds):
            say(f"{self.total} cards, round {number + 1} of {self._plan.rounds}")
            for site, _ in self._places:
                client = Client(site.address)
                await make_one_change(client, site)
                client.close()
            for operation in operations:
                for site, meter in self._places:
                    await self._measure(operation, site, meter)
            await self._measure_crowds()

    def rows(self) -> list[dict[str, object]]:
        """Return what was measured, one row an operation, number of clients and server."""
        rows: list[dict[str, object]] = []
        for (operation, clients, server), samples in self._samples.items():
            row: dict[str, object] = {
                "cards": self.total,
                "operation": operation,
                "clients": clients,
                "server": server,
            }
            if figures := summarise(samples):
                rows.append(row | asdict(figures))
        for (operation, server), complaint in self._broken.items():
            rows.append(
                {
                    "cards": self.total,
                    "operation": operation,
                    "clients": 1,
                    "server": server,
                    "complaint": complaint,
                }
            )
        return rows

    async def _measure(self, operation: Operation, site: Site, meter: Meter) -> None:
        place = (operation.name, site.server)
        if place in self._broken or place in self._slow:
            return
        for number in operation.clients:
            clients = [Client(site.address) for _ in range(number)]
            work = [bind(operation, client, site) for client in clients]
            key = (operation.name, number, site.server)
            if key not in self._samples:
                first = await closed_loop(meter, 0.001, work[:1])  # warms up, and tells the way
                if not first.times:
                    self._broken[place] = first.complaint
                    return
                if first.times[0] > _TOO_SLOW:
                    self._slow.add(place)
                    self._samples[key] = [first]
                    return
            sample = await closed_loop(meter, self._plan.seconds, work)
            self._samples.setdefault(key, []).append(sample)
            for client in clients:
                client.close()

    async def _measure_crowds(self) -> None:
        for kept, name in ((True, "200 phones, kept"), (False, "200 phones, new connections")):
            await self._crowd(name, 200, kept=kept)
        if self._plan.only in "8 writers":
            for site, meter in self._places:
                result = await run_writers(site, meter, self._plan.seconds * 2)
                self._samples.setdefault(("8 writers", 8, site.server), []).append(result.sample)
                self.lost[site.server] = self.lost.get(site.server, 0) + result.lost

    async def _crowd(self, name: str, number: int, *, kept: bool) -> None:
        if self._plan.only not in name:
            return
        for site, meter in self._places:
            if any(server == site.server for _, server in self._slow):
                continue
            if self.total >= 10_000 and site.server == "Radicale":
                continue  # a poll takes it half a second
            try:
                sample = await run_phones(site, meter, self._plan.seconds * 2, kept=kept)
            except NoAnswer as error:
                say(f"{site.server}: {error}")
                continue
            self._samples.setdefault((name, number, site.server), []).append(sample)
