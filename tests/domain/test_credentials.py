from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import bcrypt
import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain import credentials
from sharedbooks.domain.credentials import (
    Credential,
    PasswordHasher,
    find_device,
    find_password,
    find_user_with_credentials,
)
from sharedbooks.domain.principals import Principal
from sharedbooks.errors import Conflict, NotFound
from tests.support.factories import make_user


@pytest.fixture(scope="module", params=["argon2", "bcrypt"])
def hasher(request: pytest.FixtureRequest) -> PasswordHasher:
    return PasswordHasher(request.param)


def _known(database: Database, name: str = "alice") -> list[Credential]:
    found = database.run_read(lambda c: find_user_with_credentials(c, name))
    assert found is not None
    return found[1]


def _add_device(database: Database, user: Principal, label: str) -> str:
    return database.run_write(lambda c: credentials.add_device(c, user, label))


def _labels(database: Database, user: Principal) -> list[str]:
    devices = database.run_read(lambda c: credentials.list_devices(c, user))
    return [device.label for device in devices]


def test_hash_is_of_this_password_alone(hasher: PasswordHasher) -> None:
    hashed = hasher.hash("pässwörd 😀")
    assert hashed != hasher.hash("pässwörd 😀")
    assert "pässwörd" not in hashed
    assert hasher.verify("pässwörd 😀", hashed)
    assert not hasher.verify("PÄSSWÖRD 😀", hashed)
    assert not hasher.verify("pässwörd 😀", None)
    assert not hasher.verify("\ud800", hashed)


def test_every_character_of_a_long_password_counts(hasher: PasswordHasher) -> None:
    hashed = hasher.hash("x" * 100 + "1")
    assert hasher.verify("x" * 100 + "1", hashed)
    assert not hasher.verify("x" * 100 + "2", hashed)


def test_nul_in_a_password_is_no_failure(hasher: PasswordHasher) -> None:
    assert not hasher.verify("a\0b", hasher.hash("a"))
    assert not hasher.verify("a\0b", None)


def test_bcrypt_hash_made_elsewhere_is_valid(hasher: PasswordHasher) -> None:
    for password in ("secret", "ü" * 50):
        made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(rounds=4)).decode()
        assert hasher.verify(password, made)
        assert not hasher.verify("other", made)


def test_hash_of_the_other_scheme_stays_valid() -> None:
    before, after = PasswordHasher("bcrypt"), PasswordHasher("argon2")
    for old, new in ((before, after), (after, before)):
        hashed = old.hash("secret")
        assert new.verify("secret", hashed)
        assert not new.verify("other", hashed)
    assert before.hash("secret").startswith("$bcrypt-sha256$")
    assert after.hash("secret").startswith("$argon2id$")


def test_new_password_ends_the_old_one(database: Database) -> None:
    user = make_user(database)
    _add_device(database, user, "phone")
    for secret_hash in ("first", "second"):
        with database.write() as connection:
            credentials.set_password(connection, user, secret_hash)
    password = find_password(_known(database))
    assert password is not None
    assert password.secret_hash == "second"
    assert [known.kind for known in _known(database)].count("password") == 1
    assert _labels(database, user) == ["phone"]


def test_user_without_credentials_and_nobody(database: Database) -> None:
    user = make_user(database)
    assert database.run_read(lambda c: find_user_with_credentials(c, "alice")) == (user, ())
    assert database.run_read(lambda c: find_user_with_credentials(c, "Alice")) is None
    assert find_password([]) is None
    assert find_device([], "x") is None


def test_device_password_is_readable_and_strong(database: Database) -> None:
    user = make_user(database)
    passwords = {_add_device(database, user, f"phone {number}") for number in range(20)}
    assert len(passwords) == 20
    for password in passwords:
        groups = password.split("-")
        assert [len(group) for group in groups] == [4] * 5
        assert not set("".join(groups)) & set("l1o0")
    stored = {known.secret_hash for known in _known(database)}
    assert not stored & passwords


