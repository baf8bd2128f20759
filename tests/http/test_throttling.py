"""Too many failed logins: refused with 429 by all workers, for the right address and account."""

import pytest

from sharedbooks.domain.credentials import PasswordHasher, set_password
from tests.http.client import Answer
from tests.http.conftest import Start
from tests.http.world import World

LIMIT = 4


@pytest.fixture
def throttled(serve: Start) -> World:
    """A server with two workers that takes four failures, and trusts the proxies below."""
    _server, world = serve(
        {
            "server.workers": 2,
            "server.trusted_proxies": ["127.0.0.1", "10.0.0.0/8"],
            "auth.throttle_failures": LIMIT,
            "auth.throttle_window": "1 h",
        }
    )
    return world


def _fail(world: World, name: str, guess: str, forwarded: str = "") -> Answer:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    with world.client((name, guess), headers) as client:
        return client.propfind("/")


def test_an_account_is_closed_after_failures_from_many_addresses(throttled: World) -> None:
    user = throttled.user()
    with throttled.database.write() as connection:
        set_password(connection, user, PasswordHasher("bcrypt").hash("right password"))
    for number in range(LIMIT):
        address = f"192.0.2.{number}"
        assert _fail(throttled, user.name, f"guess {number}", address).status == 401
    # Every connection may meet another worker: none of them takes the right password now.
    for number in range(8):
        answer = _fail(throttled, user.name, "right password", f"198.51.100.{number}")
        assert answer.status == 429
        assert 0 < int(answer.headers["Retry-After"]) <= 3600
    # A device that is known goes on, and so does everybody else.
    assert throttled.log_in(user).propfind("/").status == 207
    assert throttled.member().propfind("/").status == 207


def test_an_address_is_closed_after_failures_for_many_accounts(throttled: World) -> None:
    for number in range(LIMIT):
        assert _fail(throttled, f"nobody {number}", "guess", "192.0.2.1").status == 401
    for number in range(8):
        assert _fail(throttled, f"other {number}", "guess", "192.0.2.1").status == 429
    assert _fail(throttled, "somebody", "guess", "192.0.2.2").status == 401
    assert throttled.member().propfind("/").status == 207


def test_a_phone_with_an_old_password_counts_once(throttled: World) -> None:
    user = throttled.user()
    statuses = {_fail(throttled, user.name, "old", "192.0.2.1").status for _ in range(3 * LIMIT)}
    assert statuses == {401}


@pytest.mark.parametrize(
    ("forwarded", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("203.0.113.9, 192.0.2.1", "192.0.2.1"),
        ("192.0.2.1, 10.1.2.3", "192.0.2.1"),
        ("spoofed, 192.0.2.1 , 10.1.2.3,10.9.9.9", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("10.1.2.3", "127.0.0.1"),
        ("", "127.0.0.1"),
    ],
)
def test_the_address_is_the_last_that_is_no_trusted_proxys(
    serve: Start, forwarded: str, counted: str
) -> None:
    server, world = serve({"server.trusted_proxies": ["127.0.0.1", "10.0.0.0/8"]})
    _fail(world, "mallory", "guess", forwarded)
    assert f"failed login of 'mallory' from {counted}\n" in server.log


def test_an_untrusted_proxy_is_not_believed(serve: Start) -> None:
    server, world = serve(
        {"server.trusted_proxies": ["192.0.2.7"], "auth.throttle_failures": LIMIT}
    )
    for number in range(LIMIT):
        answer = _fail(world, f"nobody {number}", "guess", f"203.0.113.{number}")
        assert answer.status == 401
    assert _fail(world, "somebody", "guess", "198.51.100.1").status == 429
    assert server.log.count(" from 127.0.0.1\n") == LIMIT
    assert "203.0.113" not in server.log
