"""What the processes of the server hold, looked at again and again."""

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.measuring import Meter, memory_of
from benchmarks.soak.tally import Times


@dataclass(frozen=True, slots=True)
class Holding:
    """What one process holds; memory in octets.

    Attributes:
        anonymous: memory that no file backs. What is backed by one depends on what else runs.
        resident: memory, all of it.
        files: open descriptors that are no sockets.
        sockets: those that are.
        threads: number of them.
    """

    anonymous: int
    resident: int
    files: int
    sockets: int
    threads: int


@dataclass(frozen=True, slots=True)
class Look:
    """Everything at one moment; ``at`` is in seconds since the first look.

    Attributes:
        processes: by id.
        cpu: seconds of processor time of all of them so far.
        client_cpu: the same of the phones, which are one process.
        client: what that process holds.
        sizes: octets of files, or of a database, by name.
        times: how long requests took since the last look, by kind.
        wrong: complaints so far.
        load: of the machine, over a minute: processes that run or wait for a core.
    """

    at: float
    processes: dict[int, Holding]
    cpu: float
    client_cpu: float
    client: Holding
    sizes: dict[str, int]
    times: dict[str, Times] = field(default_factory=dict)
    wrong: int = 0
    load: float = 0.0


class Watch:
    """Looks at a server.

    Args:
        meter: of its processes.
        sizes: tells how large the database is.
    """

    def __init__(self, meter: Meter, sizes: Callable[[], dict[str, int]]) -> None:
        self.looks: list[Look] = []
        self._meter = meter
        self._sizes = sizes
        self._start: float | None = None

    def look(self, times: dict[str, Times] | None = None, wrong: int = 0) -> Look:
        """Look now, and keep what is seen."""
        now = time.monotonic()
        self._start = now if self._start is None else self._start
        taken = Look(
            at=now - self._start,
            processes={
                process: seen for process in self._meter.processes() if (seen := _holding(process))
            },
            cpu=self._meter.cpu(),
            client_cpu=time.process_time(),
            client=_holding(os.getpid()) or Holding(0, 0, 0, 0, 0),
            sizes=self._sizes(),
            times=times or {},
            wrong=wrong,
            load=os.getloadavg()[0],
        )
        self.looks.append(taken)
        return taken

    def sockets(self) -> dict[int, int]:
        """Return how many sockets each process has open now."""
        return {
            process: seen.sockets
            for process in self._meter.processes()
            if (seen := _holding(process))
        }


def _holding(process: int) -> Holding | None:
    """Return what a process holds, or None if it has ended."""
    memory = memory_of(process)
    folder = Path(f"/proc/{process}")
    sockets = files = 0
    try:
        threads = sum(1 for _ in (folder / "task").iterdir())
        for link in (folder / "fd").iterdir():
            with suppress(FileNotFoundError):
                if str(link.readlink()).startswith("socket:"):
                    sockets += 1
                else:
                    files += 1
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Holding(memory.anonymous, memory.resident, files, sockets, threads)


def file_sizes(database: Path) -> Callable[[], dict[str, int]]:
    """Return what tells the sizes of an SQLite database and its write-ahead log."""

    def sizes() -> dict[str, int]:
        found = {}
        for name, path in (("database", database), ("WAL", Path(f"{database}-wal"))):
            with suppress(FileNotFoundError):
                found[name] = path.stat().st_size
        return found

    return sizes
