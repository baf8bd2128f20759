"""How the C library shares out memory among threads."""

import ctypes
from contextlib import suppress

_M_ARENA_MAX = -8
"""A parameter of ``mallopt`` (malloc.h of glibc)."""
_ARENAS = 2


def share_arenas() -> None:
    """Let the threads of this process, and of those it forks, allocate from the same few heaps.

    By itself glibc gives a new thread a heap of its own, up to eight for each core, and each of
    them keeps what it once needed: a worker grows for hours, until every thread has had its share
    of long answers. Another C library than glibc is left as it is.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
