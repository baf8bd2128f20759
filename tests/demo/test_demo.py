"""The demo of ``make run``: what is in it, that it is made once, and that it serves."""

import base64
import importlib
import re
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import unicodedata
import zlib
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from sharedbooks.config import load_config
from sharedbooks.db.engine import Database
from sharedbooks.domain import books, cards, grants, principals
from sharedbooks.domain.cards import Card
from sharedbooks.domain.login import Origin
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import PrincipalKind
from sharedbooks.runtime import open_database, open_runtime
from sharedbooks.vcard.contentlines import ContentLine, content_lines
from tests.support.daemon import Daemon
from tests.support.network import LOOPBACK, free_port

SCRIPTS = Path(__file__).parents[2] / "scripts"

CLIENTS = ("iPhone", "Mac", "DAVx5", "Thunderbird", "CalDav Synchronizer", "Evolution", "KDE")

RESERVED_PHONES = re.compile(
    r"""
    \+49-(30-23125|40-66969|69-90009|89-99998|221-4710)-\d{3}  # Bundesnetzagentur
    | \+33-1-99-00-\d\d-\d\d | \+33-6-39-98-\d\d-\d\d          # Arcep
    | \+46-70-174-06-(0[5-9]|[1-9]\d)                          # PTS
    | \+44-20-7946-0\d{3} | \+44-7700-900\d{3}                 # Ofcom
    | \+1-\d{3}-555-01\d\d                                     # NANPA
    """,
    re.VERBOSE,
)


def import_script(name: str) -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(SCRIPTS)
        return importlib.import_module(name)


