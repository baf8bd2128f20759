"""Which servers of a directory are worth asking now."""

import math
import threading
import time

from sharedbooks.config import DirectoryConfig, LdapServer

_HANGING_PAUSE = 30.0
_FAILING_PAUSE = 2.0


class Availability:
    """Leaves servers alone for a while that do not answer, for all threads of a process.

    A server that hangs costs whoever asks it the whole timeout, so it is not asked again for half a
    minute; one that fails at once (it is being restarted) for two seconds. When the pause is over
    one thread tries, and only when it succeeds do the others.

    Args:
        config: the directory.
    """

    def __init__(self, config: DirectoryConfig) -> None:
        self._timeout = config.timeout
        self._pauses: dict[LdapServer, float] = {}
        self._lock = threading.Lock()

    def take(self, server: LdapServer) -> bool:
        """True if ``server`` may be asked; the caller reports what became of it."""
        with self._lock:
            end = self._pauses.get(server)
            if end is None:
                return True
            if time.monotonic() < end:
                return False
            self._pauses[server] = time.monotonic() + 3 * self._timeout
            return True

    def succeeded(self, server: LdapServer) -> None:
        """Note that ``server`` has answered."""
        if server in self._pauses:
            with self._lock:
                self._pauses.pop(server, None)

    def is_hanging(self, seconds: float) -> bool:
        """True if ``seconds`` are so many that the server let the timeout pass."""
        return seconds >= 0.9 * self._timeout

    def failed(self, server: LdapServer, seconds: float) -> None:
        """Note that ``server`` failed after ``seconds`` of waiting."""
        pause = _HANGING_PAUSE if self.is_hanging(seconds) else _FAILING_PAUSE
        with self._lock:
            self._pauses[server] = time.monotonic() + pause

    @property
    def retry_after(self) -> int:
        """Seconds until a server is worth asking again, at least one."""
        with self._lock:
            ends = list(self._pauses.values())
        return max(1, math.ceil(min(ends) - time.monotonic())) if ends else 1
