"""Too many failed logins: refused with 429 by all workers, for the right address and account."""

from collections.abc import Iterator
from itertools import count

import pytest

from sharedbooks.domain.credentials import PasswordHasher, set_password
from tests.http.client import Answer
from tests.http.conftest import Served
from tests.http.world import World, fresh

LIMIT = 4


@pytest.fixture
def throttled(throttling: Served) -> Iterator[World]:
    with throttling.world() as made:
        yield made


def _addresses() -> Iterator[str]:
    """Addresses that no other test uses."""
    for number in count():
        yield f"2001:db8:{fresh('a').removeprefix('a-')}:{number}::1"


def _fail(world: World, name: str, guess: str, forwarded: str = "") -> Answer:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    with world.client((name, guess), headers) as client:
        return client.propfind("/")


def test_an_account_is_closed_after_failures_from_many_addresses(throttled: World) -> None:
    user, addresses = throttled.user(), _addresses()
    with throttled.database.write() as connection:
        set_password(connection, user, PasswordHasher("argon2").hash("right password"))
    for number in range(LIMIT):
        answer = _fail(throttled, user.name, f"guess {number}", next(addresses))
        assert answer.status == 401
    # Every connection may meet another worker: none of them takes the right password now.
    for _ in range(8):
        answer = _fail(throttled, user.name, "right password", next(addresses))
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
    # A device that is known goes on, and so does everybody else.
    assert throttled.log_in(user).propfind("/").status == 207
    assert throttled.member().propfind("/").status == 207


def test_an_address_is_closed_after_failures_for_many_accounts(throttled: World) -> None:
    addresses = _addresses()
    closed = next(addresses)
    for _ in range(LIMIT):
        assert _fail(throttled, fresh("nobody"), "guess", closed).status == 401
    for _ in range(8):
        assert _fail(throttled, fresh("nobody"), "guess", closed).status == 429
    assert _fail(throttled, fresh("nobody"), "guess", next(addresses)).status == 401
    assert throttled.member().propfind("/").status == 207


def test_a_phone_with_an_old_password_stays_out_without_closing_the_account(
    throttled: World,
) -> None:
    user, address = throttled.user(), next(_addresses())
    statuses = {_fail(throttled, user.name, "old", address).status for _ in range(3 * LIMIT)}
    assert statuses == {401}


@pytest.mark.parametrize(
    ("forwarded", "counted"),
    [
        ("{client}", "{client}"),
        ("203.0.113.9, {client}", "{client}"),
        ("{client}, 10.1.2.3", "{client}"),
        ("spoofed, {client} , 10.1.2.3,10.9.9.9", "{client}"),
        ("10.1.2.3", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_address_is_the_last_that_is_no_trusted_proxys(
    throttled: World, throttling: Served, forwarded: str, counted: str
) -> None:
    client, name = next(_addresses()), fresh("mallory")
    _fail(throttled, name, "guess", forwarded.format(client=client))
    line = f"failed login of '{name}' from {counted.format(client=client)}\n"
    assert line in throttling.server.log


def test_an_untrusted_proxy_is_not_believed(untrusting: Served) -> None:
    with untrusting.world() as world:
        for number in range(LIMIT):
            answer = _fail(world, fresh("nobody"), "guess", f"203.0.113.{number}")
            assert answer.status == 401
        assert _fail(world, fresh("nobody"), "guess", "198.51.100.1").status == 429
    assert untrusting.server.log.count(" from 127.0.0.1\n") == LIMIT
    assert "203.0.113" not in untrusting.server.log
