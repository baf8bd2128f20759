"""Three nodes over a PostgreSQL server that dies, and its standby that takes over."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.nodes.crew import Crew
from tests.nodes.site import Site, site_of
from tests.support.replication import PostgresPair

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture
def pair() -> Iterator[PostgresPair]:
    with PostgresPair() as running:
        yield running


@pytest.fixture
def site(pair: PostgresPair, tmp_path: Path) -> Iterator[Site]:
    with site_of(tmp_path, [pair.create_database("books")] * 3) as made:
        yield made


def test_no_acknowledged_write_is_lost_when_the_standby_takes_over(
    site: Site, pair: PostgresPair, rounds: int
) -> None:
    crew = Crew(site)
    for number in range(rounds):
        if number:
            pair.follow()
        with crew.working():
            pair.kill_primary()
            time.sleep(1)  # Whatever is to notice it takes its time, too.
            pair.promote()
        crew.check()
