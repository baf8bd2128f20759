"""Numbers that all worker processes of a server count together.

The main process makes the memory before it forks. Each worker takes a row of it for itself, so that
no two processes write the same number, and whoever is asked adds the rows up. A row outlives its
worker: a successor goes on with it, and no count is lost or falls.
"""

import fcntl
import mmap
import os
import struct
import threading
from collections.abc import Iterator
from operator import add
from typing import TypeAlias

_OCTETS = 8
_SPARE_ROWS = 2
_FLOCK = struct.Struct("@hhqqi")
"""The kernel's ``struct flock``: type, whence, start, length, process."""

Row: TypeAlias = "memoryview[float]"


class Board:
    """A table of numbers; by itself a single row, which no other process sees.

    A process holds its row by a lock that ends with the process, however that happens.

    Attributes:
        row: the numbers of this process, which alone writes them, under ``lock``.
        lock: makes adding to a number one step for the threads of the process.
        process: id of the process that holds the row; 0 until it has one.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.row = _make_row(0)
        self.process = 0
        self._rows: list[Row] = []
        self._file = -1
        self._memory: mmap.mmap | None = None

    def grow(self, more: int) -> int:
        """Make each row longer, before the board is shared; return where the new part begins."""
        first = len(self.row)
        self.row = _make_row(first + more)
        self._rows = [self.row]
        return first

    def share(self, workers: int) -> None:
        """Make rows for that many processes, yet to be forked, twice: for them and successors."""
        length, rows = len(self.row), 2 * workers + _SPARE_ROWS
        size = rows * length * _OCTETS
        # A lock of POSIX ends when the process closes any handle on the file: this one and the
        # memory's own stay open.
        self._file = os.memfd_create("sharedbooks-numbers")
        os.ftruncate(self._file, size)
        self._memory = mmap.mmap(self._file, size)
        numbers = memoryview(self._memory).cast("d")
        self._rows = [numbers[at * length : (at + 1) * length] for at in range(rows)]

    def take_row(self) -> bool:
        """Take a row that no living process has; False if there is none, which changes nothing."""
        if self._memory is None:
            return False
        for number, row in enumerate(self._rows):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
            except OSError:
                continue
            self.row, self.process = row, os.getpid()
            return True
        return False

    def processes(self) -> list[int]:
        """Return the ids of the processes that have a row."""
        if self._memory is None:
            return [os.getpid()]
        holders = (self._holder(number) for number in range(len(self._rows)))
        own = [self.process] if self.process else []
        return [*own, *(holder for holder in holders if holder)]

    def _holder(self, number: int) -> int:
        asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, number, 1, 0)
        kind, _, _, _, process = _FLOCK.unpack(fcntl.fcntl(self._file, fcntl.F_GETLK, asked))
        return 0 if kind == fcntl.F_UNLCK else int(process)

    def totals(self) -> list[float]:
        """Return the sum of each number over all rows."""
        sums = [0.0] * len(self.row)
        for row in self.rows():
            sums = list(map(add, sums, row))
        return sums

    def rows(self) -> Iterator[Row]:
        """Yield every row that something was written to."""
        empty = bytes(len(self.row) * _OCTETS)
        return (row for row in self._rows if row.cast("B") != empty)


def _make_row(length: int) -> Row:
    return memoryview(bytearray(length * _OCTETS)).cast("d")


BOARD = Board()
"""The board of this process, on which everything counts."""
