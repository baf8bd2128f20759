"""What a soak has shown, as tables, as JSON and live."""

import platform
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from os import cpu_count
from statistics import median
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.table import Table

from benchmarks.soak.ledger import Outcome
from benchmarks.soak.run import Checkpoint, Soak
from benchmarks.soak.tally import ALL, Times, figures
from benchmarks.soak.verdict import RULES, Course, courses
from benchmarks.soak.watching import Look

_MIB = 2**20
_LINE_EVERY = 60.0
"""Seconds between two lines where there is no terminal."""


def markdown(soak: Soak) -> str:
    """Return the tables."""
    looks = soak.watch.looks
    seconds = looks[-1].at - looks[0].at
    sections = [
        _facts(soak, seconds),
        _table(
            ("Process", "lived, min", "memory first", "last", "most, MiB", "growth, MiB/h",
             "files", "sockets, most", "threads"),
            [_course_row(course, number) for number, course in enumerate(courses(looks))],
        ),
        _table(
            ("Requests", "number", "median, ms", "p99, ms", "longest, ms"),
            [_times_row(kind, times) for kind, times in figures(soak.tally.times).items()],
        ),
        f"Flat means: {RULES}.",
        _list("Not flat", soak.faults),
        _list("Wrong", soak.tally.complaints),
    ]  # fmt: skip
    return "\n\n".join(section for section in sections if section) + "\n"


def document(soak: Soak) -> dict[str, object]:
    """Return everything for JSON."""
    statuses = {f"{kind} {status}": n for (kind, status), n in soak.tally.statuses.items()}
    return {
        "measured_at": time.strftime("%Y-%m-%d %H:%M"),
        "machine": f"{cpu_count()} cores, {platform.platform()}, Python "
        f"{platform.python_version()}",
        "plan": asdict(soak.plan),
        "flat": not soak.faults,
        "faults": soak.faults,
        "wrong": soak.tally.complaints,
        "checkpoints": [asdict(each) for each in soak.checkpoints],
        "counts": dict(soak.tally.counts),
        "statuses": statuses,
        "times": {kind: asdict(times) for kind, times in figures(soak.tally.times).items()},
        "processes": [asdict(course) for course in courses(soak.watch.looks)],
        "looks": [asdict(look) for look in soak.watch.looks],
    }


def _facts(soak: Soak, seconds: float) -> str:
    looks, tally = soak.watch.looks, soak.tally
    requests = sum(map(len, tally.times.values()))
    first, last = looks[0], looks[-1]
    refused = [
        f"{kind} {status}: {n}"
        for (kind, status), n in sorted(tally.statuses.items())
        if status >= 400
    ]
    size, loads = soak.plan.size, [look.load for look in looks]
    lines = (
        (
            f"{size.phones} phones of {size.users} users, {size.books} shared books of"
            f" {size.cards // size.books} cards, {size.own_cards} in each personal one;"
            f" {seconds / 60:.1f} minutes,"
            f" {requests / seconds:.0f} requests/s, after {soak.warming_up:.0f} s in which every"
            " phone fetched its books"
        ),
        (
            f"server: {(last.cpu - first.cpu) / seconds:.0%} of one core; {_sizes(first)} at first,"
            f" {_sizes(last)} in the end"
        ),
        (
            f"edits: {soak.ledger.count(Outcome.DONE)} acknowledged,"
            f" {soak.ledger.count(Outcome.REFUSED)} refused,"
            f" {soak.ledger.count(Outcome.UNKNOWN)} without an answer; {soak.changes} changes in"
            " history"
        ),
        (
            f"in half of the intervals of {soak.plan.interval:.0f} s the p99 was below"
            f" {_usual_p99(looks):.0f} ms; load of the machine {median(loads):.1f}, at most"
            f" {max(loads):.1f}, on {cpu_count()} cores"
        ),
        f"compared: {'; '.join(map(_checkpoint, soak.checkpoints))}",
        f"happened: {', '.join(f'{name} {n}' for name, n in sorted(tally.counts.items()))}",
        f"answers from 400 on: {', '.join(refused)}",
    )
    return "\n".join(f"* {line}" for line in lines)


def _usual_p99(looks: Sequence[Look]) -> float:
    return median([look.times[ALL].p99 for look in looks if look.times] or [0.0])


def _checkpoint(point: Checkpoint) -> str:
    return f"{point.cards} cards after {point.at / 60:.1f} min, {point.wrong} wrong"


def _sizes(look: Look) -> str:
    return ", ".join(f"{name} {octets / _MIB:.1f} MiB" for name, octets in look.sizes.items())


def _course_row(course: Course, number: int) -> tuple[str, ...]:
    return (
        "main" if number == 0 else f"worker {course.process}",
        f"{course.seconds / 60:.1f}",
        f"{course.first.anonymous / _MIB:.1f}",
        f"{course.last.anonymous / _MIB:.1f}",
        f"{course.anonymous_most / _MIB:.1f}",
        f"{course.growth / _MIB:+.1f}" if course.judged else "",
        f"{course.first.files} → {course.last.files}",
        f"{course.sockets_most}",
        f"{course.first.threads} → {course.last.threads}",
    )


def _times_row(kind: str, times: Times) -> tuple[str, ...]:
    return (
        kind,
        f"{times.count:,}",
        f"{times.median:.1f}",
        f"{times.p99:.1f}",
        f"{times.longest:.0f}",
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _list(title: str, items: list[str]) -> str:
    return "\n".join([f"{title}:", "", *(f"* {item}" for item in items)]) if items else ""


class Progress:
    """Shows how a soak goes: a table that renews itself, or a line a minute without a terminal."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._said = 0.0
        self._complained = 0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._console.is_terminal:
            self._live.stop()

    def show(self, soak: Soak) -> None:
        """Show how it stands, and each complaint at once."""
        for complaint in soak.tally.complaints[self._complained :]:
            self._console.print(complaint, soft_wrap=True, highlight=False, markup=False)
        self._complained = len(soak.tally.complaints)
        if self._console.is_terminal:
            self._live.update(_standing(soak), refresh=True)
        elif time.monotonic() - self._said > _LINE_EVERY:
            self._said = time.monotonic()
            self._console.print(_line(soak), soft_wrap=True, highlight=False)


def _line(soak: Soak) -> str:
    if not soak.watch.looks:
        done = sum(phone.sent > 0 for phone in soak.phones)
        return f"{soak.phase}: {done} of {len(soak.phones)}, {soak.tally.wrong} wrong"
    look = soak.watch.looks[-1]
    memory = " ".join(f"{seen.anonymous / _MIB:.1f}" for seen in look.processes.values())
    handles = " ".join(f"{seen.files}+{seen.sockets}" for seen in look.processes.values())
    times = f"p99 {look.times[ALL].p99:.0f} ms, " if look.times else ""
    return (
        f"{look.at / 60:.1f} min, {soak.phase}: {times}{soak.tally.wrong} wrong, MiB {memory}, "
        f"files+sockets {handles}, {_sizes(look)}"
    )


def _standing(soak: Soak) -> Table:
    table = Table(title=_line(soak), title_justify="left")
    for name in ("requests", "number", "median, ms", "p99, ms", "longest, ms"):
        table.add_column(name, justify="left" if name == "requests" else "right")
    for kind, times in figures(soak.tally.times).items():
        table.add_row(*_times_row(kind, times))
    return table
