"""Three nodes over a PostgreSQL server that dies, and its standby that takes over."""

import time

import pytest

from tests.nodes.crew import Crew
from tests.nodes.site import Site
from tests.support.replication import PostgresPair


@pytest.mark.timeout(7200)
def test_no_acknowledged_write_is_lost_when_the_standby_takes_over(
    postgresql_site: Site, pair: PostgresPair, rounds: int
) -> None:
    crew = Crew(postgresql_site)
    for number in range(rounds):
        if number:
            pair.follow()
        with crew.working():
            pair.kill_primary()
            time.sleep(1)  # Whatever is to notice it takes its time, too.
            pair.promote()
        crew.check()
