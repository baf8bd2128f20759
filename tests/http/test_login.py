"""Who may log in with what, and what strangers are told."""

import base64

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.credentials import PasswordHasher, revoke_device, set_password
from sharedbooks.domain.history import list_versions
from sharedbooks.domain.principals import Principal, delete_principal, set_enabled
from tests.http.client import basic
from tests.http.conftest import Served
from tests.http.world import World, fresh, vcard

METHODS = [
    "GET", "HEAD", "PUT", "DELETE", "PROPFIND", "PROPPATCH", "REPORT", "MKCOL", "MKCALENDAR",
    "COPY", "MOVE",
]  # fmt: skip
CHALLENGE = 'Basic realm="sharedbooks", charset="UTF-8"'

_hasher = PasswordHasher("argon2")


def _give_password(database: Database, user: Principal, password: str) -> None:
    with database.write() as connection:
        set_password(connection, user, _hasher.hash(password))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_asks_a_stranger_for_a_password(world: World, method: str) -> None:
    alice = world.member()
    alice.put(f"{alice.contacts}ann.vcf", vcard())
    for path in (f"{alice.contacts}ann.vcf", alice.contacts, alice.home, "/", "/nobody/x/"):
        answer = world.client().request(method, path)
        assert answer.status == 401
        assert answer.headers["WWW-Authenticate"] == CHALLENGE
        assert alice.name.encode() not in answer.body
    assert alice.get(f"{alice.contacts}ann.vcf").body == vcard()


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic " + base64.b64encode(b"no colon").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"{name}:").decode(),
        "Bearer {password}",
        "Digest username={name}",
        "Basic {password}",
    ],
)
def test_what_is_no_login_is_none(world: World, header: str) -> None:
    alice = world.member()
    sent = {"Authorization": header.format(name=alice.name, password=alice.password)}
    assert world.client(headers=sent).propfind(alice.home).status == 401


def test_the_scheme_may_be_written_in_any_case(world: World) -> None:
    alice = world.member()
    login = basic(alice.name, alice.password).removeprefix("Basic")
    for scheme in ("basic", "BASIC", "Basic "):
        client = world.client(headers={"Authorization": scheme + login})
        assert client.propfind(alice.home).status == 207


def test_an_app_password_logs_in_as_it_is_shown_or_typed(world: World) -> None:
    user = world.user()
    password = world.device(user)
    for typed in (password, password.replace("-", ""), password.upper(), f" {password} "):
        assert world.client((user.name, typed)).propfind("/").status == 207
    for wrong in (password[:-1], password + "x", "", "x"):
        assert world.client((user.name, wrong)).propfind("/").status == 401


def test_an_app_password_is_its_users_alone(world: World) -> None:
    alice, bob = world.member("alice"), world.member("bob")
    assert world.client((alice.name, bob.password)).propfind("/").status == 401


@pytest.mark.parametrize("password", ["s3cret passw0rd", "pässwörd 日本 🎉", "a:b:c", "x" * 1000])
def test_users_log_in_with_their_own_password(world: World, served: Served, password: str) -> None:
    user = world.user("ülrike")
    _give_password(served.database, user, password)
    assert world.client((user.name, password)).propfind("/").status == 207
    for wrong in (password + "x", password.upper() + "X", ""):
        assert world.client((user.name, wrong)).propfind("/").status == 401


def test_a_name_in_another_unicode_form_is_the_same(world: World) -> None:
    user = world.exact_user(fresh("jürgen"))
    password = world.device(user)
    decomposed = user.name.replace("ü", "u\u0308")
    assert world.client((decomposed, password)).propfind("/").status == 207


def test_a_client_that_sends_latin_1_is_understood(world: World) -> None:
    user = world.exact_user(fresh("jürgen"))
    octets = f"{user.name}:{world.device(user)}".encode("latin-1")
    header = {"Authorization": "Basic " + base64.b64encode(octets).decode()}
    assert world.client(headers=header).propfind("/").status == 207


def test_names_are_not_taken_for_others_that_look_alike(world: World) -> None:
    alice = world.member("alice")
    for name in (alice.name.upper(), f"{alice.name} ", f"{alice.name}/", f"/{alice.name}", "*"):
        assert world.client((name, alice.password)).propfind("/").status == 401


