"""Fuzz target: whole requests to the application, by a member, a stranger or nobody."""

import logging
import tempfile
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path

from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from tests.attacks.fuzz.cards import LINES
from tests.attacks.fuzz.target import Target
from tests.attacks.in_process import InProcess, application
from tests.http.client import document, prop
from tests.http.world import Member, World, vcard

_RESTORED_EVERY = 50
_NAME = "ann.vcf"


class _Strict(logging.Handler):
    """Fails where the application would only write that it failed."""

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            raise record.exc_info[1]


class _Server:
    """An application over a database of its own, for as long as the program runs."""

    def __init__(self) -> None:
        self._open = ExitStack()
        folder = Path(self._open.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'books.db'}"
        database = self._open.enter_context(closing(Database(url)))
        upgrade_schema(database)
        app = self._open.enter_context(application(folder, url))
        self.world = self._open.enter_context(World(database, 0))
        self.member: Member = self.world.member("fuzz")
        self.book = self.world.book()
        self.world.grant(self.book, self.member, "manage")
        self.client = InProcess(app, self.member.headers)
        self.stranger = InProcess(app, self.world.member("mallory").headers)
        self.nobody = InProcess(app)
        self._runs = 0
        logging.getLogger("sharedbooks").addHandler(_Strict())
        logging.getLogger("sharedbooks").propagate = False

    def handle(self, octets: bytes) -> None:
        """Make the request that ``octets`` describe.

        Its first line has who asks, method and path; headers follow, an empty line, and the body.
        """
        if self._runs % _RESTORED_EVERY == 0:
            self._restore()
        self._runs += 1
        octets = octets.replace(b"{home}", self.member.home.encode())
        octets = octets.replace(b"{book}", self.member.path(self.book).encode())
        head, _, body = octets.partition(b"\n\n")
        first, *lines = head.decode("latin-1").split("\n")
        who, _, request = first.partition(" ")
        method, _, path = request.partition(" ")
        pairs = (line.partition(":") for line in lines)
        headers = {
            name: value.strip() for name, _, value in pairs if name.isascii() and name.isprintable()
        }
        client = {"stranger": self.stranger, "nobody": self.nobody}.get(who, self.client)
        answer = client.request(method or "GET", path or "/", body, headers)
        # 502: the Destination is another server's; 507: there is no more room.
        assert answer.status < 500 or answer.status in {502, 507}, answer
        if (answer.headers["Content-Type"] or "").startswith("application/xml") and answer.body:
            assert answer.xml.tag.startswith("{DAV:}")

    def _restore(self) -> None:
        """Put back what requests may have deleted."""
        assert self.client.propfind(self.member.home, depth=1).status == 207
        self.client.put(self.member.path(self.book, _NAME), vcard())


@cache
def _server() -> _Server:
    return _Server()


