"""Writers and followers of one book, behind nginx, while something breaks."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

from tests.nodes.site import Site
from tests.support.network import wait_for
from tests.support.writing import (
    Follower,
    done,
    etags_by_sync,
    make_writers,
    require_sound,
    working,
)

_PATIENCE = 12
"""Seconds within which every request is answered, whatever breaks."""

_logger = logging.getLogger("tests.nodes")


class Crew:
    """Four writers and two followers, whose requests nginx spreads over the nodes."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._alice, self.book = site.world.shared()
        assert self._alice.books()
        self._writers = make_writers(site.world, self._alice, self.book, 4, sent_twice=True)
        self._followers = [
            Follower(site.world.client(headers=self._alice.headers), self._alice.path(self.book))
            for _ in range(2)
        ]
        self._broken_at = 0.0

    @contextmanager
    def working(self) -> Iterator[None]:
        """Have them work while the block breaks something, and for a while after it."""
        with working([*self._writers, *self._followers], first=100):
            self._broken_at = time.monotonic()
            yield
            wanted = done(self._writers) + 100
            wait_for(lambda: done(self._writers) >= wanted, 60, "writes after it broke")

    def check(self) -> None:
        """Check that nothing acknowledged is lost, that nobody waited long, and every token."""
        # Connections to what broke are of no use any more.
        self._site.database.close()
        self._alice.close()
        stored = self._site.world.stored(self.book)
        for writer in self._writers:
            writer.check(stored)
            assert writer.slowest < _PATIENCE
        require_sound(self._site.database, self._site.world, self._alice, self.book)
        etags = etags_by_sync(self._alice, self.book)
        for follower in self._followers:
            follower.check(etags)
        self._report()

    def _report(self) -> None:
        moments = sorted(moment for writer in self._writers for moment in writer.moments)
        after = [moment for moment in moments if moment > self._broken_at]
        _logger.info(
            "gap %.2f s; %d writes before, %d after, %d refused; slowest answer %.2f s",
            max(later - earlier for earlier, later in pairwise([self._broken_at, *after])),
            len(moments) - len(after),
            len(after),
            sum(len(writer.refused) for writer in self._writers),
            max(writer.slowest for writer in self._writers),
        )
