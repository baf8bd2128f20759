"""Three nodes over a Galera cluster, each with a database server of its own, of which one dies."""

from contextlib import ExitStack, closing

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.locks import sole
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.errors import StoreBusy
from tests.domain.concurrency import write_and_check
from tests.http.world import vcard
from tests.nodes.crew import Crew
from tests.nodes.site import Site
from tests.support.factories import make_device
from tests.support.galera import GaleraCluster
from tests.support.network import wait_for


@pytest.mark.timeout(7200)
def test_no_acknowledged_write_is_lost_when_a_database_node_dies(
    galera_site: Site, cluster: GaleraCluster, rounds: int
) -> None:
    crew = Crew(galera_site)
    for number in range(rounds):
        with crew.working():
            cluster.nodes[number % 3].kill()
        crew.check()
        cluster.restart(number % 3)


def test_writers_at_every_node_make_every_revision_once(cluster: GaleraCluster) -> None:
    urls = cluster.create_database("writers")
    with closing(Database(urls[0])) as database:
        upgrade_schema(database)
        write_and_check(make_device(database), urls)


def test_what_one_process_does_at_a_time_no_other_node_does(cluster: GaleraCluster) -> None:
    with ExitStack() as stack:
        here, *elsewhere = [
            stack.enter_context(closing(Database(url))) for url in cluster.create_database("sole")
        ]
        with sole(here, "directory-sync"):
            for other in elsewhere:
                with pytest.raises(StoreBusy, match="is running"), sole(other, "directory-sync"):
                    raise AssertionError("two hold it")
        for other in elsewhere:
            with sole(other, "directory-sync"):
                pass


def test_a_node_without_the_majority_refuses_and_comes_back_by_itself(
    galera_site: Site, cluster: GaleraCluster
) -> None:
    alice, book = galera_site.world.shared()
    client = galera_site.connect(0, (alice.name, alice.password))
    _, *others = cluster.nodes
    assert client.put(alice.path(book, "before.vcf"), vcard("before")).status == 201
    for other in others:
        other.suspend()
    try:
        answers = [
            client.put(alice.path(book, f"{number}.vcf"), vcard(f"{number}")) for number in range(6)
        ]
    finally:
        for other in others:
            other.resume()
    for answer in answers:
        assert answer.status == 503, answer
        assert int(answer.headers["Retry-After"]) > 0
    cluster.wait_until_whole()
    after = alice.path(book, "after.vcf")
    wait_for(lambda: client.put(after, vcard("after")).status in {201, 204}, 30, "a write")
    for number in range(3):
        there = galera_site.connect(number, (alice.name, alice.password))
        assert there.get(alice.path(book, "before.vcf")).status == 200
        assert there.get(after).status == 200
