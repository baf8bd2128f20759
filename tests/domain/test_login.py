import logging
from dataclasses import dataclass, field
from typing import NoReturn

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import credentials, principals
from sharedbooks.domain.credentials import PasswordHasher, find_user_with_credentials
from sharedbooks.domain.login import Authenticator, Member, Origin
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.throttle import Throttle
from sharedbooks.errors import (
    NotFound,
    SharedbooksError,
    StoreBusy,
    StoreFull,
    TooManyLogins,
    Unauthenticated,
)
from tests.support.factories import make_user

OFFICE = Origin("192.0.2.1", "DAVx5/4")
PASSWORD = "correct horse"


class QuickHasher(PasswordHasher):
    """Counts how often it is asked, and takes no time."""

    def __init__(self) -> None:
        self.verified = 0

    def hash(self, password: str) -> str:
        return f"hash of {password}"

    def verify(self, password: str, secret_hash: str | None) -> bool:
        self.verified += 1
        return self.hash(password) == secret_hash


@dataclass
class Door:
    """A server's way in, with a user ``alice`` who has a password and a device."""

    database: Database
    remember: int = 300
    limit: int = 3
    window: int = 300
    hasher: PasswordHasher = field(default_factory=QuickHasher)

    def __post_init__(self) -> None:
        self.throttle = Throttle(self.limit, self.window)
        self.authenticator = Authenticator(
            self.database, self.hasher, remember=self.remember, throttle=self.throttle
        )
        try:
            self.user = self.database.run_read(lambda c: principals.get_user(c, "alice"))
        except NotFound:
            self.user = make_user(self.database, "alice")
            self.set_password(PASSWORD)

    @property
    def verified(self) -> int:
        assert isinstance(self.hasher, QuickHasher)
        return self.hasher.verified

    def set_password(self, password: str, user: Principal | None = None) -> None:
        hashed = self.hasher.hash(password)
        with self.database.write() as connection:
            credentials.set_password(connection, user or self.user, hashed)

    def add_device(self, label: str = "phone") -> str:
        return self.database.run_write(lambda c: credentials.add_device(c, self.user, label))

    def set_enabled(self, *, enabled: bool) -> None:
        with self.database.write() as connection:
            principals.set_enabled(connection, self.user, enabled=enabled)

    def login(self, password: str, name: str = "alice", origin: Origin = OFFICE) -> Member:
        with self.database.read() as connection:
            return self.authenticator.login(connection, name, password, origin)

    def refuses(self, password: str, name: str = "alice", origin: Origin = OFFICE) -> bool:
        try:
            self.login(password, name, origin)
        except Unauthenticated as error:
            assert str(error) == "Wrong name or password."  # noqa: PT017 - never anything else
            return True
        return False


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


def test_own_password(door: Door) -> None:
    member = door.login(PASSWORD)
    assert member.user == door.user
    assert member.device == ""
    actor = member.actor
    assert (actor.principal_id, actor.name) == (door.user.id, "alice")
    assert (actor.device, actor.client) == ("", "DAVx5/4")


def test_app_password_names_the_device(door: Door) -> None:
    password = door.add_device("Alice's phone")
    for spelling in (password, password.replace("-", "").upper()):
        member = door.login(spelling)
        assert member.device == "Alice's phone"
        assert member.actor.device == "Alice's phone"
    assert door.verified == 0


WRONG = [
    ("alice", "wrong"),
    ("alice", PASSWORD.upper()),
    ("alice", PASSWORD + " "),
    ("alice", ""),
    ("alice", PASSWORD + "\0"),
    ("alice", "x" * 2_000_000),
    ("alice", "\ud800"),
    ("Alice", PASSWORD),
    ("alice ", PASSWORD),
    ("nobody", PASSWORD),
    ("", ""),
    ("al\0ice", PASSWORD),
    ("\ud800", PASSWORD),
    ("x" * 10_000, PASSWORD),
    ("\U0001f600" * 300, PASSWORD),
    ("../alice", PASSWORD),
    ("alice' OR '1'='1", PASSWORD),
]


