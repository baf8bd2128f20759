"""A database that has fallen silent is asked by one thread at a time."""

import threading
import time

from sharedbooks.errors import StoreBusy

_PAUSE_SECONDS = 5.0


class Silence:
    """Keeps the threads of a process from waiting for a database that does not answer.

    Each of them would lose the whole time for an answer, and soon none would be left. So when one
    has lost it, the others are refused at once, but for one every few seconds, which tries.

    Args:
        shortest: seconds that whoever met with silence has waited at least; None if there is no
            limit to waiting.
        longest: seconds after which one who tries has met with an answer or with silence.
    """

    def __init__(self, shortest: float | None, longest: float) -> None:
        self._shortest = shortest
        self._longest = longest
        self._refusing_until: float | None = None
        self._lock = threading.Lock()

    def check(self) -> bool:
        """Return if the database may be asked; True for the one who tries.

        Raises:
            StoreBusy: it was silent just now, or somebody else is trying.
        """
        if self._refusing_until is None:
            return False
        with self._lock:
            now, until = time.monotonic(), self._refusing_until or 0.0
            if now < until:
                raise StoreBusy("The database does not answer; try again in a moment.")
            self._refusing_until = now + self._longest
            return True

    def answered(self) -> None:
        """Note that the database is there."""
        self._refusing_until = None

    def lost(self, since: float) -> None:
        """Note that the database could not be reached, for somebody who asked at ``since``.

        Args:
            since: a moment of ``time.monotonic``.
        """
        if self._shortest is None:
            return
        with self._lock:
            now = time.monotonic()
            if self._refusing_until is not None or now - since >= self._shortest:
                self._refusing_until = now + _PAUSE_SECONDS
