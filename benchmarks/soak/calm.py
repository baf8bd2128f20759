"""Moments in which nobody does anything, so that what phones have can be compared."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Calm:
    """Lets everybody be busy, until somebody wants calm."""

    def __init__(self) -> None:
        self._open = asyncio.Event()
        self._open.set()
        self._still = asyncio.Condition()
        self._busy = 0

    async def waited(self) -> bool:
        """Wait until nobody wants calm; return whether somebody did."""
        wanted = not self._open.is_set()
        await self._open.wait()
        return wanted

    @asynccontextmanager
    async def busy(self) -> AsyncIterator[None]:
        """Wait until nobody wants calm, then be busy for the length of the block."""
        await self._open.wait()
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            async with self._still:
                self._still.notify_all()

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Wait until nobody is busy, and keep everybody waiting for the length of the block."""
        self._open.clear()
        try:
            async with self._still:
                await self._still.wait_for(lambda: self._busy == 0)
            yield
        finally:
            self._open.set()