_METHODS = (
    *("GET", "HEAD", "PUT", "POST", "DELETE", "MKCOL", "MKCALENDAR", "PROPFIND", "PROPPATCH"),
    *("REPORT", "COPY", "MOVE", "OPTIONS", "LOCK", "TRACE", "get", ""),
)
_PATHS = (
    *(
        "/",
        "{home}",
        "{book}",
        "{book}ann.vcf",
        "{book}?add-member",
        "{home}contacts/",
        "/.groups/x/",
    ),
    *(
        "{home}new/",
        "{book}a%2Fb",
        "/%00",
        "/%ff",
        "/..",
        "//",
        "/.well-known/carddav",
        "/-/health",
    ),
)
_HEADERS = (
    *(
        "Depth: 0",
        "Depth: 1",
        "Depth: infinity",
        'If-Match: "x"',
        "If-None-Match: *",
        "If-Match: *",
    ),
    *(
        "Destination: {book}b.vcf",
        "Destination: http://127.0.0.1/x",
        "Destination: //[",
        "Overwrite: F",
    ),
    *("Accept: text/vcard;version=4.0", "Accept: application/vcard+json;q=nan", "Accept: */*;q=x"),
    *("Authorization: Basic", "Authorization: Basic eDp5", "Authorization: Bearer x", "Brief: t"),
    *("X-Forwarded-For: 1.2.3.4, ::1, x", "X-Script-Name: /a", "X-Forwarded-Host: x", "Host:"),
    *("Content-Type: text/vcard; charset=x", "Content-Type: \x80", "Content-Length: 9x"),
    *("Prefer: return=minimal", "Prefer: return=representation", "Accept-Encoding: gzip;q=0"),
    *("User-Agent: iOS/16 dataaccessd", "Content-Encoding: gzip", "Accept-Encoding: gzip"),
)
_XML = (
    document("D:propfind", prop("D:displayname", "D:acl", "X:unknown")),
    document("D:propfind", "<D:allprop/>"),
    document("D:propfind", "<D:propname/>"),
    document("D:propertyupdate", "<D:set><D:prop><X:a>b</X:a></D:prop></D:set>"),
    document("D:mkcol", "<D:set><D:prop><D:displayname>b</D:displayname></D:prop></D:set>"),
    document(
        "D:sync-collection", "<D:sync-token/><D:sync-level>1</D:sync-level>" + prop("D:getetag")
    ),
    document(
        "CARD:addressbook-multiget", prop("CARD:address-data") + "<D:href>{book}ann.vcf</D:href>"
    ),
    document(
        "CARD:addressbook-query",
        prop("D:getetag")
        + '<CARD:filter test="allof"><CARD:prop-filter name="FN"><CARD:text-match '
        'collation="i;octet" match-type="equals">a</CARD:text-match><CARD:param-filter name="T">'
        "<CARD:is-not-defined/></CARD:param-filter></CARD:prop-filter></CARD:filter>"
        "<CARD:limit><CARD:nresults>1</CARD:nresults></CARD:limit>",
    ),
    document("D:expand-property", '<D:property name="owner"><D:property name="x"/></D:property>'),
    document("D:acl-principal-prop-set", prop("D:displayname")),
    document("D:principal-match", "<D:self/>"),
    document("D:principal-match", "<D:principal-property><D:owner/></D:principal-property>"),
    document(
        "D:principal-property-search",
        f"<D:property-search>{prop('D:displayname')}<D:match>a</D:match></D:property-search>",
    ),
    document("D:principal-search-property-set"),
)
_XML_TOKENS = (
    *("<D:prop>", "</D:prop>", "<D:href>", "</D:href>", "<D:limit>", "<D:nresults>1</D:nresults>"),
    *(
        "urn:sharedbooks:sync:1:1:1",
        'name=""',
        'name="a.b.c"',
        "<!DOCTYPE a>",
        "&amp;",
        "&#1;",
        "<X:a>",
    ),
    *(
        'xmlns=""',
        'xmlns:x="y"',
        'version="4.0"',
        'content-type="application/vcard+json"',
        "<![CDATA[",
    ),
    *(
        'novalue="yes"',
        'negate-condition="yes"',
        'test="x"',
        "9" * 30,
        "\xe2\x80\xa8",
        "<?x y?>",
        "<!---->",
    ),
)


def _seed(method: str, path: str, body: bytes | str, *headers: str) -> bytes:
    octets = body if isinstance(body, bytes) else body.encode()
    return "\n".join([f"member {method} {path}", *headers]).encode("latin-1") + b"\n\n" + octets


_SEEDS = (
    *(_seed("REPORT", "{book}", body) for body in _XML[5:]),
    *(_seed("REPORT", "{home}", body) for body in _XML[8:]),
    *(_seed("PROPFIND", path, body, "Depth: 1") for body in _XML[:3] for path in _PATHS[:7]),
    *(_seed("PROPPATCH", path, _XML[3]) for path in _PATHS[1:4]),
    _seed("MKCOL", "{home}new/", _XML[4]),
    _seed("PUT", "{book}ann.vcf", vcard(), "Content-Type: text/vcard"),
    _seed("POST", "{book}?add-member", vcard(None)),
    *(_seed(method, "{book}ann.vcf", "", _HEADERS[6]) for method in ("COPY", "MOVE", "DELETE")),
    *(_seed("GET", "{book}ann.vcf", "", header) for header in _HEADERS),
)

REQUEST_TARGET = Target(
    "request",
    lambda octets: _server().handle(octets),
    (
        *(f"{who} {method} {path}\n".encode() for who in ("member", "stranger", "nobody")
          for method in _METHODS for path in _PATHS),
        *(f"{header}\n".encode("latin-1") for header in _HEADERS),
        *(body.encode() for body in _XML),
        *(token.encode("latin-1") for token in _XML_TOKENS),
        *(b"\n\n", b"\n", *LINES, vcard(), b"BEGIN:VCARD\r\n", b"END:VCARD\r\n"),
    ),
    _SEEDS,
)  # fmt: skip
