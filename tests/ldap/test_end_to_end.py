"""From the directory to the phone: real servers, the real program, a real client."""

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from sharedbooks.vcard.contentlines import unfold
from tests.http.client import Client
from tests.ldap.site import PASSWORD
from tests.support.configured import describe
from tests.support.crowd import photo
from tests.support.directories import DirectoryServer
from tests.support.openldap import OpenLdapServer
from tests.support.process import RunningServer
from tests.support.vdirsyncer import Folder


@pytest.fixture(params=["openldap", "samba"])
def directory(request: pytest.FixtureRequest) -> tuple[DirectoryServer, str]:
    kind = request.param
    return request.getfixturevalue(kind), request.getfixturevalue(f"{kind}_branch")


@pytest.fixture
def server(
    directory: tuple[DirectoryServer, str], database_url: str, tmp_path: Path
) -> Iterator[RunningServer]:
    folder = tmp_path / "server"
    folder.mkdir()
    made = RunningServer(folder, database_url)
    description = describe(directory[0], folder, base=directory[1])
    made.config.write_text(made.config.read_text() + description)
    with made:
        yield made


def give_command(server: RunningServer, *arguments: str) -> None:
    program = [sys.executable, "-m", "sharedbooks.cli", "--config", str(server.config)]
    done = subprocess.run([*program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def status(server: RunningServer, name: str, password: str) -> int:
    connection = HTTPConnection("127.0.0.1", server.port, timeout=20)
    try:
        connection.putrequest("PROPFIND", f"/{name}/")
        secret = f"{name}:{password}".encode()
        connection.putheader("Authorization", f"Basic {b64encode(secret).decode()}")
        connection.putheader("Depth", "0")
        connection.putheader("Content-Length", "0")
        connection.endheaders()
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.databases("sqlite")
def test_books_of_groups_come_and_go(
    directory: tuple[DirectoryServer, str], server: RunningServer, tmp_path: Path
) -> None:
    ldap, branch = directory
    alice = ldap.add_person("alice", branch, PASSWORD)
    bob = ldap.add_person("bob", branch, PASSWORD)
    inner = ldap.add_group("Sales, Süd", branch, [alice, bob])
    outer = ldap.add_group("All staff", branch, [inner])
    give_command(server, "directory", "sync")
    for book, group in (("crm", inner), ("news", outer)):
        give_command(server, "book", "add", book)
        give_command(server, "grant", "add", book, f"group:{group}", "write")

    folder = Folder("alice", PASSWORD, tmp_path / "alice", f"{server.url}/")
    assert folder.books() == {"contacts", "crm", "news"}
    card = b"BEGIN:VCARD\nVERSION:3.0\nUID:ann\nFN:Ann\nEND:VCARD\n"
    folder.card("news", "ann.vcf").write_bytes(card)
    folder.sync_well()

    # She does not log in between: what her phone has remembered does not help.
    ldap.remove_values(inner, {"member": alice})
    give_command(server, "directory", "sync")
    assert folder.sync().returncode != 0
    again = Folder("alice", PASSWORD, tmp_path / "again", f"{server.url}/")
    assert again.books() == {"contacts"}
    other = Folder("bob", PASSWORD, tmp_path / "bob", f"{server.url}/")
    assert other.books() == {"contacts", "crm", "news"}
    other.sync_well()
    assert [b"FN:Ann" in content for content in other.cards("news").values()] == [True]


@pytest.mark.databases("sqlite")
def test_the_directory_is_a_book_on_every_phone(
    directory: tuple[DirectoryServer, str], server: RunningServer, tmp_path: Path
) -> None:
    ldap, branch = directory
    attribute = "jpegPhoto" if isinstance(ldap, OpenLdapServer) else "thumbnailPhoto"
    boss = ldap.add_person("Jürgen Böß", branch, PASSWORD, telephoneNumber="+49 30 1")
    alice = ldap.add_person("alice", branch, PASSWORD, manager=boss, **{attribute: photo(1)})
    office = ldap.add_group("Office", branch, [alice, boss])
    give_command(server, "directory", "book", "add", "staff", "--display-name", "Staff")
    give_command(server, "directory", "sync")
    give_command(server, "grant", "add", "staff", f"group:{office}", "write")

    folder = Folder("alice", PASSWORD, tmp_path / "alice", f"{server.url}/")
    folder.sync_well()
    before = folder.cards("staff")
    hers = next(unfold(content) for content in before.values() if b"\nFN:alice\n" in content)
    his = next(content for content in before.values() if "\nFN:Jürgen Böß\n".encode() in content)
    assert b64encode(photo(1)) in hers
    assert "Jürgen Böß".encode() in hers.split(b"FN:alice")[1]
    assert b"+49 30 1" in his

    with Client(server.port, ("alice", PASSWORD)) as client:
        token = client.sync("/alice/staff/").sync_token
        name = "D:current-user-privilege-set"
        assert client.find("/alice/staff/", name).privileges == {
            "read", "read-current-user-privilege-set",
        }  # fmt: skip
        name = "CARD:principal-address"
        [address] = client.find("/alice/", name).hrefs(name)
        assert b"\nFN:alice\r" in client.get(address).body
        assert address.startswith("/alice/staff/")
        assert client.find("/alice/staff/", name).statuses == {name: 404}
        ldap.replace(boss, {"telephoneNumber": "+49 30 2"})
        give_command(server, "directory", "sync")
        [changed] = client.sync("/alice/staff/", token).hrefs
        assert b"+49 30 2" in client.get(changed).body
        assert client.put(changed, his).status == 403
        assert client.delete(changed).status == 403
    folder.sync_well()
    after = folder.cards("staff")
    assert {name for name in before if before[name] != after[name]} == {changed.split("/")[-1]}

    folder.card("staff", "mine.vcf").write_bytes(hers.replace(b"UID:", b"UID:x"))
    assert "403" in (refused := folder.sync()).stdout + refused.stderr
    ldap.remove_values(office, {"member": alice})
    give_command(server, "directory", "sync")
    again = Folder("alice", PASSWORD, tmp_path / "again", f"{server.url}/")
    assert again.books() == {"contacts"}


@pytest.mark.databases("sqlite")
def test_who_leaves_is_out_at_the_next_sync(
    directory: tuple[DirectoryServer, str], server: RunningServer
) -> None:
    ldap, branch = directory
    people = {name: ldap.add_person(name, branch, PASSWORD) for name in ("alice", "bob", "carol")}
    give_command(server, "directory", "sync")
    assert status(server, "alice", PASSWORD) == 207
    ldap.delete(people["alice"])
    give_command(server, "directory", "sync")
    assert status(server, "alice", PASSWORD) == 401
    assert status(server, "bob", PASSWORD) == 207
