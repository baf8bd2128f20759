"""A database server that is slow, silent, cut off: every request ends, and then all goes on."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest
from sqlalchemy import Connection

from sharedbooks.db.engine import Database
from sharedbooks.domain.principals import lock_principal
from sharedbooks.errors import StoreBusy
from tests.faults.conftest import ANSWER_SECONDS, BUSY_SECONDS, Distant
from tests.http.client import Answer, Client
from tests.http.world import vcard
from tests.support.network import wait_for

pytestmark = pytest.mark.databases("postgresql", "mariadb")

AT_ONCE = 12
# Waiting for a connection, for its statement, and for one more that the retry makes.
LONGEST_SECONDS = 2 * (BUSY_SECONDS + ANSWER_SECONDS + 2) + 4


def _timed(request: Callable[[], Answer]) -> tuple[Answer, float]:
    started = time.monotonic()
    answer = request()
    return answer, time.monotonic() - started


def _require_busy(answer: Answer) -> None:
    assert answer.status == 503, answer
    assert int(answer.headers["Retry-After"]) > 0


def test_a_silent_database_costs_every_request_a_bounded_time(distant: Distant) -> None:
    world = distant.world
    alice, book = world.shared()
    path = alice.path(book, "ann.vcf")
    clients = [world.client(headers=alice.headers) for _ in range(AT_ONCE)]
    for client in clients:
        client.put(path, vcard())
        assert client.get(path).status == 200
    distant.proxy.swallow()

    def use(number: int) -> list[tuple[Answer, float]]:
        client, found = clients[number], []
        for round_ in range(3):
            card = vcard("ann", f"{number} {round_}")
            write = partial(client.put, path, card)
            found.append(_timed(write if (number + round_) % 3 == 0 else partial(client.get, path)))
        return found

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = [pair for some in pool.map(use, range(AT_ONCE)) for pair in some]
    for answer, seconds in answers:
        _require_busy(answer)
        assert seconds < LONGEST_SECONDS
    # Once it is known to be silent, it is asked now and then, and nobody else waits.
    quick = sorted(_timed(lambda c=client: c.get("/-/health"))[1] for client in clients)
    assert quick[len(quick) // 2] < 1
    distant.proxy.carry()
    wait_for(lambda: all(c.get(path).status == 200 for c in clients), 20, "answers")
    assert alice.put(path, vcard("ann", "Back")).status == 204
    assert clients[0].get(path).body == vcard("ann", "Back")


def test_a_slow_database_is_waited_for(distant: Distant) -> None:
    alice, book = distant.world.shared()
    path = alice.path(book, "ann.vcf")
    distant.proxy.delay = 0.03
    assert alice.put(path, vcard()).status == 201
    token = alice.sync(alice.path(book)).sync_token
    assert alice.put(path, vcard("ann", "Changed")).status == 204
    assert alice.sync(alice.path(book), token).hrefs == [path]
    assert alice.get(path).body == vcard("ann", "Changed")


def test_connections_cut_in_the_middle_are_success_or_503(distant: Distant) -> None:
    world = distant.world
    alice, book = world.shared()
    assert alice.books()
    stop = threading.Event()

    def write(client: Client, number: int) -> tuple[list[Answer], dict[str, bytes]]:
        answers, stored, step = [], {}, 0
        while not stop.is_set():
            step += 1
            name = f"{number}-{step}.vcf"
            card = vcard(name)
            answer = client.put(alice.path(book, name), card)
            answers.append(answer)
            if answer.status == 201:
                stored[name] = card
        return answers, stored

    with ThreadPoolExecutor(4) as pool:
        clients = [world.client(headers=alice.headers) for _ in range(4)]
        running = [pool.submit(write, client, n) for n, client in enumerate(clients)]
        try:
            for _ in range(8):
                time.sleep(0.25)
                distant.proxy.cut()
        finally:
            stop.set()
        outcomes = [each.result(60) for each in running]
    held = world.stored(book)
    for answers, stored in outcomes:
        assert {answer.status for answer in answers} <= {201, 503}
        for answer in answers:
            if answer.status == 503:
                _require_busy(answer)
        assert stored.items() <= held.items()
    assert sum(len(stored) for _, stored in outcomes) > 0
    wait_for(lambda: alice.get("/-/health").status == 200, 10, "a healthy server")


def test_a_node_that_is_cut_off_keeps_no_lock(distant: Distant, database: Database) -> None:
    user = distant.world.user()
    lost = Database(distant.url, busy_timeout=BUSY_SECONDS, answer_timeout=ANSWER_SECONDS)
    started = 0.0

    def vanish(connection: Connection) -> None:
        nonlocal started
        lock_principal(connection, user.id)
        distant.proxy.swallow()
        started = time.monotonic()
        database.run_write(lambda other: lock_principal(other, user.id))
        assert time.monotonic() - started < 3 * ANSWER_SECONDS
        lock_principal(connection, user.id)

    with closing(lost), pytest.raises(StoreBusy):
        lost.run_write(vanish)
    assert started > 0


def test_commands_wait_for_long_statements(database_url: str) -> None:
    sleep = "SELECT pg_sleep(2)" if database_url.startswith("postgresql") else "SELECT SLEEP(2)"
    with (
        closing(Database(database_url, answer_timeout=1)) as requests,
        pytest.raises(StoreBusy),
        requests.read() as connection,
    ):
        connection.exec_driver_sql(sleep).all()
    with closing(Database(database_url)) as commands, commands.read() as connection:
        assert len(connection.exec_driver_sql(sleep).all()) == 1
