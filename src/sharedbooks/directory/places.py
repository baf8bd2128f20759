"""How many threads of a process may wait for directories."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from sharedbooks.errors import DirectoryUnavailable

_PATIENCE = 0.5


class Places:
    """Keeps threads free for requests that need no directory, however slow it is.

    A directory that answers is waited for. One that has kept somebody waiting for half a second
    already is not: whoever finds every place taken then, is sent away.

    Args:
        number: how many threads may be busy with directories at a time.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._since: dict[object, float] = {}
        self._freed = threading.Condition()

    @contextmanager
    def take(self) -> Iterator[None]:
        """Have a place for as long as the context lasts.

        Raises:
            DirectoryUnavailable: they are all taken by others who wait in vain.
        """
        mark = object()
        with self._freed:
            while len(self._since) >= self._number:
                waited = time.monotonic() - min(self._since.values())
                if waited > _PATIENCE:
                    raise DirectoryUnavailable(
                        "Too many logins wait for the directory.", retry_after=5
                    )
                self._freed.wait(_PATIENCE - waited + 0.01)
            self._since[mark] = time.monotonic()
        try:
            yield
        finally:
            with self._freed:
                del self._since[mark]
                self._freed.notify()
