"""Writers of one process who wait for each other here, and not with a connection in hand."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sharedbooks.errors import StoreBusy
from sharedbooks.watching.metrics import DATABASE_FAILURES, LOCK_WAITS
from sharedbooks.watching.statements import note

_PLACES = 256


class Turns:
    """Lets writers of the same thing go one after the other.

    The database would make them wait as well, but each with a connection, and a lock that many
    wait for costs it more than what they write. Which things share a place is left to chance.

    Args:
        patience: seconds to wait.
    """

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._places = [threading.Lock() for _ in range(_PLACES)]

    @contextmanager
    def take(self, thing: int) -> Iterator[None]:
        """Be the only one in this process to write to ``thing``.

        Raises:
            StoreBusy: those before it took too long.
        """
        place = self._places[thing % _PLACES]
        if not place.acquire(blocking=False):
            self._wait(place)
        try:
            yield
        finally:
            place.release()

    def _wait(self, place: threading.Lock) -> None:
        started = time.monotonic()
        try:
            if not place.acquire(timeout=self._patience):
                DATABASE_FAILURES.count("busy")
                raise StoreBusy("Others are writing all the time; try again in a moment.")
        finally:
            waited = time.monotonic() - started
            LOCK_WAITS.observe(waited)
            note("<waiting for other writers>", waited)
