"""The log of administrators' events, and how it goes together with history."""

import pytest

from sharedbooks.domain.audit import CardEvent, Event, iterate_events, log_event
from sharedbooks.domain.principals import PrincipalKind, add_principal, list_principals
from tests.support.factories import Device, vcard

ALWAYS = {"since": 0, "until": 2**62}


def _log(device: Device, at: int, action: str = "book add", **details: str) -> Event:
    event = Event(at, "root", action, details)
    with device.database.write() as connection:
        log_event(connection, event)
    return event


def test_events_come_by_time_whatever_order_they_were_written_in(device: Device) -> None:
    device.put("ann.vcf", vcard())
    written = [_log(device, at) for at in (30, 10, 20, 2**61)]
    with device.database.read() as connection:
        found = list(iterate_events(connection, **ALWAYS))
    assert [each for each in found if isinstance(each, Event)] == [
        written[1], written[2], written[0], written[3],
    ]  # fmt: skip
    assert isinstance(found[3], CardEvent)
    assert (found[3].book, found[3].client, found[3].actor_name) == ("sales", "DAVx5/4", "alice")


def test_long_logs_come_whole(device: Device) -> None:
    with device.database.write() as connection:
        for at in range(2500):
            log_event(connection, Event(2500 - at, "root", "user add", {"name": "ü" * at}))
    with device.database.read() as connection:
        found = list(iterate_events(connection, **ALWAYS))
        assert len(found) == 2500
        assert list(iterate_events(connection, since=2490, until=2500)) == sorted(
            [each for each in found if 2490 <= each.at < 2500], key=lambda each: each.at
        )


def test_what_accompanies_a_write_is_committed_with_it_once(device: Device) -> None:
    database = device.database
    event = Event(5, "root", "user add", {})

    def failing(_: object) -> None:
        raise LookupError

    database.accompany_first_write(lambda connection: log_event(connection, event))
    with pytest.raises(LookupError):
        database.run_write(failing)
    for name in ("bob", "carol"):
        database.run_write(lambda c, name=name: add_principal(c, PrincipalKind.USER, name))
    with database.read() as connection:
        assert list(iterate_events(connection, **ALWAYS)) == [event]


def test_a_change_whose_event_cannot_be_written_does_not_happen(device: Device) -> None:
    def failing(_: object) -> None:
        raise LookupError

    device.database.accompany_first_write(failing)
    with pytest.raises(LookupError), device.database.write() as connection:
        add_principal(connection, PrincipalKind.USER, "bob")
    with device.database.read() as connection:
        names = [user.name for user in list_principals(connection, PrincipalKind.USER)]
    assert names == ["alice"]
