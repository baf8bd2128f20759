"""Writers of one process to one book: they wait here, and those who have waited write together.

The database would make them wait as well, but each with a connection in hand and a commit of its
own. Here the first of those who wait does what all of them want in one transaction.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from sharedbooks.db.prepared import SingleWrite
from sharedbooks.errors import SharedbooksError, StoreBusy
from sharedbooks.watching.metrics import DATABASE_FAILURES, LOCK_WAITS
from sharedbooks.watching.statements import note, noted_with, notes

T = TypeVar("T")

_MOST_TOGETHER = 16


class Write(Generic[T]):
    """What one thread wants to be written, by itself or by another thread.

    Args:
        work: writes it; raises a ``SharedbooksError`` only as long as it has written nothing.
        single: does the same, if there is nothing in its way.
        alone: whether it is to have a transaction of its own.

    Attributes:
        single: as it was given.
        alone: so it is, from the beginning or because those it was together with failed.
        leads: whether its thread is to do it.
    """

    def __init__(
        self, work: Callable[[Connection], T], single: SingleWrite[T] | None, *, alone: bool
    ) -> None:
        self.single = single
        self.alone = alone
        self.leads = False
        self._work = work
        self._notes = notes()
        self._returned: list[T] = []
        self._failure: Exception | None = None
        # An event of the standard library is made of several of these.
        self._woken = threading.Lock()
        self._woken.acquire()

    @property
    def is_open(self) -> bool:
        """Whether it is still to be done, not necessarily alone."""
        return not (self.alone or self._returned or self._failure)

    def send(self, connection: Connection, single: SingleWrite[T]) -> Callable[[], list[Any]]:
        """Send its single statement on its way; see ``Prepared.send``."""
        with noted_with(self._notes):
            return single.statement.send(connection, single.parameters())

    def attempt(self, connection: Connection) -> None:
        """Write it, without a commit; if it is refused, ``result`` will tell."""
        with noted_with(self._notes):
            try:
                self._returned.append(self._work(connection))
            except SharedbooksError as refusal:
                self._failure = refusal

    def settle(self, single: SingleWrite[T], rows: list[Any]) -> bool:
        """Take what its single statement has returned; return whether that has written it.

        If not, it was refused or is still open.
        """
        if not rows:
            return False
        try:
            outcome = single.outcome(rows[0])
        except SharedbooksError as refusal:
            self._failure = refusal
            return False
        if outcome is None:
            return False
        self._returned.append(outcome)
        return True

    def fail(self, failure: Exception) -> None:
        """Have ``result`` raise this, whatever became of it."""
        self._failure = failure

    def separate(self) -> None:
        """Forget the attempt, which was taken back; it is to be done alone."""
        self._returned.clear()
        self._failure = None
        self.alone = True

    def result(self) -> T:
        """Return what ``work`` returned in a transaction that was committed, or raise its error."""
        if self._failure is not None:
            raise self._failure
        return self._returned[0]

    def wait(self, seconds: float = -1) -> bool:
        """Wait until it was written, or is to be by its own thread; False if that takes longer."""
        return self._woken.acquire(timeout=seconds)

    def wake(self) -> None:
        """End the wait."""
        self._woken.release()


class Turn:
    """The right to write to a book, for as long as it is not handed on.

    Attributes:
        writes: the one whose turn it is, and those that are done with it.
    """

    def __init__(self, first: Write[Any], line: deque[Write[Any]], guard: threading.Lock) -> None:
        self.writes = [first]
        self._line = line
        self._guard = guard

    @property
    def open_writes(self) -> list[Write[Any]]:
        """Those that are still to be done."""
        return [write for write in self.writes if write.is_open]

    def gather(self) -> None:
        """Take in those that wait."""
        for _ in self.newcomers():
            pass

    def newcomers(self) -> Iterator[Write[Any]]:
        """Take in one after the other of those that wait, as long as there are some."""
        while len(self.writes) < _MOST_TOGETHER:
            with self._guard:
                if not self._line or self._line[0].alone:
                    return
                self.writes.append(self._line.popleft())
            yield self.writes[-1]


class Turns:
    """Lets the writers of a book go one after the other.

    Args:
        patience: seconds to wait.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._guard = threading.Lock()
        self._lines: dict[int, deque[Write[Any]]] = {}

    @contextmanager
    def take(self, book_id: int, write: Write[Any]) -> Iterator[Turn | None]:
        """Be the only one in this process to write to a book, as long as the block lasts.

        Yields None if another thread has done the write meanwhile.

        Raises:
            StoreBusy: those before it took too long.
        """
        with self._guard:
            line = self._lines.get(book_id)
            if line is None:
                line = self._lines[book_id] = deque()
                write.leads = True
            else:
                write.leads = False
                line.append(write)
        if not write.leads:
            self._wait(line, write)
        if not write.leads:
            yield None
            return
        turn = Turn(write, line, self._guard)
        try:
            yield turn
        finally:
            self._hand_on(book_id, line)
            for other in turn.writes[1:]:
                other.wake()

    def _wait(self, line: deque[Write[Any]], write: Write[Any]) -> None:
        started = time.monotonic()
        try:
            if not write.wait(self._patience):
                self._give_up(line, write)
        finally:
            waited = time.monotonic() - started
            LOCK_WAITS.observe(waited)
            note("<waiting for other writers>", waited)

    def _give_up(self, line: deque[Write[Any]], write: Write[Any]) -> None:
        with self._guard:
            if write in line:
                line.remove(write)
                DATABASE_FAILURES.count("busy")
                raise StoreBusy("Others are writing all the time; try again in a moment.")
        # Its turn came just now, or somebody is at it and will soon know how it ended.
        write.wait()

    def _hand_on(self, book_id: int, line: deque[Write[Any]]) -> None:
        with self._guard:
            if not line:
                del self._lines[book_id]
                return
            following = line.popleft()
            following.leads = True
        following.wake()
