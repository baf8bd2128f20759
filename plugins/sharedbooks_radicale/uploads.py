"""Bodies on their way to this process, so many of one address that others find a thread."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sharedbooks.domain.throttle import counted_as
from sharedbooks_radicale.failures import TooManyUploads

_SHARE = 4
"""One address may hold one of so many threads."""


class Uploads:
    """Counts the bodies that are being read, by the address they come from.

    A body may come slowly, and its thread waits for it without limit of time.

    Args:
        threads: requests that this process handles at a time.
    """

    def __init__(self, threads: int) -> None:
        self._most = max(2, threads // _SHARE)
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    @contextmanager
    def one_from(self, address: str) -> Iterator[None]:
        """Let a body be read; an empty address is never refused.

        Raises:
            TooManyUploads: as many as are allowed are on their way from there.
        """
        if not address:
            yield
            return
        counted = counted_as(address)
        with self._lock:
            if self._running[counted] >= self._most:
                raise TooManyUploads("Too many requests are on their way from your address.")
            self._running[counted] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[counted] -= 1
                if not self._running[counted]:
                    del self._running[counted]
