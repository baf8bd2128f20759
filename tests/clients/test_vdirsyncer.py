"""vdirsyncer as members use it: two folders kept in step with the server, both ways."""

import json
import subprocess
import sys
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

PROGRAM = Path(sys.executable).with_name("vdirsyncer")


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


@dataclass
class Folder:
    """The folder of a member's computer that vdirsyncer keeps in step with their books."""

    member: Member
    path: Path
    server: str

    def __post_init__(self) -> None:
        cards = self.path / "cards"
        cards.mkdir(parents=True)
        self._write_config(conflict="null")
        self._run("discover", "books")

    def _write_config(self, conflict: str) -> None:
        member = self.member
        pair = {"a": '"local"', "b": '"remote"', "collections": '["from b"]'}
        pair |= {"conflict_resolution": conflict}
        local = {"type": '"filesystem"', "path": json.dumps(str(self.path / "cards"))}
        local |= {"fileext": '".vcf"'}
        remote = {"type": '"carddav"', "url": json.dumps(self.server)}
        remote |= {"username": json.dumps(member.name), "password": json.dumps(member.password)}
        sections = {
            "general": {"status_path": json.dumps(str(self.path / "status"))},
            "pair books": pair,
            "storage local": local,
            "storage remote": remote,
        }
        lines = []
        for title, options in sections.items():
            lines += [f"[{title}]", *(f"{name} = {value}" for name, value in options.items()), ""]
        (self.path / "config").write_text("\n".join(lines))

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(PROGRAM), "--config", str(self.path / "config"), *arguments]
        return subprocess.run(
            command, input="y\n" * 20, capture_output=True, text=True, timeout=60, check=False
        )

    def sync(self, conflict: str = "null") -> subprocess.CompletedProcess[str]:
        """Bring both sides in step; ``conflict`` is what to do where both have changed."""
        self._write_config(conflict)
        return self._run("sync")

    def sync_well(self, conflict: str = "null") -> None:
        done = self.sync(conflict)
        assert done.returncode == 0, done.stdout + done.stderr

    def books(self) -> set[str]:
        return {path.name for path in (self.path / "cards").iterdir()}

    def card(self, book: Book, name: str) -> Path:
        return self.path / "cards" / book.name / name

    def cards(self, book: Book) -> dict[str, bytes]:
        """The cards of a book by name; vdirsyncer keeps lines ended by LF."""
        folder = self.path / "cards" / book.name
        return {path.name: path.read_bytes() for path in folder.iterdir() if path.suffix == ".vcf"}


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


def _folder(world: World, tmp_path: Path, sales: Book, privilege: str) -> Folder:
    member = world.member()
    world.grant(sales, member, privilege)
    return Folder(member, tmp_path / member.name, f"http://127.0.0.1:{world.port}/")


def test_two_members_create_edit_and_delete(world: World, tmp_path: Path, sales: Book) -> None:
    alice, bob = (_folder(world, tmp_path, sales, "write") for _ in range(2))
    for folder in (alice, bob):
        folder.sync_well()
        assert folder.books() == {"contacts", sales.name}
        assert folder.cards(sales) == {"ann.vcf": _lf(vcard("ann", "Ann"))}

    alice.card(sales, "new.vcf").write_bytes(vcard("new", "Made by Alice", "X-ODD;a=b:kept"))
    alice.sync_well()
    [made] = set(world.stored(sales)) - {"ann.vcf"}
    bob.sync_well()
    assert b"X-ODD;a=b:kept\n" in _lf(bob.cards(sales)[made])

    bob.card(sales, made).write_bytes(vcard("new", "Edited by Bob"))
    bob.sync_well()
    alice.sync_well()
    assert b"FN:Edited by Bob" in alice.cards(sales)["new.vcf"]

    alice.card(sales, "ann.vcf").unlink()
    alice.sync_well()
    assert set(world.stored(sales)) == {made}
    bob.sync_well()
    assert set(bob.cards(sales)) == {made}

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
    bob.card(sales, "ann.vcf").write_bytes(vcard("ann", "By Bob"))
    bob.sync_well()
    alice.card(sales, "ann.vcf").write_bytes(vcard("ann", "By Alice"))
    undecided = alice.sync()
    assert undecided.returncode != 0
    assert "conflict" in (undecided.stdout + undecided.stderr).lower()
    assert b"FN:By Bob" in world.stored(sales)["ann.vcf"]
    assert b"FN:By Alice" in alice.cards(sales)["ann.vcf"]

    alice.sync_well(json.dumps("a wins"))
    assert b"FN:By Alice" in world.stored(sales)["ann.vcf"]
    bob.card(sales, "ann.vcf").write_bytes(vcard("ann", "By Bob again"))
    bob.sync_well(json.dumps("b wins"))
    assert b"FN:By Alice" in bob.cards(sales)["ann.vcf"]


def test_a_member_who_may_only_read_is_refused_and_syncs_on(
    world: World, tmp_path: Path, sales: Book
) -> None:
    reader = _folder(world, tmp_path, sales, "read")
    writer = _folder(world, tmp_path, sales, "write")
    for folder in (reader, writer):
        folder.sync_well()
    reader.card(sales, "ann.vcf").write_bytes(vcard("ann", "Not allowed"))
    reader.card(sales, "mine.vcf").write_bytes(vcard("mine", "Not allowed"))
    writer.card(sales, "other.vcf").write_bytes(vcard("other", "News"))
    writer.sync_well()
    before = world.stored(sales)
    assert len(before) == 2

    refused = reader.sync()
    assert refused.returncode != 0
    assert "403" in refused.stdout + refused.stderr
    assert world.stored(sales) == before
    arrived = [content for content in reader.cards(sales).values() if b"FN:News" in content]
    assert len(arrived) == 1

    # The book of their own is theirs, whatever was refused elsewhere.
    own = world.own_book(reader.member)
    (reader.path / "cards" / "contacts" / "friend.vcf").write_bytes(vcard("friend"))
    reader.sync()
    assert len(world.stored(own)) == 1
