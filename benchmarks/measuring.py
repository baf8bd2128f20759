"""How long requests take, and what they cost the processes of a server."""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from benchmarks.client import NoAnswer

_TICKS = os.sysconf("SC_CLK_TCK")
_MAX_FAILURES = 20


class NothingLeft(Exception):
    """There is nothing more to ask for in this round."""


@dataclass(slots=True)
class Sample:
    """One round of an operation on a server.

    Attributes:
        times: seconds of each request that was answered well.
        seconds: how long the round took.
        cpu: seconds of processor time in the processes of the server.
        client_cpu: the same in this process.
        failures: requests that were answered badly, or not at all.
        complaint: what was wrong with the last of them.
    """

    times: list[float] = field(default_factory=list)
    seconds: float = 0.0
    cpu: float = 0.0
    client_cpu: float = 0.0
    failures: int = 0
    complaint: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the rounds of an operation say together; times in ms."""

    requests: int
    median: float
    p99: float
    cpu: float
    client_cpu: float
    rate: float
    failures: int
    complaint: str


def summarise(samples: Sequence[Sample]) -> Figures | None:
    """Return medians over the rounds, or None without a single good answer."""
    good = [sample for sample in samples if sample.times]
    if not good:
        return None
    times = sorted(each for sample in good for each in sample.times)
    return Figures(
        requests=len(times),
        median=statistics.median(statistics.median(sample.times) for sample in good) * 1000,
        p99=times[min(len(times) - 1, round(0.99 * (len(times) - 1)))] * 1000,
        cpu=statistics.median(sample.cpu / len(sample.times) for sample in good) * 1000,
        client_cpu=statistics.median(s.client_cpu / len(s.times) for s in good) * 1000,
        rate=statistics.median(len(sample.times) / sample.seconds for sample in good),
        failures=sum(sample.failures for sample in samples),
        complaint=next((s.complaint for s in samples if s.complaint), ""),
    )


class Meter:
    """Reads from /proc what some processes and all their descendants use."""

    def __init__(self, roots: Iterable[int]) -> None:
        self._roots = list(roots)

    def processes(self) -> list[int]:
        """Return the ids of the living processes."""
        children: dict[int, list[int]] = {}
        for folder in Path("/proc").iterdir():
            if folder.name.isdecimal() and (fields := _stat(int(folder.name))):
                children.setdefault(int(fields[1]), []).append(int(folder.name))
        found, waiting = [], list(self._roots)
        while waiting:
            process = waiting.pop()
            found.append(process)
            waiting += children.get(process, [])
        return found

    def cpu(self) -> float:
        """Return seconds of processor time so far, of ended descendants too."""
        ticks = 0
        for process in self.processes():
            if fields := _stat(process):
                ticks += sum(map(int, fields[11:15]))
        return ticks / _TICKS

    def memory(self) -> dict[int, int]:
        """Return the octets of each process; what several share is divided among them (PSS)."""
        return {process: memory_of(process).divided for process in self.processes()}

    def resident(self) -> dict[int, int]:
        """Return the octets of each process, what it shares included (RSS)."""
        return {process: memory_of(process).resident for process in self.processes()}


def _stat(process: int) -> list[str] | None:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Memory(NamedTuple):
    """Memory of a process, in octets.

    Attributes:
        divided: what several share is divided among them (PSS).
        resident: what it shares included (RSS).
        anonymous: the part of it that no file backs, which is what a leak adds to.
    """

    divided: int
    resident: int
    anonymous: int


def memory_of(process: int) -> Memory:
    """Return the memory of a process; zeros if it has ended."""
    found = {"Pss": 0, "Rss": 0, "Anonymous": 0}
    with suppress(FileNotFoundError, ProcessLookupError):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            name, _, value = line.partition(":")
            if name in found:
                found[name] = int(value.split()[0]) * 1024
    return Memory(found["Pss"], found["Rss"], found["Anonymous"])


@contextmanager
def measured(meter: Meter) -> Iterator[Sample]:
    """Yield a sample to be filled in the block; how long that took and its cost are noted."""
    sample = Sample()
    cpu, own, start = meter.cpu(), time.process_time(), time.perf_counter()
    yield sample
    sample.seconds = time.perf_counter() - start
    sample.client_cpu = time.process_time() - own
    sample.cpu = meter.cpu() - cpu


async def closed_loop(
    meter: Meter, seconds: float, work: Sequence[Callable[[], Awaitable[str | None]]]
) -> Sample:
    """Let each of ``work`` go on for some seconds, one request after the other.

    Args:
        meter: of the server.
        seconds: no request but the first begins after them; the last one is waited for.
        work: makes one request, and returns what is wrong with its answer. It raises
            ``NothingLeft`` when there is nothing left to ask for.
    """

    async def go_on(ask: Callable[[], Awaitable[str | None]]) -> None:
        before = time.perf_counter()
        while sample.failures < _MAX_FAILURES:
            try:
                complaint = await ask()
            except NothingLeft:
                return
            except NoAnswer as error:
                complaint = str(error)
            after = time.perf_counter()
            if complaint is None:
                sample.times.append(after - before)
            else:
                sample.failures += 1
                sample.complaint = complaint
            before = time.perf_counter()
            if before >= end:
                return

    with measured(meter) as sample:
        end = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for ask in work:
                group.create_task(go_on(ask))
    return sample