def test_device_password_is_found_however_it_is_typed(database: Database) -> None:
    user = make_user(database)
    password = _add_device(database, user, "Álice's iPhone, 2nd")
    other = _add_device(database, user, "tablet")
    known = _known(database)
    spellings = [password, password.replace("-", ""), password.upper(), password.replace("-", " ")]
    for spelling in [*spellings, f" {password.replace('-', '').upper()}\n"]:
        found = find_device(known, spelling)
        assert found is not None
        assert found.label == "Álice's iPhone, 2nd"
    found = find_device(known, other)
    assert found is not None
    assert found.label == "tablet"
    for wrong in (password[:-1], password + "a", "", "----", "ü", known[0].secret_hash):
        assert find_device(known, wrong) is None


def test_own_password_is_never_taken_for_a_device(database: Database) -> None:
    user = make_user(database)
    digest = credentials.hash_device_password("secret")
    with database.write() as connection:
        credentials.set_password(connection, user, digest)
    assert find_device(_known(database), "secret") is None


def test_devices_of_one_user_have_different_labels(database: Database) -> None:
    alice, bob = make_user(database, "alice"), make_user(database, "bob")
    for user in (alice, bob):
        _add_device(database, user, "phone")
    with pytest.raises(Conflict, match="'alice' has a device 'phone' already"):
        _add_device(database, alice, "phone")
    _add_device(database, alice, "Phone")
    assert _labels(database, alice) == ["phone", "Phone"]
    assert _labels(database, bob) == ["phone"]


def test_revoked_device_is_gone_and_the_others_stay(database: Database) -> None:
    user = make_user(database)
    phone, tablet = (_add_device(database, user, label) for label in ("phone", "tablet"))
    for label in ("Phone", "phone "):
        with pytest.raises(NotFound, match="no device"), database.write() as connection:
            credentials.revoke_device(connection, user, label)
    with database.write() as connection:
        credentials.revoke_device(connection, user, "phone")
        with pytest.raises(NotFound, match="'alice' has no device 'phone'"):
            credentials.revoke_device(connection, user, "phone")
    assert find_device(_known(database), phone) is None
    assert find_device(_known(database), tablet) is not None
    assert _add_device(database, user, "phone") != phone


def test_use_is_noted(database: Database) -> None:
    user = make_user(database)
    _add_device(database, user, "phone")
    [device] = _known(database)
    assert (device.last_used_at, device.last_used_client) == (None, None)
    assert device.wants_note(device.created_at)
    with database.write() as connection:
        credentials.note_use(connection, device.id, "DAVx5 " * 100)
    [device] = _known(database)
    assert device.last_used_client == ("DAVx5 " * 100)[:255]
    assert device.last_used_at is not None
    assert device.last_used_at >= device.created_at
    assert not device.wants_note(device.last_used_at + 1_000_000)
    assert device.wants_note(device.last_used_at + 3_600_000_000)


def test_passwords_set_at_once_leave_the_later_one(database: Database) -> None:
    user = make_user(database)
    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            credentials.set_password(connection, user, "first")
            later = pool.submit(
                database.run_write, lambda c: credentials.set_password(c, user, "second")
            )
            _expect_waiting(later)
        later.result(30)
    [password] = _known(database)
    assert password.secret_hash == "second"


def test_devices_added_at_once_under_one_label_leave_one(database: Database) -> None:
    user = make_user(database)
    with ThreadPoolExecutor(1) as pool:
        with database.write() as connection:
            password = credentials.add_device(connection, user, "phone")
            later = pool.submit(_add_device, database, user, "phone")
            _expect_waiting(later)
        with pytest.raises(Conflict):
            later.result(30)
    assert _labels(database, user) == ["phone"]
    assert find_device(_known(database), password) is not None


def _expect_waiting(future: Future[Any]) -> None:
    with pytest.raises(TimeoutError):
        future.result(0.1)
