"""Directory books over a real OpenLDAP and a real Active Directory."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.db.locks import sole
from sharedbooks.directory import stamps
from sharedbooks.domain import bulk, directory_books
from sharedbooks.domain.history import Action
from sharedbooks.errors import (
    DirectoryShrunk,
    DirectoryUnavailable,
    NotFound,
    StoreBusy,
)
from tests.ldap.offices import Office
from tests.support.crowd import photo
from tests.support.openldap import OpenLdapServer

pytestmark = pytest.mark.databases("sqlite")

Open = Callable[..., Office]


@pytest.fixture
def office_of(database: Database, tmp_path: Path, request: pytest.FixtureRequest) -> Open:
    """Make an office on a server of that kind."""

    def make(kind: str = "openldap", **options: Any) -> Office:
        server = request.getfixturevalue(kind)
        branch = request.getfixturevalue(f"{kind}_branch")
        return Office(server, branch, database, tmp_path, options)

    return make


@pytest.fixture
def office(office_of: Open) -> Office:
    return office_of()


@pytest.fixture(params=["openldap", "samba", "by the second"])
def any_office(office_of: Open, request: pytest.FixtureRequest) -> Iterator[Office]:
    """On both servers, and on OpenLDAP with moments of whole seconds alone."""
    if request.param != "by the second":
        yield office_of(request.param)
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stamps, "_CHANGE_NUMBER", "noSuchAttribute")
        yield office_of("openldap")


def test_people_become_cards_and_stay_as_they_are(any_office: Office) -> None:
    office = any_office
    office.person("ann", telephoneNumber="+49 30 1", title='Head; of "all", Ä')
    office.person("Bob, (the * 1st) \\ 太郎", mobile="+49 170 2")
    done = office.sync()
    assert (done.added, done.changed, done.removed, done.problems) == (2, 0, 0, [])
    assert done.entries == 2
    assert office.values("ann", "TEL") == ["+49 30 1"]
    assert office.values("ann", "TITLE") == ['Head\\; of "all"\\, Ä']
    assert office.values("Bob\\, (the * 1st) \\\\ 太郎", "TEL") == ["+49 170 2"]
    assert UUID(office.uid("ann"))
    reader = office.reader()
    token, before = reader.token(), reader.contents()
    assert office.counts() == (0, 0, 0)
    assert (reader.token(), reader.contents()) == (token, before)
    assert {version.actor_name for version in reader.history()} == {"directory:corp"}


def test_a_changed_number_is_one_changed_card(any_office: Office) -> None:
    office = any_office
    dns = [office.person(f"p{number}", telephoneNumber=f"+49 30 {number}") for number in range(9)]
    office.sync()
    reader = office.reader()
    for number in ("1", "2", "3"):
        # Three times within a second, with a sync after each.
        token = reader.token()
        office.server.replace(dns[4], {"telephoneNumber": f"+49 40 {number}"})
        assert office.counts() == (0, 1, 0)
        told = reader.changes(token)
        assert ([name for name, _ in told.changed], told.removed) == (
            [f"{office.uid('p4')}.vcf"],
            [],
        )
        assert office.values("p4", "TEL") == [f"+49 40 {number}"]
        assert office.counts() == (0, 0, 0)


def test_who_is_renamed_or_moved_keeps_the_card(any_office: Office) -> None:
    office = any_office
    server = office.server
    unit = f"ou=Unit,{office.branch}"
    server.add(unit, {"objectClass": ["organizationalUnit"], "ou": "Unit"})
    dn = office.person("ann", displayName="Ann Before")
    office.person("bob")
    office.sync()
    before, reader = office.uid("Ann Before"), office.reader()
    server.replace(dn, {"displayName": "Ann After"})
    assert office.counts() == (0, 1, 0)
    assert office.uid("Ann After") == before
    token = reader.token()
    rdn = dn.partition(",")[0]
    server.rename(dn, rdn, under=unit)
    # Where she is stands nowhere in her card.
    assert office.counts() == (0, 0, 0)
    assert reader.token() == token
    assert [version.action for version in reader.history(before)] == [Action.CREATE, Action.EDIT]


def test_who_leaves_the_directory_or_the_filter_leaves_the_book(any_office: Office) -> None:
    office = any_office
    office.open(entry_filter="(telephoneNumber=*)")
    dns = [office.person(f"p{number}", telephoneNumber="1") for number in range(6)]
    nobody = office.person("nobody")
    office.sync()
    assert set(office.cards()) == {f"p{number}" for number in range(6)}
    reader = office.reader()
    token = reader.token()
    office.server.delete(dns[0])
    office.server.replace(dns[1], {"telephoneNumber": []})
    office.server.replace(nobody, {"telephoneNumber": "2"})
    gone = {f"{office.uid(name)}.vcf" for name in ("p0", "p1")}
    assert office.counts() == (1, 0, 2)
    assert set(office.cards()) == {"p2", "p3", "p4", "p5", "nobody"}
    told = reader.changes(token)
    assert set(told.removed) == gone
    assert [name for name, _ in told.changed] == [f"{office.uid('nobody')}.vcf"]
    office.server.replace(dns[1], {"telephoneNumber": "3"})
    assert office.counts() == (1, 0, 0)


def test_photos(any_office: Office) -> None:
    office = any_office
    attribute = "jpegPhoto" if isinstance(office.server, OpenLdapServer) else "thumbnailPhoto"
    dn = office.person("ann", **{attribute: photo(1)})
    office.person("bob", **{attribute: b"no picture at all"})
    office.sync()
    [first] = office.values("ann", "PHOTO")
    assert first.startswith("data:image/jpeg;base64,/9j/")
    assert office.values("bob", "PHOTO") == []
    office.server.replace(dn, {attribute: photo(2)})
    assert office.counts() == (0, 1, 0)
    assert office.values("ann", "PHOTO") != [first]


def test_managers_are_named_and_renamed(any_office: Office) -> None:
    office = any_office
    boss = office.person("boss", displayName="Big Boss")
    ann = office.person("ann", manager=boss)
    office.person("bob", manager=ann)
    office.sync()
    assert office.values("ann", "RELATED") == ["Big Boss"]
    [line] = [line for line in office.cards()["ann"] if line.startswith("RELATED")]
    uid = office.uid("Big Boss")
    assert line == f"RELATED;TYPE=manager;VALUE=text;X-UID={uid}:Big Boss"
    # Her own entry does not change, but her card has to.
    office.server.replace(boss, {"displayName": "Bigger Boss"})
    assert office.counts() == (0, 2, 0)
    assert office.values("ann", "RELATED") == ["Bigger Boss"]
    assert office.values("bob", "RELATED") == ["ann"]
    assert office.counts() == (0, 0, 0)
    office.server.delete(boss)
    added, changed, removed = office.counts()
    assert (added, removed) == (0, 1)
    assert changed == 1
    # OpenLDAP keeps the name of who is gone, Active Directory does not.
    left = [line for line in office.cards()["ann"] if line.startswith("RELATED")]
    assert left in ([], ["RELATED;TYPE=manager;VALUE=text:boss"])


def test_a_manager_outside_of_the_book(office: Office) -> None:
    office.open(entry_filter="(title=staff)")
    boss = office.person("boss", displayName="Big Boss")
    office.person("ann", manager=boss, title="staff")
    office.person("bob", manager=f"cn=Not\\, there,{office.branch}", title="staff")
    office.sync()
    assert "RELATED;TYPE=manager;VALUE=text:Big Boss" in office.cards()["ann"]
    assert office.values("bob", "RELATED") == ["Not\\, there"]
    # Moved into the book, there is a card to link to.
    office.server.replace(boss, {"title": "staff"})
    assert office.counts() == (1, 1, 0)
    [line] = [line for line in office.cards()["ann"] if line.startswith("RELATED")]
    assert f"X-UID={office.uid('Big Boss')}" in line


def test_bad_entries_are_left_out_and_reported_every_time(office: Office) -> None:
    office.open(mapping={"FN": "displayName", "N": ""})
    good = office.person("good", displayName="Good")
    office.person("nameless")
    office.person("bad", displayName="Bad", jpegPhoto=photo(1) + bytes(100_000))
    garbled = office.person("garbled", displayName="Garbled", title="fine")
    office.server.replace(garbled, {"audio": b"\xff\xfe"})
    first = office.sync()
    assert set(office.cards()) == {"Good", "Garbled"}
    assert (first.added, first.entries, len(first.problems)) == (2, 4, 2)
    [nameless] = [problem for problem in first.problems if problem.startswith("uid=nameless")]
    assert nameless.endswith(": It has no name.")
    second = office.sync()
    assert (second.added, second.changed, second.removed, len(second.problems)) == (0, 0, 0, 2)
    with office.database.write() as connection:
        book_id = office.book.book.id
        assert len(directory_books.list_problems(connection, book_id)) == 2
    # A card that was there stays as it was.
    office.server.replace(good, {"displayName": "Good", "jpegPhoto": bytes(100_000)})
    office.server.replace(good, {"jpegPhoto": photo(1) + bytes(100_000), "title": "new"})
    third = office.sync()
    assert (third.changed, third.removed, len(third.problems)) == (0, 0, 3)
    assert office.values("Good", "TITLE") == []
    office.server.replace(good, {"jpegPhoto": []})
    fourth = office.sync()
    assert (fourth.changed, len(fourth.problems)) == (1, 2)
    assert office.values("Good", "TITLE") == ["new"]


def test_text_that_is_no_utf_8(office: Office) -> None:
    office.open(mapping={"NOTE": "audio"})
    office.person("garbled", audio=b"\xff\xfe")
    office.person("ann", audio=b"fine")
    done = office.sync()
    assert done.problems == [f"uid=garbled,{office.branch}: Its attribute audio is not UTF-8."]
    assert set(office.cards()) == {"ann"}


def test_an_answer_that_is_suspiciously_empty_changes_nothing(any_office: Office) -> None:
    office = any_office
    dns = [office.person(f"p{number}") for number in range(5)]
    office.sync()
    for dn in dns[:3]:
        office.server.delete(dn)
    for how in ({}, {"dry_run": True}):
        with pytest.raises(DirectoryShrunk, match="holds 2 of the 5 entries"):
            office.sync(**how)
    assert len(office.cards()) == 5
    assert office.counts(force=True) == (0, 0, 3)
    assert office.counts() == (0, 0, 0)


def test_a_place_that_is_not_there_is_no_empty_book(office: Office) -> None:
    office.open(base=f"ou=missing,{office.branch}")
    with pytest.raises(NotFound, match="has no entry 'ou=missing"):
        office.sync()


def test_a_dry_run_tells_and_changes_nothing(any_office: Office) -> None:
    office = any_office
    dns = [office.person(f"p{number}") for number in range(4)]
    assert office.counts(dry_run=True) == (4, 0, 0)
    assert office.cards() == {}
    assert office.book.synced_at is None
    office.sync()
    office.server.delete(dns[0])
    office.server.replace(dns[1], {"title": "Head"})
    office.person("new")
    reader = office.reader()
    token = reader.token()
    assert office.counts(dry_run=True) == (1, 1, 1)
    assert reader.token() == token
    assert office.counts() == (1, 1, 1)


def test_a_changed_mapping_changes_the_cards_it_concerns(office: Office) -> None:
    office.person("ann", title="Head", employeeNumber="5")
    office.person("bob", employeeNumber="6")
    office.sync()
    office.mapping = {"TITLE": "", "NICKNAME": "title"}
    assert office.counts() == (0, 1, 0)
    assert (office.values("ann", "TITLE"), office.values("ann", "NICKNAME")) == ([], ["Head"])
    office.mapping = {}
    assert office.counts() == (0, 1, 0)
    assert office.values("ann", "TITLE") == ["Head"]


def test_a_server_that_goes_in_the_middle_leaves_whole_cards(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        office.person(f"p{number}")
    monkeypatch.setattr("sharedbooks.directory.books._BATCH_CARDS", 10)
    office.options = {"page_size": 10}
    real, calls = bulk.store_cards, []

    def stop_after_one(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            office.server.suspend()
        return real(*arguments, **more)

    monkeypatch.setattr("sharedbooks.directory.books.store_cards", stop_after_one)
    try:
        with pytest.raises(DirectoryUnavailable):
            office.sync()
    finally:
        office.server.resume()
    assert len(office.cards()) == 20
    assert office.book.synced_at is None
    assert office.counts() == (10, 0, 0)
    assert office.book.synced_at is not None


def test_one_sync_of_a_book_at_a_time(office: Office) -> None:
    office.person("ann")
    office.sync()
    with (
        sole(office.database, f"directory-book-{office.book.book.id}"),
        ThreadPoolExecutor(1) as pool,
        pytest.raises(StoreBusy, match="Another directory book"),
    ):
        pool.submit(office.sync).result()
    assert office.counts() == (0, 0, 0)


def test_numbers_of_another_domain_controller_are_not_compared(
    office_of: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = office_of("samba")
    dn = office.person("ann", title="Head")
    office.sync()
    with office.database.write() as connection:
        [known] = directory_books.list_entries(connection, office.book.book.id)
    office.server.replace(dn, {"title": "Chief"})
    # Another controller may have given the change a number that was seen before.
    monkeypatch.setattr("sharedbooks.directory.book_scan.stamp_of", lambda *_: known.stamp)
    assert office.counts() == (0, 0, 0)
    monkeypatch.setattr("sharedbooks.directory.books.server_identity", lambda _: "another")
    assert office.counts() == (0, 1, 0)
    assert office.counts() == (0, 0, 0)


def test_a_sync_after_release_is_refused(office: Office) -> None:
    office.person("ann")
    office.sync()
    book = office.book
    office.database.run_write(lambda c: directory_books.release_book(c, book.book.id))
    with pytest.raises(NotFound):
        office.sync()
