"""``sharedbooks import`` from other servers and from Radicale's storage."""

import json
import shutil
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sharedbooks.db.engine import Database
from tests.http.client import Client
from tests.http.world import World, vcard
from tests.support.certificates import Authority
from tests.support.databases import SqliteDatabases
from tests.support.process import RunningServer
from tests.support.radicale import RadicaleServer

BOOK = (
    '<?xml version="1.0"?><D:mkcol xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><D:set>'
    "<D:prop><D:resourcetype><D:collection/><C:addressbook/></D:resourcetype>"
    "<D:displayname>{}</D:displayname>"
    "<C:addressbook-description>{}</C:addressbook-description></D:prop></D:set></D:mkcol>"
)
CALENDAR = (
    '<?xml version="1.0"?><C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">'
    "<D:set><D:prop><D:displayname>Dates</D:displayname></D:prop></D:set></C:mkcalendar>"
)


def make_book(client: Client, path: str, name: str, description: str, cards: int) -> None:
    answer = client.request("MKCOL", path, BOOK.format(name, description), {})
    assert answer.status == 201, answer
    for number in range(cards):
        put = client.put(f"{path}card {number}.vcf".replace(" ", "%20"), card(path, number))
        assert put.status == 201, put


def card(path: str, number: int) -> bytes:
    return vcard(f"{path}{number}", f"Nämé {number}", "NOTE:two\\nlines & <more>")


@pytest.fixture(scope="module")
def radicale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadicaleServer]:
    with RadicaleServer(tmp_path_factory.mktemp("radicale")) as server:
        with closing(server.client("anna")) as anna:
            make_book(anna, "/anna/contacts/", "Annas Leute", "Alle, die &amp; ich", 105)
            make_book(anna, "/anna/empty/", "", "", 0)
            assert anna.request("MKCALENDAR", "/anna/dates/", CALENDAR, {}).status == 201
        with closing(server.client("bert")) as bert:
            make_book(bert, "/bert/club/", "Club", "", 3)
        yield server


@pytest.fixture
def login(office, tmp_path: Path) -> list[str]:
    (tmp_path / "password").write_text("geheim\n")
    return ["--user", "anna", "--password-file", str(tmp_path / "password")]


def lines_of(office, book: str) -> list[str]:
    return office("export", book).out.splitlines()


def test_books_of_a_server_are_listed(office, radicale, login):
    done = office("import", "--from-url", radicale.url, "--list", *login)
    assert [line.split()[0] for line in done.out.splitlines()] == ["Name", "contacts", "empty"]
    listed = office("import", "--from-url", radicale.url, "--list", "--json", *login).document
    assert listed[0] == {
        "name": "contacts",
        "display_name": "Annas Leute",
        "description": "Alle, die & ich",
        "url": f"{radicale.url}anna/contacts/",
    }


def test_one_book_into_one(office, radicale, login, sql):
    url = f"{radicale.url}anna/contacts/"
    dry = office("import", "crm", "--from-url", url, *login, "--dry-run", "--json").document
    assert dry["books"][0]["added"] == 105
    assert office("export", "crm").out == ""
    done = office("import", "crm", "--from-url", url, *login)
    assert done.out == "Cards imported into 'crm': 105 added, 0 changed, 0 unchanged.\n"
    names = [row[0] for row in sql.execute("SELECT resource_name FROM cards ORDER BY 1")]
    assert names[:2] == ["card 0.vcf", "card 1.vcf"]
    [content] = sql.execute(
        "SELECT content FROM cards WHERE resource_name = 'card 0.vcf'"
    ).fetchone()
    assert content == card("/anna/contacts/", 0)
    again = office("import", "crm", "--from-url", url, *login)
    assert "0 added, 0 changed, 105 unchanged" in again.out


def test_all_books_with_the_password_from_the_input(office, radicale):
    words = ["import", "--from-url", radicale.url, "--user", "anna", "--all", "--owner", "alice"]
    office(*words, "--dry-run", typed="geheim\n")
    assert office("book", "list", "--json").document[0]["name"] == "crm"
    done = office(*words, typed="geheim\n")
    assert "into 'alice/contacts': 105 added" in done.out
    shown = office("book", "show", "alice/contacts", "--json").document
    assert (shown["display_name"], shown["description"]) == ("Annas Leute", "Alle, die & ich")
    assert shown["cards"] == 105
    assert office("book", "show", "alice/empty", "--json").document["cards"] == 0
    assert "105 unchanged" in office(*words, typed="geheim\n").out