demo = import_script("demo")
demo_contacts = import_script("demo_contacts")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo that no test changes."""
    made: Path = tmp_path_factory.mktemp("demo")
    assert demo.make_demo(made)
    return made


@pytest.fixture(scope="module")
def database(folder: Path) -> Iterator[Database]:
    with closing(open_database(load_config(folder / "sharedbooks.toml"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def stored(database: Database) -> dict[str, list[Card]]:
    """Every card, by the name of its book."""
    with database.read() as connection:
        return {
            book.name: list(cards.iterate_cards(connection, book.id))
            for book in books.list_books(connection)
        }


@pytest.fixture(scope="module")
def contacts(stored: dict[str, list[Card]]) -> list[Card]:
    return [card for some in stored.values() for card in some if card.kind != "group"]


def lines_of(contacts: list[Card], name: str) -> list[ContentLine]:
    return [line for card in contacts for line in content_lines(card.content) if line.name == name]


def dump(folder: Path) -> tuple[list[str], dict[str, bytes]]:
    """Everything in the database, and every other file."""
    with closing(sqlite3.connect(folder / "sharedbooks.db")) as connection:
        rows = list(connection.iterdump())
    names = {path.name for path in folder.iterdir()}
    others = names - {f"sharedbooks.db{ending}" for ending in ("", "-wal", "-shm")}
    return rows, {name: (folder / name).read_bytes() for name in others}


def test_it_has_the_users_groups_and_books_it_shows(database: Database) -> None:
    with database.read() as connection:
        users = principals.list_principals(connection, PrincipalKind.USER)
        groups = principals.list_principals(connection, PrincipalKind.GROUP)
        members = {
            group.name: [user.name for user in principals.list_members(connection, group)]
            for group in groups
        }
        shared = books.list_books(connection)
    assert [user.name for user in users] == ["alice", "bob", "carol", "dave"]
    assert members == {"office": ["alice", "bob", "carol", "dave"], "sales": ["alice", "bob"]}
    assert [book.name for book in shared] == ["company", "customers", "suppliers"]
    assert all(book.owner is None and book.description for book in shared)


def test_three_hundred_contacts_and_a_group(
    stored: dict[str, list[Card]], contacts: list[Card]
) -> None:
    assert {name: len(some) for name, some in stored.items()} == {
        "company": 90,
        "customers": 151,
        "suppliers": 60,
    }
    assert len(contacts) == 300
    assert Counter(card.version for card in contacts) == {"3.0": 258, "4.0": 42}
    names = [line.text for line in lines_of(contacts, "FN")]
    assert len(set(names)) > 250, "few contacts share a name"


def test_the_group_card_names_contacts_of_its_book(stored: dict[str, list[Card]]) -> None:
    (group,) = [card for card in stored["customers"] if card.kind == "group"]
    lines = list(content_lines(group.content))
    members = [line.text for line in lines if line.name == "X-ADDRESSBOOKSERVER-MEMBER"]
    uids = {f"urn:uuid:{c.card_uid.removeprefix('urn:uuid:')}" for c in stored["customers"]}
    assert group.version == "3.0"
    assert len(set(members)) == 12
    assert set(members) <= uids


def test_every_card_is_one_a_client_could_have_sent(stored: dict[str, list[Card]]) -> None:
    for card in [card for some in stored.values() for card in some]:
        prepared = prepare_card(card.content, max_size=1024 * 1024)
        assert prepared.facts.card_uid == card.card_uid
        assert prepared.facts.display_name
        assert card.resource_name == f"{card.card_uid.removeprefix('urn:uuid:')}.vcf"
        physical = card.content.split(b"\r\n")
        assert max(map(len, physical)) <= 75
        assert b"\n" not in b"".join(physical)


@pytest.mark.parametrize(
    "script", ["CYRILLIC", "GREEK", "CJK UNIFIED", "ARABIC", "DEVANAGARI", "WITH DIAERESIS"]
)
def test_contacts_are_written_in_several_scripts(script: str, contacts: list[Card]) -> None:
    names = [line.text for line in lines_of(contacts, "FN")]
    written_so = [name for name in names if any(script in unicodedata.name(c) for c in name)]
    assert len(written_so) >= 10


def test_phones_are_reserved_for_fiction(contacts: list[Card]) -> None:
    phones = [line.text for line in lines_of(contacts, "TEL")]
    assert len(phones) > 300
    for phone in phones:
        assert RESERVED_PHONES.fullmatch(phone.removeprefix("tel:").replace(" ", "-")), phone


def test_mail_and_web_addresses_are_examples(contacts: list[Card]) -> None:
    addresses = [line.text for line in lines_of(contacts, "EMAIL")]
    assert len(addresses) == 300
    for address in addresses:
        assert re.fullmatch(r"[a-z-]+\.[a-z-]+@example\.(com|net|org)", address), address
    pages = [line.text for line in lines_of(contacts, "URL")]
    assert pages
    assert all(page.startswith("https://www.example.com/") for page in pages)


@pytest.mark.parametrize("name", ["ADR", "ORG", "NOTE", "BDAY", "CATEGORIES", "X-ABLABEL"])
def test_contacts_have_what_contacts_have(name: str, contacts: list[Card]) -> None:
    assert len(lines_of(contacts, name)) >= 10


def test_photos_are_pictures(contacts: list[Card]) -> None:
    photos = lines_of(contacts, "PHOTO")
    assert len(photos) == 76
    assert {line.text.startswith("data:image/png;base64,") for line in photos} == {True, False}
    for line in photos:
        png = base64.b64decode(line.text.rpartition(",")[2], validate=True)
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        chunks = dict(png_chunks(png[8:]))
        width, height, depth, colours = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
        assert (width, height, depth, colours) == (128, 128, 8, 3)
        assert len(zlib.decompress(chunks[b"IDAT"])) == height * (1 + width)
        assert len(chunks[b"PLTE"]) == 12


def png_chunks(octets: bytes) -> Iterator[tuple[bytes, bytes]]:
    while octets:
        (length,) = struct.unpack(">I", octets[:4])
        kind, content = octets[4:8], octets[8 : 8 + length]
        assert struct.unpack(">I", octets[8 + length : 12 + length])[0] == zlib.crc32(
            kind + content
        )
        yield kind, content
        octets = octets[12 + length :]


def test_contacts_are_the_same_every_time(contacts: list[Card]) -> None:
    code = (
        "from demo_contacts import make_contacts;"
        "print([c.octets for c in make_contacts('company', 90, 'example.org')])"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=SCRIPTS,
            env={"PYTHONHASHSEED": seed, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            check=True,
        ).stdout
        for seed in "12"
    }
    assert len(runs) == 1
    here = demo_contacts.make_contacts("company", 90, "example.org")
    assert {contact.octets for contact in here} < {card.content for card in contacts}


def test_what_the_text_says_a_user_finds_is_what_they_find(database: Database) -> None:
    with database.read() as connection:
        for user in demo.USERS:
            found = {}
            for book in books.list_books(connection):
                principal = principals.get_user(connection, user.name)
                found[book.display_name] = str(
                    grants.explain(connection, principal, book)[0].privilege
                )
            said = dict(re.findall(r"(\w+) \(([\w-]+)\)", user.finds))
            assert said == found


def test_suppliers_were_added_by_several_users(
    database: Database, stored: dict[str, list[Card]]
) -> None:
    with database.read() as connection:
        users = principals.list_principals(connection, PrincipalKind.USER)
    names = {user.id: user.name for user in users}
    creators = Counter(names[card.creator_id or 0] for card in stored["suppliers"])
    assert creators == {"alice": 20, "carol": 20, "dave": 20}


def test_every_user_can_log_in(folder: Path) -> None:
    runtime = open_runtime(load_config(folder / "sharedbooks.toml"))
    with closing(runtime), runtime.database.read() as connection:
        for user in demo.USERS:
            member = runtime.authenticator.login(
                connection, user.name, user.password, Origin(LOOPBACK, "test")
            )
            assert member.user.display_name == user.display_name


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = dump(folder)
    assert not demo.make_demo(folder)
    assert dump(folder) == before


def test_a_changed_configuration_stays(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "sharedbooks.db").write_bytes((folder / "sharedbooks.db").read_bytes())
    config = tmp_path / "sharedbooks.toml"
    config.write_text('[server]\nport = 8443\n\n[database]\nurl = "sqlite:///sharedbooks.db"\n')
    assert not demo.make_demo(tmp_path)
    assert load_config(config).server.port == 8443


def test_an_interrupted_run_leaves_no_half_a_demo(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = demo.store_cards
    calls = iter([store, store])

    def interrupted(*arguments: Any) -> Any:
        return next(calls)(*arguments)

    monkeypatch.setattr(demo, "store_cards", interrupted)
    with pytest.raises(StopIteration):
        demo.make_demo(tmp_path)
    assert not (tmp_path / "sharedbooks.db").exists()
    monkeypatch.setattr(demo, "store_cards", store)
    assert demo.make_demo(tmp_path)
    assert dump(tmp_path)[1].keys() == {"sharedbooks.toml"}


def test_the_text_names_every_client_account_and_address(folder: Path) -> None:
    config = load_config(folder / "sharedbooks.toml")
    text = demo.welcome(config, 5299)
    for client in CLIENTS:
        assert client in text
    for user in demo.USERS:
        assert f"{user.name} " in text
        assert user.password in text
    assert "http://127.0.0.1:5299/" in text
    assert "5232" not in text
    assert "no password over plain http" in text
    assert "everybody can know these passwords" not in text
    assert not re.search(r"[{}]", text)
    assert max(map(len, text.splitlines())) <= 100


def test_the_text_follows_the_configuration(folder: Path) -> None:
    config = load_config(folder / "sharedbooks.toml")
    server = replace(config.server, host="0.0.0.0", tls_certificate=Path("tls.crt"), prefix="/dav")  # noqa: S104
    text = demo.welcome(replace(config, server=server), 5299)
    assert "https://127.0.0.1:5299/dav/" in text
    assert "http://" not in text
    assert "no password over plain http" not in text
    assert "everybody can know these passwords" in text


def test_a_port_in_use_is_told_with_the_next_step(folder: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, SCRIPTS / "demo.py", "--folder", folder, "--port", str(port)],
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert f"{LOOPBACK}:{port}" in done.stderr
    assert "SHAREDBOOKS_DEMO_PORT=" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Thunderbird" not in done.stdout


def test_it_serves_until_interrupted(tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, SCRIPTS / "demo.py", "--folder", tmp_path / "demo"]
    daemon = Daemon([*command, "--port", str(port)], tmp_path, stop_signal=signal.SIGINT)
    daemon.start(answering(port))
    try:
        alice = demo.USERS[0]
        listing = propfind(port, "/alice/", alice.name, alice.password)
    finally:
        code = daemon.stop()
    assert code == 0, daemon.log
    for name in ("Contacts", "Customers", "Suppliers", "Company"):
        assert f"<D:displayname>{name}</D:displayname>" in listing
    assert daemon.log.index("Thunderbird") >= 0
    assert "Made the demo organisation" in daemon.log


def answering(port: int) -> Callable[[], bool]:
    def ask() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex((LOOPBACK, port)) == 0

    return ask


def propfind(port: int, path: str, name: str, password: str) -> str:
    login = b64encode(f"{name}:{password}".encode()).decode()
    body = '<propfind xmlns="DAV:"><prop><displayname/></prop></propfind>'
    with closing(HTTPConnection(LOOPBACK, port, timeout=30)) as connection:
        headers = {"Authorization": f"Basic {login}", "Depth": "1"}
        connection.request("PROPFIND", path, body, headers)
        response = connection.getresponse()
        assert response.status == 207
        return response.read().decode()


def test_its_text_can_be_found_in_the_documentation() -> None:
    clients = (SCRIPTS.parent / "docs/clients.md").read_text(encoding="utf-8")
    assert "## Trying it with a phone" in clients
