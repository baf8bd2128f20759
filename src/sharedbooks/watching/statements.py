"""How long each statement of a request took, for the log of slow requests."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

Notes = list[tuple[object, float, int]] | None
"""Statement, seconds, and how often, of one request; None while nobody wants to know."""

_MOST_KEPT = 1000
_MOST_SHOWN = 10
_LONGEST_SHOWN, _END_SHOWN = 400, 100
"""Characters of a statement, and how many of them are its end."""


class _Noted(threading.local):
    """What this thread's request has waited for."""

    entries: Notes = None


_noted = _Noted()


def begin() -> None:
    """Note from now on what this thread waits for, and forget what was noted before."""
    _noted.entries = []


def notes() -> Notes:
    """Return what was noted for this thread, and will be."""
    return _noted.entries


@contextmanager
def noted_with(others: Notes) -> Iterator[None]:
    """Note what this thread waits for with what another one has waited for."""
    own, _noted.entries = _noted.entries, others
    try:
        yield
    finally:
        _noted.entries = own


def note(statement: object, seconds: float, times: int = 1) -> None:
    """Note what this thread has waited for, if anybody wants to know; beyond a limit it is let be.

    Args:
        statement: SQL without values, or words in angle brackets.
        seconds: how long.
        times: 0 for more of what was noted before.
    """
    entries = _noted.entries
    if entries is not None and len(entries) < _MOST_KEPT:
        entries.append((statement, seconds, times))


def summary() -> list[tuple[str, int, float]]:
    """Return statement, how often, and seconds altogether; what took longest first, ten at most.

    Noting ends.
    """
    times: dict[str, tuple[int, float]] = {}
    for noted, seconds, more in _noted.entries or ():
        statement = str(noted)
        number, total = times.get(statement, (0, 0.0))
        times[statement] = (number + more, total + seconds)
    _noted.entries = None
    longest = sorted(times.items(), key=lambda item: item[1][1], reverse=True)
    return [
        (_shortened(" ".join(statement.split())), number, total)
        for statement, (number, total) in longest[:_MOST_SHOWN]
    ]


def _shortened(statement: str) -> str:
    """Leave out the middle of what is long: how a statement ends tells whether it locks rows."""
    if len(statement) <= _LONGEST_SHOWN:
        return statement
    return f"{statement[: _LONGEST_SHOWN - _END_SHOWN]} … {statement[-_END_SHOWN:]}"
