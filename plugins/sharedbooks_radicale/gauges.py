"""Numbers that are found out when Prometheus asks for them."""

import logging
import os
import threading
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy import Connection, func, select

import sharedbooks
from sharedbooks.db.schema import address_books, cards, principals
from sharedbooks.domain.principals import PrincipalKind
from sharedbooks.runtime import Runtime
from sharedbooks.watching.board import BOARD
from sharedbooks.watching.exposition import Gauge
from sharedbooks.watching.metrics import CONTENTS, COUNTING, DIRECTORY_STATES

_logger = logging.getLogger("sharedbooks.monitoring")

_SHORTEST_PAUSE = 60
_SHARE = 100
_LONGEST_COUNT = 600
"""Seconds after which a process that counts is taken for dead."""


class Census:
    """Counts cards now and then: never while somebody waits, and for a hundredth of the time.

    A database of millions of cards takes seconds to count. So whoever asks is told the last count,
    and a new one begins when a hundred times as long has passed as the last one took.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._database = runtime.database

    def renew(self) -> None:
        """Begin to count if that is due and no other process is at it."""
        moment = time.time()
        counted_at, *_, seconds = CONTENTS.read()
        (began_at,) = COUNTING.read()
        due = counted_at + max(_SHORTEST_PAUSE, _SHARE * seconds)
        if moment < due or (began_at > counted_at and moment < began_at + _LONGEST_COUNT):
            return
        COUNTING.write(moment)
        threading.Thread(target=self._count, daemon=True).start()

    def _count(self) -> None:
        started = time.monotonic()
        try:
            numbers = self._database.run_read(_contents)
        except Exception as error:  # noqa: BLE001 - the next time may be better
            _logger.warning("cards could not be counted: %s", error)
            return
        CONTENTS.write(time.time(), *numbers, time.monotonic() - started)


def _contents(connection: Connection) -> tuple[int, int, int]:
    statements = (
        select(func.count()).where(cards.c.book_id.in_(select(address_books.c.id).where(_LIVING))),
        select(func.count()).select_from(address_books).where(_LIVING),
        select(func.count()).where(principals.c.kind == PrincipalKind.USER.value),
    )
    found = [int(connection.execute(statement).scalar_one()) for statement in statements]
    return found[0], found[1], found[2]


_LIVING = address_books.c.deletion == 0


def gauges(runtime: Runtime) -> list[Gauge]:
    """Return what there is to tell beside what is counted as it happens."""
    processes = BOARD.processes()
    server, database = runtime.config.server, runtime.config.database
    sqlite = runtime.database.dialect == "sqlite"
    limits = {"reading": database.pool_size, "writing": 1 if sqlite else database.pool_size}
    return [
        Gauge(
            "sharedbooks_info",
            "The version that runs and its kind of database; always 1.",
            [({"version": sharedbooks.__version__, "database": runtime.database.dialect}, 1)],
        ),
        Gauge("sharedbooks_workers", "Worker processes that run.", [({}, len(processes))]),
        Gauge(
            "sharedbooks_request_places",
            "Requests that all workers together can work on at a time.",
            [({}, len(processes) * server.threads)],
        ),
        Gauge(
            "sharedbooks_database_connection_places",
            "Database connections that all workers together may have at work.",
            [({"use": use}, len(processes) * limit) for use, limit in limits.items()],
        ),
        Gauge(
            "sharedbooks_memory_bytes",
            "Memory that the workers hold; what they share is counted for each of them.",
            [({}, sum(map(_resident, processes)))],
        ),
        Gauge(
            "sharedbooks_open_files",
            "Files and connections that the workers have open.",
            [({}, sum(map(_open_files, processes)))],
        ),
        *_contents_gauges(),
        Gauge(
            "sharedbooks_directory_up",
            "1 if the directory answered when it was asked last, 0 if it did not.",
            [
                ({"directory": directory.config.name}, up)
                for directory, state in zip(runtime.directories, DIRECTORY_STATES, strict=False)
                for asked_at, up in [state.read()]
                if asked_at
            ],
        ),
    ]


def _contents_gauges() -> list[Gauge]:
    counted_at, number_of_cards, number_of_books, number_of_users, _ = CONTENTS.read()
    known = [
        ("sharedbooks_cards", "Cards in all address books.", number_of_cards),
        ("sharedbooks_books", "Address books.", number_of_books),
        ("sharedbooks_users", "Users.", number_of_users),
        (
            "sharedbooks_counted_timestamp_seconds",
            "When cards, address books and users were counted, in seconds since 1970.",
            counted_at,
        ),
    ]
    return [
        Gauge(name, meaning, [({}, number)] if counted_at else [])
        for name, meaning, number in known
    ]


def _resident(process: int) -> int:
    with suppress(OSError):
        pages = Path(f"/proc/{process}/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _open_files(process: int) -> int:
    with suppress(OSError):
        return sum(1 for _ in Path(f"/proc/{process}/fd").iterdir())
    return 0