def test_our_own_server(office, tmp_path, sqlite_databases: SqliteDatabases):
    with (
        sqlite_databases.migrated() as url,
        closing(Database(url)) as database,
        RunningServer(tmp_path, url) as server,
        World(database, server.port) as world,
    ):
        member = world.member()
        for name in ("x.vcf", "y.vcf"):
            assert member.put(member.contacts + name, vcard(name, name)).status == 201
        done = office(
            *("import", "crm", "--from-url", f"{server.url}/", "--user", member.name),
            typed=f"{member.password}\n",
        )
    assert "2 added" in done.out
    assert {"UID:x.vcf", "UID:y.vcf"} <= set(lines_of(office, "crm"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["crm", "--from-url", "{url}"], "--from-url needs --user"),
        (["--from-url", "{url}", "--user", "anna"], "--from-url needs a BOOK to go to, --all, or"),
        (["crm", "--from-url", "{url}", "--user", "anna"], "There are several books: give the URL"),
        (["crm", "x", "--from-url", "{url}", "--user", "anna"], "Invalid value for '[FILE]'"),
        (
            ["crm", "--from-url", "{url}", "--user", "a", "--map", "x=TEL"],
            "--map makes no sense",
        ),
        (["crm", "--all"], "--all makes no sense without --from-url"),
        (["crm", "--from-radicale", "."], "BOOK makes no sense here: books come with their names"),
        (["crm", "--create-users"], "--create-users makes no sense without --from-radicale"),
        ([], "Missing argument 'BOOK'"),
        (["crm"], "Missing argument 'FILE'"),
    ],
)
def test_what_does_not_go_together_is_code_2(office, radicale, words, sentence):
    filled = [word.format(url=radicale.url) for word in words]
    done = office("import", *filled, code=2, typed="geheim\n")
    assert done.err.startswith(sentence)


def test_what_a_server_refuses_is_code_1(office, radicale):
    done = office(
        *("import", "crm", "--from-url", radicale.url, "--user", "anna"), typed="wrong\n", code=1
    )
    assert done.err == "The server refuses the login of 'anna'.\n"
    for url, sentence in (
        ("http://example.org/", "Without https the password could be read on the way to"),
        ("https://u:p@example.org/", "A login in a URL can be seen by everybody"),
        ("ftp://example.org/", "'ftp://example.org/' is no URL of a server"),
        ("http://127.0.0.1:1/", "127.0.0.1:1 does not answer: Connection refused."),
    ):
        words = ["import", "crm", "--from-url", url, "--user", "anna"]
        assert office(*words, typed="geheim\n", code=1).err.startswith(sentence)


class _Hostile(BaseHTTPRequestHandler):
    """Sends clients elsewhere, or XML that is out for mischief."""

    seen: list[str | None] = []  # noqa: RUF012 - of the one server of a test

    def do_PROPFIND(self) -> None:
        self.seen.append(self.headers.get("Authorization"))
        if self.path == "/away/":
            self.send_response(302)
            self.send_header("Location", "https://elsewhere.example/")
            self.end_headers()
            return
        body = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><D:multistatus xmlns:D="DAV:">&a;</D:multistatus>'
        self.send_response(207)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_hostile_servers(office):
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        for path, sentence in (
            ("away/", "The server sends to another one, elsewhere.example; give its URL."),
            ("xml/", "The server's answer is no XML that can be read"),
        ):
            url = f"http://127.0.0.1:{server.server_port}/{path}"
            words = ["import", "crm", "--from-url", url, "--user", "anna"]
            assert office(*words, typed="geheim\n", code=1).err.startswith(sentence)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_certificates_are_checked(office, tmp_path, monkeypatch):
    authority = Authority(tmp_path)
    issued = authority.issue("server", "IP:127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hostile)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    _Hostile.seen.clear()
    words = ["--from-url", f"https://127.0.0.1:{server.server_port}/xml/", "--user", "anna"]
    try:
        done = office("import", "crm", *words, typed="geheim\n", code=1)
        assert "is not to be trusted" in done.err
        assert _Hostile.seen == []
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
        done = office("import", "crm", *words, typed="geheim\n", code=1)
        assert done.err.startswith("The server's answer is no XML")
        assert len(_Hostile.seen) == 1
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_storage_of_radicale(office, radicale, tmp_path, sql):
    folder = tmp_path / "collections"
    shutil.copytree(radicale.storage, folder)
    broken = folder / "collection-root/bert/club/broken.vcf"
    broken.write_text("BEGIN:VCARD\nnothing\nEND:VCARD\n")
    (folder / "collection-root/bert/club/link.vcf").symlink_to("/etc/passwd")
    done = office("import", "--from-radicale", folder, code=2)
    assert done.err.startswith("There are no users 'anna', 'bert': --create-users makes them.")
    words = ["import", "--from-radicale", folder, "--create-users"]
    office(*words, "--dry-run", code=1)
    assert [each["name"] for each in office("user", "list", "--json").document] == ["alice", "bob"]
    done = office(*words, "--report", "bad.csv", "--json", code=1).document
    assert [(book["book"], book["added"], book["failed"]) for book in done["books"]] == [
        ("anna/contacts", 105, 0),
        ("anna/empty", 0, 0),
        ("bert/club", 3, 1),
    ]
    assert "file,broken.vcf,Line 2 is no property" in Path("bad.csv").read_text()
    shown = office("book", "show", "anna/contacts", "--json").document
    assert (shown["display_name"], shown["description"]) == ("Annas Leute", "Alle, die & ich")
    names = {row[0] for row in sql.execute("SELECT resource_name FROM cards")}
    assert {"card 0.vcf", "card 104.vcf"} <= names
    assert "dates" not in json.dumps(office("book", "list", "--json").document)
    again = office(*words[:3], "--json", code=1).document
    assert [book["unchanged"] for book in again["books"]] == [105, 0, 3]
    root = office("import", "--from-radicale", folder / "collection-root", "--json", code=1)
    assert len(root.document["books"]) == 3


def test_a_folder_that_is_none_of_radicales(office, tmp_path):
    done = office("import", "--from-radicale", tmp_path, code=1)
    assert "is no folder of Radicale's storage: no collection-root is in it." in done.err
