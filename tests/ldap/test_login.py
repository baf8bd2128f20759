"""Logging in with the password of a directory: real servers, and the database between processes."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from sharedbooks.db.engine import Database
from sharedbooks.db.schema import checked_passwords, password_tries, refused_passwords
from sharedbooks.domain import credentials, principals
from sharedbooks.domain.principals import Principal, PrincipalKind
from sharedbooks.errors import DirectoryUnavailable, TooManyLogins
from tests.ldap.doors import Door, opened
from tests.support.configured import configure
from tests.support.directories import DirectoryServer
from tests.support.factories import make_user
from tests.support.openldap import OpenLdapServer
from tests.support.samba import SambaServer

Open = Callable[..., Door]

ALICE = {"mail": "alice@example.org", "displayName": "Alice Example"}


@pytest.fixture
def door(database: Database, tmp_path: Path) -> Iterator[Open]:
    """Open doors to a server; each stands for a process of its own."""
    with ExitStack() as stack:

        def open_door(server: DirectoryServer, branch: str, **values: Any) -> Door:
            options = {name: values.pop(name) for name in ("failures", "threads") if name in values}
            config = configure(server, tmp_path, user_base=branch, group_base=branch, **values)
            return stack.enter_context(opened(database, config, **options))

        yield open_door


@pytest.fixture
def office(openldap: OpenLdapServer, openldap_branch: str, door: Open) -> Door:
    """A door to an OpenLDAP with Alice."""
    openldap.add_person("alice", openldap_branch, "secret", **ALICE)
    return door(openldap, openldap_branch)


def shift(database: Database, seconds: float) -> None:
    """Let time pass for what the database remembers of passwords."""
    change = int(seconds * 1_000_000)
    with database.write() as connection:
        for column in (
            checked_passwords.c.checked_at,
            password_tries.c.failed_at,
            refused_passwords.c.refused_at,
        ):
            connection.execute(update(column.table).values({column.name: column - change}))


def users(database: Database) -> list[str]:
    with database.read() as connection:
        return [each.name for each in principals.list_principals(connection, PrincipalKind.USER)]


def test_first_login_makes_the_user(office: Door, database: Database) -> None:
    member = office.login("alice", "secret")
    assert (member.user.name, member.user.display_name) == ("alice", "alice")
    assert (member.user.email, member.user.source) == ("alice@example.org", "corp")
    assert len(member.user.source_id or "") == 36
    assert member.device == ""
    assert users(database) == ["alice"]
    assert office.login("alice", "secret").user.id == member.user.id


def test_every_name_is_the_same_user(office: Door, database: Database) -> None:
    names = ("alice", "Alice", "alice@example.org", "ALICE@Example.org")
    found = {office.login(name, "secret").user.id for name in names}
    assert len(found) == 1
    assert users(database) == ["alice"]


@pytest.mark.parametrize(
    "name", ["alice", "alice@ad.example.org", "ALICE", "alice@example.org", "CORP\\alice"]
)
def test_names_of_active_directory(
    name: str, samba: SambaServer, samba_branch: str, door: Open
) -> None:
    samba.add_person("alice", samba_branch, "secret", **ALICE)
    inside = door(samba, samba_branch, realm="CORP")
    member = inside.login(name, "secret")
    assert (member.user.name, member.user.display_name) == ("alice", "Alice Example")
    assert len(member.user.source_id or "") == 36
    assert inside.refuses(name, "wrong")


INJECTIONS = [
    "*", "a*", "alice*", "*)(uid=*", ")(uid=*", "alice)(uid=*", "(uid=alice)", "alice\0", "\0",
    "alice)", "\\2a", "alice\\", "alice,ou=people", "", " ", "a" * 300, "al\nice", "äö", "\udcff",
    "cn=admin,dc=example,dc=org", "alíce",
]  # fmt: skip


@pytest.mark.parametrize("name", INJECTIONS)
def test_names_that_are_no_names(name: str, office: Door, database: Database) -> None:
    assert office.refuses(name, "secret")
    assert users(database) == []


@pytest.mark.parametrize("password", ["", "\0", "secret\0", "x" * 2000, "\udcff", "Secret"])
def test_passwords_that_are_wrong(
    password: str, office: Door, openldap: OpenLdapServer, database: Database
) -> None:
    before = openldap.count_binds()
    assert office.refuses("alice", password)
    assert users(database) == []
    # Only what could be a password reaches the directory: one login to search, one bind.
    assert openldap.count_binds() - before == (2 if password == "Secret" else 0)


def test_unknown_person_costs_a_bind_too(office: Door, openldap: OpenLdapServer) -> None:
    office.login("alice", "secret")
    before = openldap.count_binds()
    assert office.refuses("nobody", "secret")
    assert openldap.count_binds() == before + 1


def test_two_people_of_one_name_are_nobody(
    office: Door, openldap: OpenLdapServer, openldap_branch: str
) -> None:
    openldap.add_person("bob", openldap_branch, "secret", mail="alice@example.org")
    assert office.refuses("alice@example.org", "secret")
    # Nobody keeps another out by taking that one's name for a mail address.
    openldap.add_person("eve", openldap_branch, "hidden", mail="alice")
    assert office.login("alice", "secret").user.name == "alice"
    assert office.refuses("alice", "hidden")


def test_filter_says_who_is_a_person(
    openldap: OpenLdapServer, openldap_branch: str, door: Open
) -> None:
    openldap.add_person("robot", openldap_branch, "secret", employeeType="machine")
    openldap.add_person("alice", openldap_branch, "secret", employeeType="staff")
    inside = door(openldap, openldap_branch, user_filter="(employeeType=staff)")
    assert inside.refuses("robot", "secret")
    assert inside.login("alice", "secret").user.name == "alice"


def test_local_users_come_first(office: Door, openldap: OpenLdapServer, database: Database) -> None:
    bob = make_user(database, "alice")
    with database.write() as connection:
        credentials.set_password(connection, bob, office.hasher.hash("local"))
    before = openldap.count_binds()
    assert office.login("alice", "local").user.source == "local"
    assert office.refuses("alice", "secret")
    assert openldap.count_binds() == before
    # By another name the directory's alice is found, and told from the local one.
    assert office.refuses("alice@example.org", "secret")
    assert users(database) == ["alice"]


@pytest.mark.parametrize("kind", ["openldap", "samba"])
def test_renamed_person_keeps_the_home(
    kind: str, door: Open, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    branch = request.getfixturevalue(f"{kind}_branch")
    dn = server.add_person("alice", branch, "secret", mail="old@example.org")
    inside = door(server, branch)
    before = inside.login("alice", "secret").user
    if kind == "samba":
        dn = server.rename(dn, "CN=Alice Married")
        upn = f"amarried@{SambaServer.domain}"
        server.replace(dn, {"sAMAccountName": "amarried", "userPrincipalName": upn})
    else:
        dn = server.rename(dn, "uid=amarried")
    after = inside.login("amarried", "secret").user
    assert (after.id, after.name, after.source_id) == (before.id, "amarried", before.source_id)
    # Somebody new with the old name is somebody else.
    server.add_person("alice", branch, "other", mail="new@example.org")
    new = inside.login("alice", "other").user
    assert (new.name, new.id == before.id) == ("alice", False)
    assert inside.login("amarried", "secret").user.id == before.id


def test_disabled_in_active_directory(
    samba: SambaServer, samba_branch: str, door: Open, database: Database
) -> None:
    dn = samba.add_person("alice", samba_branch, "secret")
    inside = door(samba, samba_branch)
    user = inside.login("alice", "secret").user
    phone = database.run_write(lambda c: credentials.add_device(c, user, "phone"))
    samba.set_enabled(dn, enabled=False)
    shift(database, 601)
    assert inside.refuses("alice", "secret")
    # Known now, so that app passwords end too.
    assert inside.refuses("alice", phone)
    samba.set_enabled(dn, enabled=True)
    later = door(samba, samba_branch)
    assert later.login("alice", "secret").user.id == user.id
    assert later.login("alice", phone).device == "phone"


def test_expired_in_active_directory(samba: SambaServer, samba_branch: str, door: Open) -> None:
    ticks = (int(time.time()) + 11644473600) * 10_000_000
    samba.add_person("gone", samba_branch, "secret", accountExpires=str(ticks - 10**9))
    samba.add_person("going", samba_branch, "secret", accountExpires=str(ticks + 10**12))
    inside = door(samba, samba_branch)
    before = samba.count_binds()
    assert inside.refuses("gone", "secret")
    # The account to search, and somebody who does not exist.
    assert samba.count_binds() == before + 2
    assert inside.login("going", "secret").user.name == "going"


def test_password_to_be_changed_is_not_a_wrong_one(
    samba: SambaServer, samba_branch: str, door: Open, database: Database
) -> None:
    dn = samba.add_person("alice", samba_branch, "secret")
    samba.replace(dn, {"pwdLastSet": "0"})
    assert door(samba, samba_branch).refuses("alice", "secret")
    with database.read() as connection:
        assert connection.execute(select(password_tries.c.failures)).scalar_one() == 0
        assert connection.execute(select(refused_passwords)).first() is None
    samba.replace(dn, {"pwdLastSet": "-1"})
    assert door(samba, samba_branch).login("alice", "secret").user.name == "alice"


def test_locked_and_expired_in_openldap(
    openldap: OpenLdapServer, openldap_branch: str, door: Open
) -> None:
    account = {"objectClass": ["inetOrgPerson", "posixAccount", "shadowAccount"]}
    posix = {"uidNumber": "1", "gidNumber": "1", "homeDirectory": "/"}
    days = int(time.time() / 86400)
    for name, end in (("gone", days - 1), ("going", days + 2)):
        more = {**account, **posix, "shadowExpire": str(end)}
        openldap.add_person(name, openldap_branch, "secret", **more)
    locked = openldap.add_person("locked", openldap_branch, "secret")
    openldap.replace(locked, {"pwdAccountLockedTime": "000001010000Z"})
    inside = door(openldap, openldap_branch)
    assert inside.refuses("gone", "secret")
    assert inside.refuses("locked", "secret")
    assert inside.login("going", "secret").user.name == "going"


def test_changed_password(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, database: Database
) -> None:
    office.login("alice", "secret")
    openldap.set_password(f"uid=alice,{openldap_branch}", "changed")
    assert office.login("alice", "secret").user.name == "alice"
    # The new one ends the old one at once.
    assert office.login("alice", "changed").user.name == "alice"
    assert office.refuses("alice", "secret")
    shift(database, 601)
    assert office.login("alice", "changed").user.name == "alice"


def test_accepted_password_is_good_in_every_process(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, door: Open, database: Database
) -> None:
    office.login("alice", "secret")
    before = openldap.count_binds()
    others = [door(openldap, openldap_branch) for _ in range(3)]
    for each in (office, *others):
        for name in ("alice", "ALICE"):
            assert each.login(name, "secret").user.name == "alice"
    # One search for the other spelling.
    assert openldap.count_binds() <= before + 1
    shift(database, 601)
    office.login("alice", "secret")
    assert openldap.count_binds() <= before + 3
    with database.read() as connection:
        kept = list(connection.execute(select(checked_passwords.c.secret_hash)).scalars())
    assert kept == ["hash of secret"]


def test_cache_can_be_turned_off(
    openldap: OpenLdapServer, openldap_branch: str, door: Open, database: Database
) -> None:
    dn = openldap.add_person("alice", openldap_branch, "secret")
    inside = door(openldap, openldap_branch, cache=0)
    inside.login("alice", "secret")
    openldap.set_password(dn, "changed")
    assert inside.refuses("alice", "secret")
    with database.read() as connection:
        assert connection.execute(select(checked_passwords)).first() is None


def test_disabled_here_counts_whatever_the_directory_says(office: Door, database: Database) -> None:
    user = office.login("alice", "secret").user
    with database.write() as connection:
        principals.set_enabled(connection, user, enabled=False)
    assert office.refuses("alice", "secret")


def test_app_passwords_need_no_directory(
    office: Door, openldap: OpenLdapServer, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    user = office.login("alice", "secret").user
    phone = database.run_write(lambda c: credentials.add_device(c, user, "phone"))
    openldap.suspend()
    try:
        for _ in range(20):
            assert office.login("alice", phone).device == "phone"
            assert office.login("alice", "secret").device == ""
        assert "does not answer" not in caplog.text
        with pytest.raises(DirectoryUnavailable) as caught:
            office.login("alice", "another")
        assert caught.value.retry_after >= 1
    finally:
        openldap.resume()


def test_app_password_with_a_name_of_the_directory(
    office: Door, openldap: OpenLdapServer, database: Database
) -> None:
    user = office.login("alice", "secret").user
    phone = database.run_write(lambda c: credentials.add_device(c, user, "phone"))
    before = openldap.count_binds()
    for _ in range(3):
        assert office.login("alice@example.org", phone).device == "phone"
    # Never tried as a password there.
    assert openldap.count_binds() == before


def wrong_binds(server: DirectoryServer, work: Callable[[], object]) -> int:
    before = server.count_binds()
    work()
    return server.count_binds() - before


def test_wrong_password_is_tried_once(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, door: Open, database: Database
) -> None:
    processes = [office, *(door(openldap, openldap_branch) for _ in range(2))]
    for each in processes:
        each.login("alice", "secret")

    def poll_for_hours() -> None:
        for _ in range(8):
            # Fresh processes remember nothing by themselves.
            fresh = door(openldap, openldap_branch)
            list(fresh.directories[0].search(openldap_branch, "(uid=x)", ["uid"]))
            assert fresh.refuses("alice", "old password")
            shift(database, 3600)

    # Each process logs in to search; one bind is Alice's.
    assert wrong_binds(openldap, poll_for_hours) == 8 + 1


def test_wrong_password_is_tried_again_after_a_change(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, door: Open
) -> None:
    assert office.refuses("alice", "new")
    # modifyTimestamp counts seconds.
    time.sleep(1.1)
    openldap.set_password(f"uid=alice,{openldap_branch}", "new")
    assert door(openldap, openldap_branch).login("alice", "new").user.name == "alice"


def test_few_wrong_passwords_reach_the_directory(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, door: Open, database: Database
) -> None:
    office.login("alice", "secret")
    processes = [office, door(openldap, openldap_branch)]
    for each in processes:
        list(each.directories[0].search(openldap_branch, "(uid=x)", ["uid"]))

    def guess() -> None:
        for number in range(20):
            with suppress(TooManyLogins):
                assert processes[number % 2].refuses("alice", f"guess {number}")

    assert wrong_binds(openldap, guess) == 3
    # Who has logged in goes on; a new right password has to wait.
    assert office.login("alice", "secret").user.name == "alice"
    with pytest.raises(TooManyLogins) as caught:
        office.login("alice@example.org", "guess 20")
    assert 1700 < caught.value.retry_after <= 1800
    shift(database, 1801)
    assert door(openldap, openldap_branch).login("alice", "secret").user.name == "alice"
    with database.read() as connection:
        assert connection.execute(select(password_tries.c.failures)).scalars().all() == [0]


def test_wrong_passwords_within_the_window_of_another_add_up(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, door: Open, database: Database
) -> None:
    for number in range(3):
        assert office.refuses("alice", f"guess {number}")
        shift(database, 1200)
    with pytest.raises(TooManyLogins):
        office.login("alice", "guess 3")


def test_one_process_asks_at_a_time(
    openldap: OpenLdapServer, openldap_branch: str, door: Open, database: Database
) -> None:
    openldap.add_person("alice", openldap_branch, "secret")
    processes = [door(openldap, openldap_branch, timeout="10 s") for _ in range(2)]

    def refused(password: str) -> list[bool]:
        def attempt(number: int) -> bool:
            return processes[number % 2].refuses("alice", password)

        with ThreadPoolExecutor(8) as threads:
            return list(threads.map(attempt, range(8)))

    assert all(refused("wrong"))
    with database.read() as connection:
        # Eight at once were one try.
        assert connection.execute(select(password_tries.c.failures)).scalar_one() == 1
    assert not any(refused("secret"))
    with database.read() as connection:
        assert connection.execute(select(password_tries.c.failures)).scalar_one() == 0


def test_hanging_directory_keeps_few_waiting(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, door: Open
) -> None:
    office.login("alice", "secret")
    crowded = door(openldap, openldap_branch, threads=2, timeout="3 s")
    openldap.suspend()
    try:

        def attempt(number: int) -> str:
            with pytest.raises(DirectoryUnavailable) as caught:
                crowded.login(f"user{number}", "secret")
            return str(caught.value)

        with ThreadPoolExecutor(12) as threads:
            answers = list(threads.map(attempt, range(12)))
        # Two wait as long as the directory is given, the others go away.
        assert answers.count("Too many logins wait for the directory.") == 10
        assert crowded.login("alice", "secret").user.name == "alice"
    finally:
        openldap.resume()


def test_failures_are_counted_and_logged(
    openldap: OpenLdapServer,
    openldap_branch: str,
    door: Open,
    caplog: pytest.LogCaptureFixture,
) -> None:
    openldap.add_person("alice", openldap_branch, "secret")
    inside = door(openldap, openldap_branch, failures=2, lockout_tries=100)
    for number in range(2):
        assert inside.refuses("alice", f"wrong {number}")
    assert "failed login of 'alice' from 192.0.2.1" in caplog.text
    assert "wrong 0" not in caplog.text
    with pytest.raises(TooManyLogins):
        inside.login("alice", "wrong 2")


def test_groups_are_refreshed_at_login(
    office: Door, openldap: OpenLdapServer, openldap_branch: str, database: Database
) -> None:
    office.login("alice", "secret")
    group = openldap.add_group("Sales, EMEA", openldap_branch, [f"uid=alice,{openldap_branch}"])
    (value,) = openldap.attributes(group, "entryUUID")["entryUUID"]
    with database.write() as connection:
        known = principals.add_principal(connection, PrincipalKind.GROUP, "Sales, EMEA")
        adopt(connection, known, value.decode())
    shift(database, 601)
    user = office.login("alice", "secret").user
    with database.read() as connection:
        assert [each.name for each in principals.list_groups_of(connection, user)] == [
            "Sales, EMEA"
        ]


def adopt(connection: Any, group: Principal, source_id: str) -> None:
    """Let a group be one of the directory, as a sync would have made it."""
    table = principals.principals
    connection.execute(
        update(table).where(table.c.id == group.id).values(source="corp", source_id=source_id)
    )


def test_several_directories(
    openldap: OpenLdapServer, openldap_branch: str, database: Database, tmp_path: Path
) -> None:
    for domain in ("a", "b"):
        branch = f"ou={domain},{openldap_branch}"
        openldap.add(branch, {"objectClass": ["organizationalUnit"], "ou": domain})
        openldap.add_person("alice", branch, f"secret-{domain}")
    configs = [
        configure(
            openldap,
            tmp_path,
            domain,
            user_base=f"ou={domain},{openldap_branch}",
            qualified_names=True,
            suffix=f"{domain}.example",
            realm=domain.upper(),
        )
        for domain in ("a", "b")
    ]
    with opened(database, *configs) as inside:
        for name, password in (
            ("alice@a.example", "secret-a"),
            ("alice@B.Example", "secret-b"),
            ("B\\alice", "secret-b"),
            ("a\\Alice", "secret-a"),
        ):
            domain = password[-1]
            assert inside.login(name, password).user.name == f"alice@{domain}.example"
        assert inside.refuses("alice@a.example", "secret-b")
        before = openldap.count_binds()
        for name in ("alice", "alice@c.example", "C\\alice"):
            assert inside.refuses(name, "secret-a")
        assert openldap.count_binds() == before
    assert sorted(users(database)) == ["alice@a.example", "alice@b.example"]


def test_directory_no_longer_configured(
    office: Door, openldap: OpenLdapServer, database: Database, tmp_path: Path
) -> None:
    office.login("alice", "secret")
    other = configure(openldap, tmp_path, "other", suffix="other.example")
    with opened(database, other) as inside:
        before = openldap.count_binds()
        assert inside.refuses("alice", "secret")
        assert openldap.count_binds() == before
