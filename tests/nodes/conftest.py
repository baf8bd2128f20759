"""Two sites for all tests of nodes: over a pair of PostgreSQL servers and over a Galera cluster."""

from collections.abc import Iterator

import pytest

from tests.nodes.site import Site, site_of
from tests.support.galera import GaleraCluster
from tests.support.replication import PostgresPair


@pytest.fixture
def rounds(thorough: bool) -> int:  # noqa: FBT001 - a fixture
    """How often a test is to break something."""
    return 20 if thorough else 1


@pytest.fixture(scope="session")
def pair() -> Iterator[PostgresPair]:
    """A primary and its standby."""
    with PostgresPair() as running:
        yield running


@pytest.fixture(scope="session")
def cluster() -> Iterator[GaleraCluster]:
    """Three servers that hold the same."""
    with GaleraCluster() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_site(pair: PostgresPair, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three nodes that all name both servers of the pair."""
    urls = [pair.create_database("books")] * 3
    with site_of(tmp_path_factory.mktemp("postgresql"), urls) as made:
        yield made


@pytest.fixture(scope="session")
def galera_site(cluster: GaleraCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Three nodes, each of which names a server of its own first."""
    urls = cluster.create_database("books")
    with site_of(tmp_path_factory.mktemp("galera"), urls) as made:
        yield made
