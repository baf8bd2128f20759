"""What happens to a server in a soak: the administrator's work, a reload, a killed worker."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

from benchmarks.client import Address, Client, NoAnswer
from benchmarks.soak.calm import Calm
from benchmarks.soak.office import Device, Office
from benchmarks.soak.tally import Tally
from tests.http.client import basic
from tests.support.daemon import family_of
from tests.support.process import RunningServer

_KILL_WINDOW = 10.0
"""Seconds in which requests may stay unanswered because their worker was killed."""
_RELOAD_SECONDS = 60.0

Happening = Callable[[], Awaitable[None]]


class Events:
    """The administrator and accidents.

    Args:
        server: what they happen to.
        office: changed by them.
        tally: notes them.
        folder: for backups.
    """

    def __init__(self, server: RunningServer, office: Office, tally: Tally, folder: Path) -> None:
        self._server = server
        self._office = office
        self._tally = tally
        self._backup = folder / "backup"
        self._random = Random(7)
        self._guests: list[tuple[str, str]] = []
        self._strays: list[tuple[str, str]] = []
        self._lost: list[Device] = []

    async def administer(self, duration: float, calm: Calm) -> None:
        """Do the administrator's work: grants, groups and devices, and now and then the rest."""
        every = min(20.0, duration / 4)
        changes = [self._change_access, self._change_device]
        often = [
            (every * number, changes[number % len(changes)])
            for number in range(1, int(duration / every))
        ]
        seldom = [
            (0.25 * duration, self._back_up),
            (0.40 * duration, self._maintain),
            (0.80 * duration, self._back_up),
        ]
        await _happen(often + seldom, calm)

    async def suffer(self, duration: float, calm: Calm) -> None:
        """Kill a worker, and have all replaced; early, so that the new ones live for long."""
        schedule = [(0.10 * duration, self._kill_worker), (0.20 * duration, self._reload)]
        await _happen(schedule, calm)

    async def _change_access(self) -> None:
        """Let a guest into a book or out again, or a member out of a group or in again."""
        office, random = self._office, self._random
        choice = random.randrange(4)
        if choice == 0 and self._guests:
            user, book = self._guests.pop(random.randrange(len(self._guests)))
            with office.standing(user, book).changing(None):
                await self._command("grant", "remove", book, f"user:{user}")
        elif choice == 1 and self._strays:
            user, book = self._strays.pop(random.randrange(len(self._strays)))
            with office.standing(user, book).changing(office.privilege_of_group(book)):
                await self._command("group", "add-member", f"group-{book}", user)
        elif choice % 2 == 0:
            user, book = self._pick(has_access=False)
            if (user, book) in self._strays:
                return
            privilege = random.choice(["read", "edit-own", "write"])
            self._guests.append((user, book))
            with office.standing(user, book).changing(privilege):
                await self._command("grant", "add", book, f"user:{user}", privilege)
        else:
            user, book = self._pick(has_access=True)
            if (user, book) in self._guests:
                return
            self._strays.append((user, book))
            with office.standing(user, book).changing(None):
                await self._command("group", "remove-member", f"group-{book}", user)

    def _pick(self, *, has_access: bool) -> tuple[str, str]:
        while True:
            user = self._random.choice(self._office.users)
            book = self._random.choice(self._office.books)
            if (self._office.standing(user, book).now is not None) == has_access:
                return user, book

    async def _change_device(self) -> None:
        """Revoke the password of a phone, or give one that has none a new one."""
        if len(self._lost) >= 10 or (self._lost and self._random.random() < 0.5):
            device = self._lost.pop(0)
            printed = await self._command("device", "add", "--json", device.user, device.label)
            device.password = json.loads(printed)["password"]
            with device.works.changing(value=True):
                pass
            return
        device = self._random.choice(self._office.devices)
        if device not in self._lost:
            self._lost.append(device)
            with device.works.changing(value=False):
                await self._command("device", "revoke", device.user, device.label)

    async def restore_devices(self) -> None:
        """Give every phone without a password a new one."""
        for device in self._lost:
            printed = await self._command("device", "add", "--json", device.user, device.label)
            device.password = json.loads(printed)["password"]
            with device.works.changing(value=True):
                pass
        self._lost.clear()

    async def _kill_worker(self) -> None:
        workers = sorted(family_of(self._server.pid) - {self._server.pid})
        self._tally.counts["workers killed"] += 1
        self._tally.excuse(_KILL_WINDOW)
        os.kill(self._random.choice(workers), signal.SIGKILL)

    async def _reload(self) -> None:
        before = self._server.log.count("All workers are replaced")
        os.kill(self._server.pid, signal.SIGHUP)
        deadline = time.monotonic() + _RELOAD_SECONDS
        while self._server.log.count("All workers are replaced") == before:
            if time.monotonic() > deadline:
                self._tally.complain("the reload did not come to an end")
                return
            await asyncio.sleep(0.2)
        self._tally.counts["reloads"] += 1

    async def _maintain(self) -> None:
        await self._command("maintenance")
        self._tally.counts["maintenance runs"] += 1

    async def _back_up(self) -> None:
        self._backup.unlink(missing_ok=True)
        await self._command("backup", str(self._backup))
        self._tally.counts["backups"] += 1

    async def _command(self, *arguments: str) -> str:
        """Run a command of the administrator's and return what it printed."""
        program = [sys.executable, "-m", "sharedbooks.cli", "--config", str(self._server.config)]
        process = await asyncio.create_subprocess_exec(
            *program, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
        )
        printed, said = await process.communicate()
        if process.returncode:
            self._tally.complain(f"sharedbooks {' '.join(arguments)}: {said.decode()}")
        self._tally.counts["commands"] += 1
        return printed.decode()


async def _happen(schedule: list[tuple[float, Happening]], calm: Calm) -> None:
    """Let everything happen, seconds from now, except while phones are being compared."""
    start = time.monotonic()
    for moment, happening in sorted(schedule, key=lambda each: each[0]):
        await asyncio.sleep(max(0.0, start + moment - time.monotonic()))
        async with calm.busy():
            await happening()


async def guess_passwords(port: int, office: Office, tally: Tally, pause: float) -> None:
    """Be a stranger who tries passwords, from few addresses, for as long as nobody cancels it."""
    random, client = Random(3), Client(Address(port))
    while True:
        await asyncio.sleep(pause * random.uniform(0.5, 1.5))
        guess = basic(random.choice(office.users), f"guess-{random.random()}")
        headers = {"Authorization": guess, "X-Forwarded-For": f"192.0.2.{random.randrange(4)}"}
        since, before = time.monotonic(), time.perf_counter()
        try:
            reply = await client.request("PROPFIND", "/", b"", headers)
        except NoAnswer as error:
            tally.unanswered(since, f"stranger: {error}")
            continue
        finally:
            client.close()
        tally.answered("guess", time.perf_counter() - before, reply.status)
        if reply.status not in {401, 429} or (reply.status == 429) != bool(
            reply.header("Retry-After")
        ):
            tally.complain(f"a guessed password is answered with {reply.status}")
