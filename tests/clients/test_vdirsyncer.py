"""vdirsyncer as members use it: two folders kept in step with the server, both ways."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from sharedbooks.domain.books import Book
from tests.http.world import Member, World, vcard
from tests.support.databases import SqliteDatabases
from tests.support.process import RunningServer
from tests.support.vdirsyncer import Folder


@pytest.fixture(scope="module")
def world(
    tmp_path_factory: pytest.TempPathFactory, sqlite_databases: SqliteDatabases
) -> Iterator[World]:
    with (
        sqlite_databases.migrated() as url,
        closing(Database(url)) as database,
        RunningServer(tmp_path_factory.mktemp("server"), url) as server,
        World(database, server.port) as made,
    ):
        yield made


def _lf(octets: bytes) -> bytes:
    return octets.replace(b"\r\n", b"\n")


@pytest.fixture
def sales(world: World) -> Book:
    """A shared book with one card."""
    book = world.book("sales")
    editor = world.member("editor")
    world.grant(book, editor, "write")
    assert editor.put(editor.path(book, "ann.vcf"), vcard("ann", "Ann")).status == 201
    return book


@dataclass
class MemberFolder(Folder):
    """A folder of somebody in this world."""

    member: Member


def _folder(world: World, tmp_path: Path, sales: Book, privilege: str) -> MemberFolder:
    member = world.member()
    world.grant(sales, member, privilege)
    server = f"http://127.0.0.1:{world.port}/"
    return MemberFolder(member.name, member.password, tmp_path / member.name, server, member)


def test_two_members_create_edit_and_delete(world: World, tmp_path: Path, sales: Book) -> None:
    alice, bob = (_folder(world, tmp_path, sales, "write") for _ in range(2))
    for folder in (alice, bob):
        folder.sync_well()
        assert folder.books() == {"contacts", sales.name}
        assert folder.cards(sales.name) == {"ann.vcf": _lf(vcard("ann", "Ann"))}

    alice.card(sales.name, "new.vcf").write_bytes(vcard("new", "Made by Alice", "X-ODD;a=b:kept"))
    alice.sync_well()
    [made] = set(world.stored(sales)) - {"ann.vcf"}
    bob.sync_well()
    assert b"X-ODD;a=b:kept\n" in _lf(bob.cards(sales.name)[made])

    bob.card(sales.name, made).write_bytes(vcard("new", "Edited by Bob"))
    bob.sync_well()
    alice.sync_well()
    assert b"FN:Edited by Bob" in alice.cards(sales.name)["new.vcf"]

    alice.card(sales.name, "ann.vcf").unlink()
    alice.sync_well()
    assert set(world.stored(sales)) == {made}
    bob.sync_well()
    assert set(bob.cards(sales.name)) == {made}

    world.revoke(sales, bob.member.user)
    refused = bob.sync()
    assert refused.returncode != 0
    assert set(world.stored(sales)) == {made}


def test_a_conflict_is_noticed_and_resolved_as_configured(
    world: World, tmp_path: Path, sales: Book
) -> None:
    alice, bob = (_folder(world, tmp_path, sales, "write") for _ in range(2))
    for folder in (alice, bob):
        folder.sync_well()
    bob.card(sales.name, "ann.vcf").write_bytes(vcard("ann", "By Bob"))
    bob.sync_well()
    alice.card(sales.name, "ann.vcf").write_bytes(vcard("ann", "By Alice"))
    undecided = alice.sync()
    assert undecided.returncode != 0
    assert "conflict" in (undecided.stdout + undecided.stderr).lower()
    assert b"FN:By Bob" in world.stored(sales)["ann.vcf"]
    assert b"FN:By Alice" in alice.cards(sales.name)["ann.vcf"]

    alice.sync_well(json.dumps("a wins"))
    assert b"FN:By Alice" in world.stored(sales)["ann.vcf"]
    bob.card(sales.name, "ann.vcf").write_bytes(vcard("ann", "By Bob again"))
    bob.sync_well(json.dumps("b wins"))
    assert b"FN:By Alice" in bob.cards(sales.name)["ann.vcf"]


def test_a_member_who_may_only_read_is_refused_and_syncs_on(
    world: World, tmp_path: Path, sales: Book
) -> None:
    reader = _folder(world, tmp_path, sales, "read")
    writer = _folder(world, tmp_path, sales, "write")
    for folder in (reader, writer):
        folder.sync_well()
    reader.card(sales.name, "ann.vcf").write_bytes(vcard("ann", "Not allowed"))
    reader.card(sales.name, "mine.vcf").write_bytes(vcard("mine", "Not allowed"))
    writer.card(sales.name, "other.vcf").write_bytes(vcard("other", "News"))
    writer.sync_well()
    before = world.stored(sales)
    assert len(before) == 2

    refused = reader.sync()
    assert refused.returncode != 0
    assert "403" in refused.stdout + refused.stderr
    assert world.stored(sales) == before
    arrived = [content for content in reader.cards(sales.name).values() if b"FN:News" in content]
    assert len(arrived) == 1

    # The book of their own is theirs, whatever was refused elsewhere.
    own = world.own_book(reader.member)
    (reader.path / "cards" / "contacts" / "friend.vcf").write_bytes(vcard("friend"))
    reader.sync()
    assert len(world.stored(own)) == 1
