"""What the server tells Prometheus: counted over all of its workers, and to nobody else."""

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.watching.metrics import INSTRUMENTS
from tests.http.conftest import Served
from tests.http.world import World, vcard
from tests.support.daemon import family_of
from tests.support.databases import SqliteDatabases
from tests.support.metrics import Metrics
from tests.support.network import LOOPBACK, wait_for
from tests.support.process import RunningServer


@pytest.fixture
def world(watched: Served) -> Iterator[World]:
    """People and books on the server that tells its numbers, with all of its workers."""
    wait_for(lambda: "Serving at" in watched.server.log, 60, "all workers")
    with watched.world() as made:
        yield made


def scrape(world: World) -> Metrics:
    with world.client() as client:
        answer = client.get("/-/metrics")
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    return Metrics(answer.body.decode())


def test_requests_are_counted_by_method_status_and_app_over_all_workers(world: World) -> None:
    alice, book = world.shared()
    assert alice.books()
    before = scrape(world)
    for number in range(30):
        phone = world.client(headers={**alice.headers, "User-Agent": "DAVx5/4.5.19 dav4jvm/2"})
        assert phone.put(alice.path(book, f"{number}.vcf"), vcard(str(number))).status == 201
    after = scrape(world)
    made = {"method": "PUT", "status": "201", "client": "davx5"}
    assert after("sharedbooks_requests_total", **made) == 30 + before(
        "sharedbooks_requests_total", **made
    )
    seconds = "sharedbooks_request_seconds_count"
    assert after(seconds, method="PUT") == 30 + before(seconds, method="PUT")
    assert after("sharedbooks_request_seconds_sum", method="PUT") > 0
    commits = "sharedbooks_database_commit_seconds_count"
    assert after(commits) >= 30 + before(commits)
    locks = "sharedbooks_database_lock_seconds_bucket"
    assert after(locks, le="+Inf") >= 30 + before(locks, le="+Inf")


def test_whatever_strangers_send_makes_no_new_series(world: World) -> None:
    total = "sharedbooks_requests_total"
    before = scrape(world)
    for number in range(20):
        client = world.client(headers={"User-Agent": f"made-up-{number}"})
        client.request(f"BREW{number}", "/")
    found = scrape(world)
    assert found(total, method="other", status="405", client="other") >= 20
    for label, known in (("client", {"other", "none"}), ("method", {"other", "GET"})):
        assert found.values(total, label) <= before.values(total, label) | known


def test_logins_are_counted_by_what_became_of_them(world: World) -> None:
    alice = world.member()
    nobody = world.user("nobody")

    def outcomes() -> dict[str, float]:
        found = scrape(world)
        kinds = ("device", "none", "refused", "throttled")
        return {kind: found("sharedbooks_logins_total", outcome=kind) for kind in kinds}

    before = outcomes()
    assert alice.propfind("/").status == 207
    assert world.client().propfind("/").status == 401
    statuses = [
        world.client((nobody.name, f"wrong-{number}"), {"X-Forwarded-For": "192.0.2.77"})
        .propfind("/")
        .status
        for number in range(5)
    ]
    assert statuses == [401, 401, 401, 429, 429]
    grown = {kind: number - before[kind] for kind, number in outcomes().items()}
    assert grown == {"device": 1, "none": 1, "refused": 3, "throttled": 2}


def test_sizes_of_syncs_are_counted(world: World) -> None:
    alice, book = world.shared()
    for number in range(7):
        assert alice.put(alice.path(book, f"{number}.vcf"), vcard(str(number))).status == 201
    before = scrape(world)
    token = alice.sync(alice.path(book)).sync_token
    assert alice.delete(alice.path(book, "3.vcf")).status == 204
    alice.sync(alice.path(book), token)
    after = scrape(world)

    def grown(name: str, **labels: str) -> float:
        return after(name, **labels) - before(name, **labels)

    assert grown("sharedbooks_sync_changes_sum", sync="first") == 7
    assert grown("sharedbooks_sync_changes_bucket", sync="first", le="1") == 0
    assert grown("sharedbooks_sync_changes_bucket", sync="first", le="10") == 1
    assert grown("sharedbooks_sync_changes_sum", sync="later") == 1
    assert grown("sharedbooks_sync_changes_bucket", sync="later", le="1") == 1