def test_wrong_name_or_password_is_refused(database: Database) -> None:
    door = Door(database, limit=1000)
    for name, password in WRONG:
        assert door.refuses(password, name)


def test_user_without_password_is_refused(database: Database) -> None:
    door = Door(database)
    make_user(database, "bob")
    for password in ("", "x", PASSWORD):
        assert door.refuses(password, "bob")


@pytest.mark.databases("sqlite")
def test_real_hashes(database: Database) -> None:
    for scheme in ("argon2", "bcrypt"):
        door = Door(database, hasher=PasswordHasher(scheme), limit=0)
        password = "long " * 20
        door.set_password(password)
        assert door.login(password).user == door.user
        assert door.refuses(password[:-1])
        assert door.refuses("a\0b")


def test_every_refusal_costs_one_hash(door: Door) -> None:
    """A stranger learns nothing from the time an answer takes."""
    make_user(door.database, "device-only")
    with door.database.write() as connection:
        user = principals.get_user(connection, "device-only")
        credentials.add_device(connection, user, "phone")
    cases = [("alice", "wrong"), ("nobody", "wrong"), ("device-only", "wrong"), ("a/b", "wrong")]
    for number, (name, password) in enumerate(cases):
        before = door.verified
        assert door.refuses(password, name, Origin(f"192.0.2.{number}", ""))
        assert door.verified == before + 1


def test_checked_password_is_remembered(door: Door) -> None:
    for _ in range(3):
        door.login(PASSWORD)
    assert door.verified == 1


def test_nothing_is_remembered_when_told_so(database: Database) -> None:
    door = Door(database, remember=0)
    for _ in range(3):
        door.login(PASSWORD)
    assert door.verified == 3


def test_remembered_password_ends_when_changed(door: Door) -> None:
    door.login(PASSWORD)
    door.set_password("new")
    assert door.refuses(PASSWORD)
    assert door.login("new").user == door.user


def test_remembered_password_is_of_one_user(door: Door) -> None:
    bob = make_user(door.database, "bob")
    door.set_password("other", bob)
    door.login(PASSWORD)
    assert door.refuses(PASSWORD, "bob")


def test_password_refused_once_counts_when_it_becomes_right(door: Door) -> None:
    assert door.refuses("new")
    door.set_password("new")
    assert door.login("new").user == door.user


def test_revoked_device_is_refused_at_once(door: Door) -> None:
    phone, tablet = door.add_device("phone"), door.add_device("tablet")
    assert door.login(phone).device == "phone"
    with door.database.write() as connection:
        credentials.revoke_device(connection, door.user, "phone")
    assert door.refuses(phone)
    assert door.login(tablet).device == "tablet"


def test_disabled_user_is_refused_at_once(door: Door) -> None:
    phone = door.add_device()
    door.login(PASSWORD)
    door.login(phone)
    door.set_enabled(enabled=False)
    assert door.refuses(PASSWORD)
    assert door.refuses(phone)
    door.set_enabled(enabled=True)
    assert door.login(phone).user.enabled
    assert door.login(PASSWORD).user.enabled


def test_deleted_user_is_refused_at_once(door: Door) -> None:
    phone = door.add_device()
    door.login(PASSWORD)
    door.database.run_write(lambda c: principals.delete_principal(c, door.user))
    assert door.refuses(PASSWORD)
    assert door.refuses(phone)
    make_user(door.database, "alice")
    assert door.refuses(PASSWORD, origin=Origin("192.0.2.2", ""))


def test_last_use_is_noted_with_its_client(door: Door) -> None:
    password = door.add_device()
    used = {}
    for client in ("DAVx5/4", "DAVx5/5"):
        door.login(password, origin=Origin("192.0.2.1", client))
        found = door.database.run_read(lambda c: find_user_with_credentials(c, "alice"))
        assert found is not None
        used = {known.label: known for known in found[1]}
        # The second login is too soon after the first for another note.
        assert used["phone"].last_used_client == "DAVx5/4"
        assert used["phone"].last_used_at is not None
    assert used[""].last_used_at is None


