"""Many devices at once: phones that mostly poll, and writers that share cards."""

import asyncio
import re
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from random import Random

from benchmarks.client import Client, NoAnswer, Reply
from benchmarks.corpus import make_counter
from benchmarks.measuring import Meter, Sample, measured
from benchmarks.operations import (
    Site,
    home_of,
    hrefs,
    make_book,
    multiget,
    poll,
    put,
    put_changed,
    sync,
    token_of,
)

PHONES = 200
WRITERS = 8
_SHARED_CARDS = 20
_WRITING_VISIT = 20
_COUNT = re.compile(rb"NOTE:count (\d+)")


@dataclass(slots=True)
class WritersResult:
    """What the writers did; ``lost`` are updates that were answered well and are not there."""

    sample: Sample = field(default_factory=Sample)
    clashes: int = 0
    lost: int = 0


class _Phones:
    """Visits to one book, whose requests go into one sample."""

    def __init__(self, site: Site, sample: Sample, end: float, *, kept: bool) -> None:
        self._site = site
        self._sample = sample
        self._end = end
        self._kept = kept

    async def live(self, number: int) -> None:
        """Be one phone until the end."""
        client = Client(self._site.address)
        visits = number
        while time.perf_counter() < self._end:
            visits += 1
            try:
                await self._visit(client, writes=visits % _WRITING_VISIT == 0)
            except NoAnswer as error:
                self._sample.failures += 1
                self._sample.complaint = str(error)
                await asyncio.sleep(0.1)
            if not self._kept:
                client.close()
        client.close()

    async def _visit(self, client: Client, *, writes: bool) -> None:
        site = self._site
        token = token_of(await self._timed(poll(client, site)))
        if not writes:
            return
        await self._timed(put_changed(client, site))
        news = await self._timed(sync(client, site, token))
        changed = [path for path in hrefs(news) if path.endswith(".vcf")]
        if changed:
            await self._timed(multiget(client, site, changed[:100]))

    async def _timed(self, request: Awaitable[Reply]) -> Reply:
        start = time.perf_counter()
        reply = await request
        _note(self._sample, reply, start)
        return reply


async def run_phones(site: Site, meter: Meter, seconds: float, *, kept: bool) -> Sample:
    """Let 200 phones visit the book without pauses; each request counts.

    A visit is a poll for the sync token; every twentieth one also changes a card, asks what is
    new since that token, and fetches it.

    Args:
        site: the book.
        meter: of its server.
        seconds: no visit begins after them.
        kept: whether a phone keeps its connection from one visit to the next.
    """
    with measured(meter) as sample:
        phones = _Phones(site, sample, time.perf_counter() + seconds, kept=kept)
        async with asyncio.TaskGroup() as group:
            for number in range(PHONES):
                group.create_task(phones.live(number))
    return sample


async def run_writers(site: Site, meter: Meter, seconds: float) -> WritersResult:
    """Let 8 writers raise the counts on 20 shared cards, each with ``If-Match``."""
    names = [f"counter-{time.time_ns()}-{number}" for number in range(_SHARED_CARDS)]
    client = Client(site.address)
    for name in names:
        await put(client, f"{site.book}{name}.vcf", make_counter(name, 0))
    result = WritersResult()

    async def raise_count(writer: Client, name: str) -> None:
        path = f"{site.book}{name}.vcf"
        read = await writer.request("GET", path)
        before = time.perf_counter()
        conditions = {"If-Match": read.header("ETag") or '"none"'}
        reply = await put(writer, path, make_counter(name, _count(read) + 1), conditions)
        if reply.status == 412:
            result.clashes += 1
        else:
            _note(sample, reply, before)

    async def write(number: int) -> None:
        writer, random = Client(site.address), Random(number)
        while time.perf_counter() < end:
            try:
                await raise_count(writer, random.choice(names))
            except NoAnswer as error:
                sample.failures += 1
                sample.complaint = str(error)
        writer.close()

    with measured(meter) as sample:
        result.sample = sample
        end = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for number in range(WRITERS):
                group.create_task(write(number))
    kept = 0
    for name in names:
        kept += _count(await client.request("GET", f"{site.book}{name}.vcf"))
        await client.request("DELETE", f"{site.book}{name}.vcf")
    client.close()
    result.lost = len(sample.times) - kept
    return result


async def run_writers_apart(site: Site, meter: Meter, seconds: float) -> Sample:
    """Let 8 writers store versions of 20 cards, each in a book of their own."""
    client = Client(site.address)
    books = [f"{home_of(site)}writer-{time.time_ns()}-{number}/" for number in range(WRITERS)]
    for book in books:
        await make_book(client, book)

    async def write(book: str) -> None:
        writer, count = Client(site.address), 0
        while (start := time.perf_counter()) < end:
            count += 1
            name = f"counter-{count % _SHARED_CARDS}"
            try:
                reply = await put(writer, f"{book}{name}.vcf", make_counter(name, count))
            except NoAnswer as error:
                sample.failures += 1
                sample.complaint = str(error)
                continue
            _note(sample, reply, start)
        writer.close()

    with measured(meter) as sample:
        end = time.perf_counter() + seconds
        async with asyncio.TaskGroup() as group:
            for book in books:
                group.create_task(write(book))
    for book in books:
        await client.request("DELETE", book)
    client.close()
    return sample


def _note(sample: Sample, reply: Reply, start: float) -> None:
    if reply.status < 300:
        sample.times.append(time.perf_counter() - start)
    else:
        sample.failures += 1
        sample.complaint = f"{reply.status} {reply.body[:100]!r}"


def _count(reply: Reply) -> int:
    found = _COUNT.search(reply.body)
    return int(found[1]) if found else 0