def test_a_mass_deletion_is_counted(world: World) -> None:
    alice, book = world.shared()
    before = scrape(world)("sharedbooks_mass_deletions_total")
    for number in range(60):
        assert alice.put(alice.path(book, f"{number}.vcf"), vcard(str(number))).status == 201
    for number in range(60):
        assert alice.delete(alice.path(book, f"{number}.vcf")).status == 204
    assert scrape(world)("sharedbooks_mass_deletions_total") == before + 1


def test_the_whole_is_described(world: World) -> None:
    found = scrape(world)
    assert found("sharedbooks_workers") == 3
    assert found("sharedbooks_worker_starts_total") == 3
    assert found("sharedbooks_request_places") == 96
    assert found("sharedbooks_database_connection_places", use="reading") == 30
    assert found("sharedbooks_database_connection_places", use="writing") == 3
    # The question for the numbers itself is being worked on.
    assert found("sharedbooks_requests_in_progress") == 1
    # Cards may be counted just now, in a transaction that reads.
    wait_for(lambda: scrape(world)("sharedbooks_database_connections") == 0, 10, "no connection")
    assert found("sharedbooks_memory_bytes") > 3 * 20e6
    assert found("sharedbooks_open_files") > 30
    assert found("sharedbooks_info", database="sqlite") == 1
    assert {instrument.name for instrument in INSTRUMENTS} <= found.families.keys()


def test_cards_books_and_users_are_counted_in_the_background(
    tmp_path: Path, sqlite_databases: SqliteDatabases
) -> None:
    settings: Mapping[str, Any] = {"server.workers": 2, "monitoring.allow": [LOOPBACK]}
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path, url, settings) as server,
        closing(Database(url)) as database,
        World(database, server.port) as world,
    ):
        alice, book = world.shared()
        alice.books()
        for number in range(5):
            assert alice.put(alice.path(book, f"{number}.vcf"), vcard(str(number))).status == 201
        found = wait_for(
            lambda: scrape(world)("sharedbooks_counted_timestamp_seconds") and scrape(world),
            10,
            "the count",
        )
        assert found("sharedbooks_cards") == 5
        assert found("sharedbooks_books") == 2
        assert found("sharedbooks_users") == 1
        assert alice.put(alice.path(book, "late.vcf"), vcard("late")).status == 201
        # Whoever asks often does not have them counted often.
        assert scrape(world)("sharedbooks_cards") == 5


@pytest.mark.parametrize("died", [signal.SIGKILL, signal.SIGHUP], ids=["killed", "reloaded"])
def test_counts_outlive_their_workers(
    tmp_path: Path, sqlite_databases: SqliteDatabases, died: signal.Signals
) -> None:
    settings: Mapping[str, Any] = {"server.workers": 2, "monitoring.allow": [LOOPBACK]}
    with (
        sqlite_databases.migrated() as url,
        RunningServer(tmp_path, url, settings) as server,
        closing(Database(url)) as database,
        World(database, server.port) as world,
    ):
        wait_for(lambda: "Serving at" in server.log, 60, "all workers")
        for _ in range(20):
            assert world.client().propfind("/").status == 401
        if died is signal.SIGHUP:
            os.kill(server.pid, signal.SIGHUP)
        else:
            for worker in family_of(server.pid) - {server.pid}:
                os.kill(worker, signal.SIGKILL)
        found = wait_for(lambda: _restarted(world), 30, "new workers")
        assert found("sharedbooks_workers") == 2
        counted = {"method": "PROPFIND", "status": "401"}
        assert found("sharedbooks_requests_total", **counted) == 20
        assert found("sharedbooks_requests_in_progress") == 1


def _restarted(world: World) -> Metrics | None:
    try:
        found = scrape(world)
    except OSError:
        return None
    both = found("sharedbooks_worker_starts_total") == 4 and found("sharedbooks_workers") == 2
    return found if both else None


def test_nobody_else_sees_that_there_are_numbers(world: World, served: Served) -> None:
    stranger = world.client(headers={"X-Forwarded-For": "192.0.2.7"})
    for client in (stranger, world.client(headers={"X-Forwarded-For": "127.0.0.1, 192.0.2.7"})):
        assert client.get("/-/metrics").status == 404
        assert client.get("/-/ready").body == b"ready\n"
    with served.world() as usual:
        assert usual.client().get("/-/metrics").status == 404
        assert usual.member().get("/-/metrics").status == 404


def test_probes_can_only_be_read(world: World) -> None:
    for path in ("/-/health", "/-/ready", "/-/metrics"):
        answer = world.client().put(path, "x")
        assert (answer.status, answer.allow) == (405, {"GET", "HEAD"})
        head = world.client().request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
