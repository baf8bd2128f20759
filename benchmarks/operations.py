"""The operations that are measured: what is asked, and when an answer is a good one."""

import itertools
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from urllib.parse import unquote, urlsplit

from benchmarks.client import Address, Client, Reply
from benchmarks.corpus import SHARE, card_uid, make_card, search_term
from benchmarks.measuring import NothingLeft

_XML = {"Content-Type": "application/xml; charset=utf-8", "Depth": "0"}
_XML_DEEP = _XML | {"Depth": "1"}
_VCARD = {"Content-Type": "text/vcard; charset=utf-8"}
_NAMESPACES = (
    'xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav" xmlns:S="http://calendarserver.org/ns/"'
)
_HREF = re.compile(rb"<(?:[\w-]+:)?href[^>]*>\s*([^<]+?)\s*<")
_TOKEN = re.compile(rb"<(?:[\w-]+:)?sync-token[^>]*>\s*([^<]+?)\s*<")
_STORED = {200, 201, 204}


@dataclass(slots=True)
class Site:
    """A book on a server, and what the operations remember of it.

    Attributes:
        server: name of the server.
        address: where it listens.
        book: path of the book, with a slash at its end.
        total: number of cards it was filled with.
        names: path of each of them.
        token: a sync token from before one change, and ``fresh`` one from after it.
        made: paths of cards made on the way, to be deleted.
    """

    server: str
    address: Address
    book: str
    total: int
    names: list[str] = field(default_factory=list)
    token: str = ""
    fresh: str = ""
    made: deque[str] = field(default_factory=deque)
    random: Random = field(default_factory=lambda: Random(11))
    numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(10_000_000))