def test_a_changed_password_ends_the_old_one_at_once(world: World, served: Served) -> None:
    user = world.user()
    _give_password(served.database, user, "first password")
    clients = [world.client((user.name, "first password")) for _ in range(4)]
    assert {client.propfind("/").status for client in clients} == {207}
    _give_password(served.database, user, "second password")
    assert {client.propfind("/").status for client in clients} == {401}
    assert world.client((user.name, "second password")).propfind("/").status == 207


def test_a_revoked_device_is_refused_at_once_and_others_go_on(world: World, served: Served) -> None:
    user = world.user()
    phone, tablet = (world.client((user.name, world.device(user, n))) for n in ("p", "t"))
    assert (phone.propfind("/").status, tablet.propfind("/").status) == (207, 207)
    with served.database.write() as connection:
        revoke_device(connection, user, "p")
    assert (phone.propfind("/").status, tablet.propfind("/").status) == (401, 207)


def test_a_disabled_user_is_refused_at_once(world: World, served: Served) -> None:
    alice = world.member()
    _give_password(served.database, alice.user, "own password")
    other = world.client((alice.name, "own password"))
    assert (alice.propfind("/").status, other.propfind("/").status) == (207, 207)
    with served.database.write() as connection:
        set_enabled(connection, alice.user, enabled=False)
    for client in (alice, other):
        answer = client.put(f"{alice.contacts}ann.vcf", vcard())
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, CHALLENGE)
    with served.database.write() as connection:
        set_enabled(connection, alice.user, enabled=True)
    assert (alice.propfind("/").status, other.propfind("/").status) == (207, 207)


def test_a_deleted_user_is_refused_at_once(world: World, served: Served) -> None:
    alice = world.member()
    assert alice.propfind("/").status == 207
    with served.database.write() as connection:
        delete_principal(connection, alice.user)
    assert alice.propfind("/").status == 401


def test_strangers_learn_nothing_about_names(world: World, served: Served) -> None:
    alice, disabled = world.member(), world.user("disabled")
    password = world.device(disabled)
    with served.database.write() as connection:
        set_enabled(connection, disabled, enabled=False)
    answers = [
        world.client(login).propfind(alice.home)
        for login in ((alice.name, "wrong"), ("nobody", "wrong"), (disabled.name, password))
    ]
    assert {(answer.status, answer.body) for answer in answers} == {(401, answers[0].body)}


def test_a_failed_login_is_one_line_in_the_log_that_cannot_be_forged(
    world: World, served: Served
) -> None:
    name = fresh("mallory")
    forged = f"{name}\n2026-01-01 WARNING sharedbooks.login: failed login of 'x' from 192.0.2.1"
    world.client((forged, "guess")).propfind("/")
    lines = [line for line in served.server.log.splitlines() if name in line]
    failures = [line for line in lines if "failed login" in line]
    assert len(failures) == 1
    assert failures[0].endswith(" from 127.0.0.1")
    assert "WARNING sharedbooks.login: failed login of '" in failures[0]
    assert not any(line.startswith("2026-01-01 WARNING") for line in lines)


def test_passwords_are_never_in_the_log(world: World, served: Served) -> None:
    user = world.user()
    _give_password(served.database, user, "Correct-Horse")
    device = world.device(user)
    for password in ("Correct-Horse", "Wrong-Battery", device):
        world.client((user.name, password)).propfind("/")
        world.client((f"{user.name}x", password)).propfind("/")
        world.client((user.name, password)).request("BREW", "/")
    log = served.server.log
    assert user.name in log
    for secret in ("Correct-Horse", "Wrong-Battery", device, device.replace("-", "")):
        for written in (secret, basic(user.name, secret), basic(user.name, secret)[6:]):
            assert written not in log


def test_the_client_is_written_into_history_with_its_device(world: World, served: Served) -> None:
    user, book = world.user(), world.book()
    world.grant(book, user, "write")
    alice = world.log_in(user, {"User-Agent": "DAVx5/4.5.19"})
    alice.put(alice.path(book, "ann.vcf"), vcard())
    alice.put(alice.path(book, "ann.vcf"), vcard("ann", "Changed"))
    alice.delete(alice.path(book, "ann.vcf"))
    with served.database.read() as connection:
        versions = list_versions(connection, book.id)
    assert sorted(str(version.action) for version in versions) == ["create", "delete", "edit"]
    assert {version.actor_name for version in versions} == {user.name}
    assert {version.client for version in versions} == {"DAVx5/4.5.19"}
    assert all(version.device.startswith("phone") for version in versions)
