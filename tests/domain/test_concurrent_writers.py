from tests.domain.concurrency import write_and_check
from tests.support.factories import Device


def test_writers_in_several_processes(device: Device, database_url: str) -> None:
    write_and_check(device, [database_url] * 4)
