"""What numbers on the board mean: counters, gauges and histograms, with their labels.

Each has its places on the board from the start, one for every combination of its labels' values,
so that a stranger's request can make none, and counting is one addition.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import inf
from operator import contains

from sharedbooks.watching.board import BOARD

OTHER = "other"
"""Stands for every value that a label does not know, where it has this one."""

Labels = Mapping[str, str]
Sample = tuple[str, Labels, float]
"""What is added to the name of the metric, the labels, and the number."""


class _Places:
    """Places on the board for every combination of some labels' values.

    Args:
        labels: the values of each label.
        width: places for each combination.
    """

    def __init__(self, labels: Mapping[str, Sequence[str]], width: int = 1) -> None:
        self.names = tuple(labels)
        self._values = [tuple(values) for values in labels.values()]
        self._width = width
        self._positions = [
            {value: position for position, value in enumerate(values)} for values in self._values
        ]
        self.number = width
        for values in self._values:
            self.number *= len(values)
        self.first = BOARD.grow(self.number)
        self._found: dict[tuple[str, ...], int] = {}

    def find(self, values: tuple[str, ...]) -> int:
        """Return the first place of a combination."""
        known = self._found.get(values)
        return self._search(values) if known is None else known

    def _search(self, values: tuple[str, ...]) -> int:
        place = 0
        for known, value in zip(self._positions, values, strict=True):
            place = place * len(known) + (known[value] if value in known else known[OTHER])
        place = self.first + place * self._width
        # What nobody foresaw is not remembered: there is no end to it.
        if all(map(contains, self._positions, values)):
            self._found[values] = place
        return place

    def combinations(self) -> Iterator[tuple[Labels, int]]:
        """Yield every combination with its first place."""
        for number, values in enumerate(product(*self._values)):
            labels = dict(zip(self.names, values, strict=True))
            yield labels, self.first + number * self._width


class Counter:
    """A number for each combination of labels that only grows while the server runs.

    Args:
        name: as Prometheus is told.
        meaning: a sentence.
        labels: the values of each label.
        sparse: combinations that never happened are not told.
    """

    kind = "counter"

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Mapping[str, Sequence[str]] | None = None,
        *,
        sparse: bool = False,
    ) -> None:
        self.name, self.meaning, self._sparse = name, meaning, sparse
        self._places = _Places(labels or {})

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels."""
        return self._places.names

    def count(self, *values: str, by: float = 1) -> None:
        """Add to the number with these values of the labels."""
        place = self._places.find(values)
        with BOARD.lock:
            BOARD.row[place] += by

    def samples(self, totals: Sequence[float]) -> Iterator[Sample]:
        """Yield the numbers, given the sums of the board."""
        for labels, place in self._places.combinations():
            if totals[place] or not self._sparse:
                yield "", labels, totals[place]


class Level(Counter):
    """A number for each combination of labels that rises and falls; zero in a new process."""

    kind = "gauge"

    def forget(self) -> None:
        """Begin at zero, after a predecessor on this row that may have ended in the middle."""
        for _, place in self._places.combinations():
            BOARD.row[place] = 0


class Histogram:
    """How often a quantity was at most so much, and its sum.

    Args:
        name: as Prometheus is told.
        meaning: a sentence, with the unit.
        bounds: the upper bounds, rising.
        labels: the values of each label.
        sparse: combinations that never happened are not told.
    """

    kind = "histogram"

    def __init__(
        self,
        name: str,
        meaning: str,
        bounds: Sequence[float],
        labels: Mapping[str, Sequence[str]] | None = None,
        *,
        sparse: bool = False,
    ) -> None:
        self.name, self.meaning, self._sparse = name, meaning, sparse
        self._bounds = tuple(bounds)
        # One beyond the bounds, and the sum.
        self._places = _Places(labels or {}, len(bounds) + 2)

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels."""
        return self._places.names

    def observe(self, quantity: float, *values: str) -> None:
        """Count one quantity."""
        first = self._places.find(values)
        place = first + bisect_left(self._bounds, quantity)
        total = first + len(self._bounds) + 1
        with BOARD.lock:
            row = BOARD.row
            row[place] += 1
            row[total] += quantity

    def samples(self, totals: Sequence[float]) -> Iterator[Sample]:
        """Yield the buckets, sum and count, given the sums of the board."""
        for labels, first in self._places.combinations():
            if self._sparse and not any(totals[first : first + len(self._bounds) + 1]):
                continue
            number = 0.0
            for position, bound in enumerate((*self._bounds, inf)):
                number += totals[first + position]
                yield "_bucket", {**labels, "le": _bound(bound)}, number
            yield "_sum", labels, totals[first + len(self._bounds) + 1]
            yield "_count", labels, number


class Latest:
    """A few numbers of which the last ones written, by whatever process, are the true ones.

    The first of them is the moment, in seconds of whatever clock; 0 is never.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._first = BOARD.grow(width)

    def write(self, moment: float, *numbers: float) -> None:
        """Replace the numbers."""
        with BOARD.lock:
            # Whoever reads in between sees them as of never, not half of them.
            BOARD.row[self._first] = 0
            for position, number in enumerate(numbers, start=1):
                BOARD.row[self._first + position] = number
            BOARD.row[self._first] = moment

    def read(self) -> tuple[float, ...]:
        """Return the last numbers, the moment first."""
        places = slice(self._first, self._first + self._width)
        return max((tuple(row[places]) for row in BOARD.rows()), default=(0.0,) * self._width)


def _bound(bound: float) -> str:
    return "+Inf" if bound == inf else f"{bound:g}"
