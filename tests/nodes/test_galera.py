"""Three nodes over a Galera cluster, each with a database server of its own, of which one dies."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.domain.concurrency import write_and_check
from tests.nodes.crew import Crew
from tests.nodes.site import Site, site_of
from tests.support.factories import make_device
from tests.support.galera import GaleraCluster

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def cluster() -> Iterator[GaleraCluster]:
    with GaleraCluster() as running:
        yield running


@pytest.fixture
def site(cluster: GaleraCluster, tmp_path: Path) -> Iterator[Site]:
    with site_of(tmp_path, cluster.create_database("books")) as made:
        yield made


def test_no_acknowledged_write_is_lost_when_a_database_node_dies(
    site: Site, cluster: GaleraCluster, rounds: int
) -> None:
    crew = Crew(site)
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
