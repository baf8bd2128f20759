"""What is fuzzed: a function of octets that may refuse them with a typed error, no more."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sharedbooks.errors import SharedbooksError

SECONDS = 2.0
"""CPU time that no input of a few kilobytes may take."""


@dataclass(frozen=True, slots=True)
class Target:
    """A parser with what its input is made of.

    Attributes:
        name: as it is called on the command line.
        parse: reads octets; fails on what must never be.
        tokens: pieces of input that lead deep into it.
        seeds: whole inputs that it takes.
    """

    name: str
    parse: Callable[[bytes], object]
    tokens: Sequence[bytes]
    seeds: Sequence[bytes] = ()

    def run(self, octets: bytes) -> None:
        """Parse ``octets``.

        Raises:
            AssertionError: it took too long, or a promise is broken.
            Exception: any other is a crash.
        """
        started = time.process_time()
        with suppress(SharedbooksError):
            self.parse(octets)
        taken = time.process_time() - started
        assert taken < SECONDS, f"{self.name} took {taken:.1f} s for {len(octets)} octets"
