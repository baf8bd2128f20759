"""Whether a server that ran for long has held no more in the end than before: the rules."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, linear_regression

from benchmarks.soak.watching import Holding, Look

GROWTH = 0.05
"""Memory of a process may grow by this share of it in an hour, …"""
GROWTH_AT_LEAST = 8 * 2**20
"""… or by so many octets in an hour, if that is more: allocators are never quite still."""
GROWTH_IN_ALL = 3 * 2**20
"""… or by so many octets in all, where a run is too short for less to mean anything."""
SPARE = 2
"""So many descriptors and threads more than before are no leak."""
MOST_FILES = 44
MOST_THREADS = 40
"""What a worker may have as it is configured: connections to the database, threads for requests."""
WAL_LIMIT = 64 * 2**20
"""Octets that the write-ahead log stays below."""
LEAST_SECONDS = 2400.0
"""A process that lived shorter says nothing: its threads and caches are still on their way."""
_FEWEST = 6

RULES = (
    f"over the second half of the life of each process that lived for {LEAST_SECONDS / 60:.0f} "
    f"minutes a straight line through its anonymous memory rises by less than {GROWTH:.0%} or "
    f"{GROWTH_AT_LEAST >> 20} MiB an hour, or {GROWTH_IN_ALL >> 20} MiB in all, whichever is most; "
    f"in the last third of its life it has at most {SPARE} files and threads more than ever "
    f"before, or no more than {MOST_FILES} files and {MOST_THREADS} threads; once the phones have "
    f"gone no socket of theirs is left; the write-ahead log stays below {WAL_LIMIT >> 20} MiB"
)


@dataclass(frozen=True, slots=True)
class Course:
    """How one process went; memory in octets, growth in octets an hour.

    ``judged`` is False where it lived too short for its growth to mean anything.
    """

    process: int
    seconds: float
    first: Holding
    last: Holding
    anonymous_most: int
    growth: float
    files_most: int
    sockets_most: int
    threads_most: int
    judged: bool
    faults: tuple[str, ...]


def courses(looks: Sequence[Look], least_seconds: float = LEAST_SECONDS) -> list[Course]:
    """Return how each process went, those of longest life first."""
    lives: dict[int, list[tuple[float, Holding]]] = {}
    for look in looks:
        for process, holding in look.processes.items():
            lives.setdefault(process, []).append((look.at, holding))
    found = [_course(process, life, least_seconds) for process, life in lives.items()]
    return sorted(found, key=lambda course: (-course.seconds, course.process))


def _course(process: int, life: list[tuple[float, Holding]], least_seconds: float) -> Course:
    seconds = life[-1][0] - life[0][0]
    held = [holding for _, holding in life]
    judged = len(life) >= _FEWEST and seconds >= least_seconds
    # Before, connections and threads are made as more of them are first needed at a time.
    late = life[len(life) // 2 :]
    growth = growth_per_hour([(at, holding.anonymous) for at, holding in late]) if judged else 0.0
    return Course(
        process=process,
        seconds=seconds,
        first=held[0],
        last=held[-1],
        anonymous_most=max(holding.anonymous for holding in held),
        growth=growth,
        files_most=max(holding.files for holding in held),
        sockets_most=max(holding.sockets for holding in held),
        threads_most=max(holding.threads for holding in held),
        judged=judged,
        faults=tuple(_faults(process, held, growth, late[-1][0] - late[0][0])) if judged else (),
    )


def _faults(process: int, held: Sequence[Holding], growth: float, seconds: float) -> Iterator[str]:
    allowed = max(GROWTH * fmean(holding.anonymous for holding in held), GROWTH_AT_LEAST)
    if growth > allowed and growth * seconds / 3600 > GROWTH_IN_ALL:
        yield f"the memory of process {process} grows by {growth / 2**20:.1f} MiB an hour"
    kinds: dict[str, tuple[Callable[[Holding], int], int]] = {
        "files": (lambda holding: holding.files, MOST_FILES),
        "threads": (lambda holding: holding.threads, MOST_THREADS),
    }
    for name, (count, most) in kinds.items():
        before, after = _highest(held, count)
        if after > max(before + SPARE, most):
            yield f"process {process} has {after} {name} in the end, and {before} before"


def _highest(held: Sequence[Holding], count: Callable[[Holding], int]) -> tuple[int, int]:
    """Return the highest count of the first two thirds, and of the last third."""
    cut = len(held) * 2 // 3
    return max(map(count, held[:cut])), max(map(count, held[cut:]))


def growth_per_hour(points: Sequence[tuple[float, float]]) -> float:
    """Return how much a value grows in an hour, on a straight line through it."""
    return linear_regression(*zip(*points, strict=True)).slope * 3600


def judge(
    looks: Sequence[Look], sockets_left: int, least_seconds: float = LEAST_SECONDS
) -> list[str]:
    """Return why the server did not stay flat; nothing if it did.

    Args:
        looks: in their order.
        sockets_left: how many more sockets are open once the phones have gone than before they
            came, those to the database left out.
        least_seconds: how long a process must have lived to be judged.
    """
    faults = [fault for course in courses(looks, least_seconds) for fault in course.faults]
    if sockets_left > SPARE:
        faults.append(f"{sockets_left} sockets are left open")
    largest = max(look.sizes.get("WAL", 0) for look in looks)
    if largest > WAL_LIMIT:
        faults.append(f"the write-ahead log has grown to {largest / 2**20:.0f} MiB")
    return faults