Ask = Callable[[Client, Site], Awaitable[Reply]]
Check = Callable[[Reply, Site], bool]


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table.

    Attributes:
        name: as the table shows it.
        ask: makes one request.
        is_good: whether the answer is what was asked for.
        clients: with how many clients at once it is measured.
        target: ms with one client, at the sizes ``target_at``.
        target_at: None for every size.
        target_rate: requests a second with eight clients.
    """

    name: str
    ask: Ask
    is_good: Check
    clients: tuple[int, ...] = (1, 8)
    target: float | None = None
    target_at: int | None = None
    target_rate: float | None = None


def _xml(root: str, content: str) -> bytes:
    """Return a document; the root is given with its prefix."""
    head = '<?xml version="1.0" encoding="utf-8"?>'
    return f"{head}<{root} {_NAMESPACES}>{content}</{root}>".encode()


_TOKEN_POLL = _xml("propfind", "<prop><sync-token/></prop>")
_CTAG_POLL = _xml("propfind", "<prop><S:getctag/></prop>")
_HOME = _xml(
    "propfind",
    "<prop><resourcetype/><displayname/><current-user-privilege-set/><sync-token/><S:getctag/></prop>",
)
_LISTING = _xml("propfind", "<prop><getetag/></prop>")
_WITH_DATA = "<prop><getetag/><C:address-data/></prop>"


async def poll(client: Client, site: Site) -> Reply:
    """Ask for the sync token of the book."""
    return await client.request("PROPFIND", site.book, _TOKEN_POLL, _XML)


def home_of(site: Site) -> str:
    """Return the path of the home that has the book."""
    return site.book.rstrip("/").rpartition("/")[0] + "/"


async def home(client: Client, site: Site) -> Reply:
    """Ask for every book of the home, as phones do when they are set up or look for new books."""
    return await client.request("PROPFIND", home_of(site), _HOME, _XML_DEEP)


async def make_book(client: Client, path: str) -> None:
    """Make an empty address book (RFC 6352, section 6.3.1).

    Raises:
        RuntimeError: the server refuses.
    """
    kind = "<set><prop><resourcetype><collection/><C:addressbook/></resourcetype></prop></set>"
    reply = await client.request("MKCOL", path, _xml("mkcol", kind), _XML)
    if reply.status >= 300:
        raise RuntimeError(f"MKCOL {path}: {reply.status} {reply.body[:200]!r}")


async def listing(client: Client, site: Site) -> Reply:
    """Ask for name and ETag of every card."""
    return await client.request("PROPFIND", site.book, _LISTING, _XML_DEEP)


async def sync(client: Client, site: Site, token: str, *, data: bool = False) -> Reply:
    """Ask what has changed since ``token``; "" for everything there is."""
    wanted = _WITH_DATA if data else "<prop><getetag/></prop>"
    content = f"<sync-token>{token}</sync-token><sync-level>1</sync-level>{wanted}"
    return await client.request("REPORT", site.book, _xml("sync-collection", content), _XML)


async def multiget(client: Client, site: Site, paths: list[str]) -> Reply:
    """Ask for the content of some cards."""
    hrefs = "".join(f"<href>{path}</href>" for path in paths)
    body = _xml("C:addressbook-multiget", _WITH_DATA + hrefs)
    return await client.request("REPORT", site.book, body, _XML_DEEP)


async def put(
    client: Client, path: str, card: bytes, conditions: dict[str, str] | None = None
) -> Reply:
    """Store a card."""
    return await client.request("PUT", path, card, _VCARD | (conditions or {}))


async def put_changed(client: Client, site: Site) -> Reply:
    """Store another version of a card that is there."""
    number = site.random.randrange(site.total)
    path = site.book + file_name(number)
    return await put(client, path, make_card(number, site.total, _revision(site)))


def hrefs(reply: Reply) -> list[str]:
    """Return the paths that an answer names, without the host that some servers add."""
    return [urlsplit(found.decode()).path for found in _HREF.findall(reply.body)]


def token_of(reply: Reply) -> str:
    """Return the sync token in an answer, or "" if there is none."""
    found = _TOKEN.search(reply.body)
    return found[1].decode() if found else ""


def file_name(number: int) -> str:
    """Return the last part of the path of a card."""
    return f"{card_uid(number)}.vcf"


async def learn(client: Client, site: Site) -> None:
    """Find the cards of a book that was just filled.

    Raises:
        RuntimeError: they are not all there, or not where they were put.
    """
    found = [path for path in hrefs(await listing(client, site)) if not path.endswith("/")]
    site.names = sorted(found)
    last = {unquote(path).rpartition("/")[2] for path in found}
    if missing := {file_name(number) for number in range(site.total)} - last:
        raise RuntimeError(f"{site.server} lacks {len(missing)} of {site.total} cards")


async def make_one_change(client: Client, site: Site) -> None:
    """Change one card, and remember the tokens of before and after."""

    async def token() -> str:
        return token_of(await poll(client, site)) or token_of(await sync(client, site, ""))

    site.token = await token()
    await put_changed(client, site)
    site.fresh = await token()


def _revision(site: Site) -> int:
    return next(site.numbers) % 9_000_000


async def _options(client: Client, site: Site) -> Reply:
    return await client.request("OPTIONS", site.book)


async def _ctag(client: Client, site: Site) -> Reply:
    return await client.request("PROPFIND", site.book, _CTAG_POLL, _XML)


async def _some(client: Client, site: Site) -> Reply:
    return await multiget(client, site, site.random.sample(site.names, min(100, site.total)))


async def _query(client: Client, site: Site) -> Reply:
    term = search_term(site.random.randrange(site.total), site.total)
    match = f'<C:text-match collation="i;unicode-casemap" match-type="contains">{term}'
    filters = "".join(
        f'<C:prop-filter name="{name}">{match}</C:text-match></C:prop-filter>'
        for name in ("FN", "EMAIL")
    )
    content = f'{_WITH_DATA}<C:filter test="anyof">{filters}</C:filter>'
    return await client.request(
        "REPORT", site.book, _xml("C:addressbook-query", content), _XML_DEEP
    )


async def _get(client: Client, site: Site) -> Reply:
    return await client.request("GET", site.random.choice(site.names))


async def _put_new(client: Client, site: Site) -> Reply:
    number = next(site.numbers)
    path = site.book + file_name(number)
    reply = await put(client, path, make_card(number, site.total))
    if reply.status in _STORED:
        site.made.append(path)
    return reply


async def _delete(client: Client, site: Site) -> Reply:
    if not site.made:
        raise NothingLeft
    return await client.request("DELETE", site.made.popleft())


def _responses(least: int, most: int | None = None) -> Check:
    """Accept a multistatus with so many responses."""

    def check(reply: Reply, _: Site) -> bool:
        count = reply.body.count(b"response>") // 2
        return reply.status == 207 and least <= count <= (least if most is None else most)

    return check


def _all_listed(reply: Reply, site: Site) -> bool:
    # Cards made on the way may be listed too.
    return reply.status == 207 and reply.body.count(b"response>") // 2 >= site.total


def _all_cards(reply: Reply, site: Site) -> bool:
    return reply.status in {200, 207} and reply.body.count(b"END:VCARD") >= site.total


def _cards(least: int, most: int) -> Check:
    def check(reply: Reply, site: Site) -> bool:
        count = reply.body.count(b"END:VCARD")
        return reply.status == 207 and min(least, site.total) <= count <= most

    return check


def _stored(reply: Reply, _: Site) -> bool:
    return reply.status in _STORED


def _found(reply: Reply, _: Site) -> bool:
    return reply.status == 200


POLL = Operation("poll: sync-token", poll, _responses(1), target=0.4, target_rate=4000)
PUT_CHANGED = Operation("PUT, changed", put_changed, _stored, target=2)

OPERATIONS = (
    Operation("OPTIONS (the HTTP stack alone)", _options, _stored),
    POLL,
    Operation("poll: getctag", _ctag, _responses(1), target=0.4, target_rate=4000),
    Operation("home: PROPFIND 1", home, _responses(2, 100)),
    Operation("sync, nothing new", lambda c, s: sync(c, s, s.fresh), _responses(0), target=0.6),
    Operation("sync, one change", lambda c, s: sync(c, s, s.token), _responses(1), target=0.6),
    Operation(
        "sync, initial", lambda c, s: sync(c, s, ""), _all_listed, target=30, target_at=10_000
    ),
    Operation("PROPFIND 1 getetag", listing, _all_listed, target=30, target_at=10_000),
    Operation("multiget, 100 cards", _some, _cards(100, 100), target=4),
    Operation("query, ~10 hits", _query, _cards(SHARE, SHARE + 3), target=2),
    Operation("GET, one card", _get, _found, target=0.4),
    PUT_CHANGED,
    Operation("PUT, new", _put_new, _stored, target=2),
    Operation("DELETE", _delete, _stored, target=2),
)
WHOLE_BOOK = (
    Operation("whole book: GET", lambda c, s: c.request("GET", s.book), _all_cards, (1,)),
    Operation("whole book: sync", lambda c, s: sync(c, s, "", data=True), _all_cards, (1,)),
    Operation("whole book: multiget", lambda c, s: multiget(c, s, s.names), _all_cards, (1,)),
)


def bind(operation: Operation, client: Client, site: Site) -> Callable[[], Awaitable[str | None]]:
    """Return a function that makes one request and says what is wrong with its answer."""

    async def ask() -> str | None:
        reply = await operation.ask(client, site)
        if operation.is_good(reply, site):
            return None
        return f"{reply.status} {reply.body[:120]!r} at {time.strftime('%H:%M:%S')}"

    return ask
