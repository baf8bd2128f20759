"""A soak from its first sync to its last check."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.client import NoAnswer
from benchmarks.soak.calm import Calm
from benchmarks.soak.checks import check_history, check_phones
from benchmarks.soak.events import Events, guess_passwords
from benchmarks.soak.kinds import kind_of
from benchmarks.soak.ledger import Ledger
from benchmarks.soak.office import Office, Size
from benchmarks.soak.phone import LockedOut, Phone, World, Wrong
from benchmarks.soak.tally import Tally
from benchmarks.soak.verdict import judge
from benchmarks.soak.watching import Watch
from sharedbooks.db.engine import Database
from tests.support.process import RunningServer

_CATCHING_UP = 4
"""Phones that catch up at a time: more would only have the server open more connections to its
database than the steady load needs, each with a cache to fill."""
_HANG_UP_SECONDS = 45.0
"""After this the server has ended every connection on which nothing comes."""
_AWAY = 0.02
"""How likely a phone stays away for five times as long."""

Show = Callable[["Soak"], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a soak is.

    Attributes:
        size: of the organisation.
        seconds: how long, first and last sync not counted.
        rate: requests a second of all phones together.
        edits: how likely a phone edits a card when it wakes.
        checkpoints: how often all copies are compared, the last time at the end.
        interval: seconds between two looks at the server.
        guesses: seconds between two passwords that a stranger tries.
    """

    size: Size = field(default_factory=Size)
    seconds: float = 3600.0
    rate: float = 50.0
    edits: float = 0.15
    checkpoints: int = 3
    interval: float = 10.0
    guesses: float = 10.0


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All copies compared with the server: after so many seconds, so many cards."""

    at: float
    cards: int
    wrong: int


class Soak:
    """Everything about one soak while it runs, and after it.

    Attributes:
        phase: what is being done, in words.
        faults: why the server is not flat; known at the end.
    """

    def __init__(
        self, plan: Plan, server: RunningServer, office: Office, database: Database, watch: Watch
    ) -> None:
        self.plan = plan
        self.tally = Tally()
        self.ledger = Ledger()
        self.watch = watch
        self.checkpoints: list[Checkpoint] = []
        self.changes = 0
        self.faults: list[str] = []
        self.phase = ""
        self.warming_up = 0.0
        self._server = server
        self._office = office
        self._database = database
        self._calm = Calm()
        world = World(server.port, office, self.tally, self.ledger)
        self.phones: list[Phone] = [
            kind_of(number)(world, number, device) for number, device in enumerate(office.devices)
        ]

    @property
    def good(self) -> bool:
        """Whether nothing was wrong and the server stayed flat."""
        return not self.tally.wrong and not self.faults

    async def run(self, folder: Path, show: Show) -> None:
        """Do it all; ``show`` is called at every look, ``folder`` is for backups."""
        self.phase = "first sync of every phone"
        resting = self.watch.sockets()
        before = time.monotonic()
        await self._all_catch_up(show)
        self.warming_up = time.monotonic() - before
        self.phase = "steady load"
        self.tally.measuring = True
        self.tally.take_recent()
        events = Events(self._server, self._office, self.tally, folder)
        start = time.monotonic()
        living = [asyncio.create_task(self._live(phone)) for phone in self.phones]
        port, guesses = self._server.port, self.plan.guesses
        others = [
            asyncio.create_task(work)
            for work in (
                self._watch(show),
                guess_passwords(port, self._office, self.tally, guesses),
                events.administer(self.plan.seconds, self._calm),
                events.suffer(self.plan.seconds, self._calm),
            )
        ]
        step = self.plan.seconds / self.plan.checkpoints
        for number in range(1, self.plan.checkpoints + 1):
            await _while_going(start + number * step - time.monotonic(), [*living, *others])
            self.phase = f"checkpoint {number} of {self.plan.checkpoints}"
            async with self._calm.kept():
                if number == self.plan.checkpoints:
                    await self._end([*living, *others], events)
                await self._compare()
            self.phase = "steady load"
        self.phase = "waiting for connections to end"
        self._look(show)
        await self._hang_up(resting)

    async def _end(self, tasks: Sequence[asyncio.Task[None]], events: Events) -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.tally.measuring = False
        await events.restore_devices()

    async def _live(self, phone: Phone) -> None:
        plan, random = self.plan, phone.random
        share = plan.size.phones / plan.rate
        pause = 4 * share
        await asyncio.sleep(random.uniform(0, pause))
        while True:
            # After a calm not everybody comes at once.
            if await self._calm.waited():
                await asyncio.sleep(random.uniform(0, pause))
            async with self._calm.busy():
                before = phone.sent
                await phone.visit(plan.edits)
            # Each phone alone keeps to its share of the rate, whatever a visit takes.
            pause = (phone.sent - before or 1) * share * random.uniform(0.5, 1.5)
            if random.random() < _AWAY:
                pause *= 5
            if random.random() < 0.5:
                phone.close()
            await asyncio.sleep(pause)

    async def _watch(self, show: Show) -> None:
        while True:
            self._look(show)
            await asyncio.sleep(self.plan.interval)

    def _look(self, show: Show) -> None:
        self.watch.look(self.tally.take_recent(), self.tally.wrong)
        show(self)

    async def _compare(self) -> None:
        """Let every phone catch up, and compare all that it has with the server."""
        measuring, self.tally.measuring = self.tally.measuring, False
        await self._all_catch_up(lambda _: None)
        working = [phone for phone in self.phones if phone.device.works.now]
        checked, wrong = check_phones(self._database, working)
        self.changes, missing = check_history(self._database, self.ledger)
        for complaint in [*wrong, *missing]:
            self.tally.complain(complaint)
        at = self.watch.looks[-1].at if self.watch.looks else 0.0
        self.checkpoints.append(Checkpoint(at, checked, len(wrong) + len(missing)))
        self.tally.measuring = measuring

    async def _all_catch_up(self, show: Show) -> None:
        waiting = iter(self.phones)

        async def catch_up() -> None:
            for phone in waiting:
                try:
                    await phone.catch_up()
                except (LockedOut, Wrong, NoAnswer):
                    if phone.device.works.now:
                        self.tally.complain(f"{phone.kind} of {phone.device.user} cannot sync")
                finally:
                    phone.close()
                show(self)

        async with asyncio.TaskGroup() as group:
            for _ in range(_CATCHING_UP):
                group.create_task(catch_up())

    async def _hang_up(self, resting: dict[int, int]) -> None:
        """End all connections, and judge once the server has had time to notice."""
        for phone in self.phones:
            phone.close()
        deadline = time.monotonic() + _HANG_UP_SECONDS
        # A worker that came later rests with as many as the one that rests with the most.
        usual = max(resting.values(), default=0)
        spare = 0 if self._database.dialect == "sqlite" else 2 * 10
        while True:
            left = max(count - usual - spare for count in self.watch.sockets().values())
            if left <= 0 or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
        self.faults = judge(self.watch.looks, left)


async def _while_going(seconds: float, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Sleep, unless one of the tasks fails.

    Raises:
        Exception: what it failed with.
    """
    done, _ = await asyncio.wait(
        tasks, timeout=max(0.0, seconds), return_when=asyncio.FIRST_EXCEPTION
    )
    for task in done:
        task.result()