class Deaf(Database):
    """Takes nothing down."""

    def __init__(self, error: SharedbooksError) -> None:
        self._error = error

    def run_write(self, _work: object) -> NoReturn:
        raise self._error


@pytest.mark.parametrize("error", [StoreBusy("locked"), StoreFull("no space left")])
def test_login_goes_on_when_nothing_can_be_noted(door: Door, error: SharedbooksError) -> None:
    """A member can still read, and a stranger still learns nothing."""
    password = door.add_device()
    door.authenticator = Authenticator(
        Deaf(error), door.hasher, remember=300, throttle=door.throttle
    )
    assert door.login(password).device == "phone"
    assert door.login(PASSWORD).user == door.user
    assert door.refuses("wrong")
    assert door.refuses("wrong", "nobody")


def test_failure_is_logged_in_one_line_for_fail2ban(
    door: Door, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "sharedbooks.login")
    assert door.refuses("wrong")
    assert door.refuses("x", "bob\nfailed login of 'alice' from 203.0.113.9\r\x1b[2J")
    assert door.refuses("x", "y" * 5000)
    first, second, third = caplog.messages
    assert first == "failed login of 'alice' from 192.0.2.1"
    assert second.startswith('failed login of "bob\\nfailed login of ')
    assert second.endswith('" from 192.0.2.1')
    assert second.isprintable()
    assert len(third) < 400
    assert "wrong" not in caplog.text


def test_success_is_not_logged(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sharedbooks.login")
    door.login(PASSWORD)
    assert PASSWORD not in caplog.text


def test_throttled_account_is_told_when_to_come_back(door: Door) -> None:
    for number in range(3):
        assert door.refuses(f"guess {number}", origin=Origin(f"192.0.2.{number}", ""))
    before = door.verified
    with pytest.raises(TooManyLogins) as caught:
        door.login(PASSWORD, origin=Origin("198.51.100.7", ""))
    assert door.verified == before
    assert 290 < caught.value.retry_after <= 300


def test_throttled_account_lets_known_devices_pass(door: Door) -> None:
    phone = door.add_device()
    door.login(PASSWORD)
    for number in range(3):
        door.refuses(f"guess {number}")
    with pytest.raises(TooManyLogins):
        door.login("another guess")
    assert door.login(phone).device == "phone"
    assert door.login(PASSWORD).user == door.user  # remembered by this process


def test_throttled_address_may_try_no_name_at_all(door: Door) -> None:
    for name in ("nobody", "bob", "carol"):
        assert door.refuses("guess", name)
    for name in ("alice", "dave"):
        with pytest.raises(TooManyLogins):
            door.login(PASSWORD, name)
    assert door.login(PASSWORD, origin=Origin("198.51.100.7", "")).user == door.user


def test_same_wrong_password_counts_once(door: Door) -> None:
    """A phone that has an old password asks every few minutes, for weeks."""
    for _ in range(10):
        assert door.refuses("old password")
    assert door.verified == 1
    assert door.login(PASSWORD).user == door.user


def test_phones_of_people_who_left_count_once(door: Door) -> None:
    """They would lock out everyone who comes from the same address."""
    phone = door.add_device()
    door.set_enabled(enabled=False)
    bob = make_user(door.database, "bob")
    door.set_password("bob's", bob)
    for _ in range(10):
        assert door.refuses(phone)
        assert door.refuses("gone for good", "nobody")
    assert door.login("bob's", "bob").user == bob


def test_failures_count_for_all_processes_together(database: Database) -> None:
    doors = [Door(database) for _ in range(3)]
    for number, door in enumerate(doors):
        assert door.refuses(f"guess {number}")
    for door in doors:
        with pytest.raises(TooManyLogins):
            door.login(PASSWORD)


def test_limit_of_zero_never_refuses(database: Database) -> None:
    door = Door(database, limit=0)
    for number in range(20):
        assert door.refuses(f"guess {number}")
    assert door.login(PASSWORD).user == door.user
