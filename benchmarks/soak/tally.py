"""What phones have met: how long answers took, which statuses came, and what was wrong."""

import time
from collections import Counter
from dataclasses import dataclass, field

ALL = "all"
"""Stands for all kinds of requests together."""

_COMPLAINTS = 200
"""So many are kept in full."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long requests of a kind took; in ms."""

    count: int
    median: float
    p99: float
    longest: float


def times_of(seconds: list[float]) -> Times:
    """Return the figures of some requests, at least one."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return Times(
        len(ordered),
        ordered[round(0.5 * last)] * 1000,
        ordered[round(0.99 * last)] * 1000,
        ordered[-1] * 1000,
    )


def figures(by_kind: dict[str, list[float]]) -> dict[str, Times]:
    """Return the figures of all requests together and of each kind, most frequent first."""
    if not by_kind:
        return {}
    ordered = sorted(by_kind.items(), key=lambda item: -len(item[1]))
    together = [each for _, seconds in ordered for each in seconds]
    return {ALL: times_of(together)} | {kind: times_of(seconds) for kind, seconds in ordered}


@dataclass(slots=True)
class Tally:
    """What all phones together have met.

    Attributes:
        measuring: whether times are noted; not while phones catch up all at once.
        times: seconds of each answered request by its kind.
        recent: the same since the last look.
        statuses: how often which kind was answered how, as ``("put", 412)``.
        counts: what else happened, by name.
        complaints: what must not happen, in words; ``wrong`` is their number.
    """

    measuring: bool = False
    times: dict[str, list[float]] = field(default_factory=dict)
    recent: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[tuple[str, int]] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)
    complaints: list[str] = field(default_factory=list)
    wrong: int = 0
    _excused_until: float = 0.0

    def answered(self, kind: str, seconds: float, status: int) -> None:
        """Note an answer."""
        self.statuses[kind, status] += 1
        if self.measuring:
            self.times.setdefault(kind, []).append(seconds)
            self.recent.setdefault(kind, []).append(seconds)

    def complain(self, what: str) -> None:
        """Note something that must not happen."""
        self.wrong += 1
        if len(self.complaints) < _COMPLAINTS:
            self.complaints.append(what)

    def excuse(self, seconds: float) -> None:
        """Let answers fail to come for so long: a worker is being killed."""
        self._excused_until = time.monotonic() + seconds

    def unanswered(self, since: float, what: str) -> None:
        """Note a request, sent at ``since``, that got no answer."""
        if since <= self._excused_until:
            self.counts["answers lost with the killed worker"] += 1
        else:
            self.complain(f"no answer: {what}")

    def take_recent(self) -> dict[str, Times]:
        """Return the figures since the last call, of all together first."""
        taken, self.recent = self.recent, {}
        return figures(taken)
