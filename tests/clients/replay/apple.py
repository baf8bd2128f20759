"""Contacts of iOS and macOS: the bodies both send, and what they keep of a book.

After recordings of iOS 26 and macOS 26 in kejadlen/pro-tacts, the notes of sabre.io and issues of
Kozea/Radicale, nextcloud/contacts, nextcloud/server, owncloud/core and vutuv. The prefixes change
from version to version. No Apple device sends a password over plain http; here TLS ends in front
of the server.
"""

import base64
import random
from collections.abc import Mapping

from tests.clients.replay.conftest import Office
from tests.clients.replay.device import (
    Device,
    Login,
    capabilities,
    cards,
    etags,
    gone,
    is_book,
    line,
)
from tests.http.client import Answer, Resource

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACES = {
    "A": "DAV:",
    "B": "urn:ietf:params:xml:ns:carddav",
    "C": "http://calendarserver.org/ns/",
    "D": "http://me.com/_namespace/",
    "E": "urn:mobileme:davservices",
}


def _propfind(*names: str) -> str:
    properties = "".join(
        f"    <{name}/>\n"
        if name.startswith("A:")
        else f'    <{name} xmlns:{name[0]}="{_NAMESPACES[name[0]]}"/>\n'
        for name in names
    )
    return (
        f'{DECLARATION}<A:propfind xmlns:A="DAV:">\n  <A:prop>\n{properties}  </A:prop>\n'
        "</A:propfind>\n"
    )


DISCOVERY = _propfind("A:current-user-principal", "A:principal-URL", "A:resourcetype")
PRINCIPAL = _propfind(
    "B:addressbook-home-set", "B:directory-gateway", "A:displayname", "C:email-address-set",
    "A:principal-collection-set", "A:principal-URL", "A:resource-id", "A:supported-report-set",
)  # fmt: skip
HOME = _propfind(
    "A:add-member", "D:bulk-requests", "A:current-user-privilege-set", "A:displayname",
    "D:guardian-restricted", "B:max-image-size", "B:max-resource-size", "C:me-card", "A:owner",
    "C:push-transports", "C:pushkey", "E:quota-available", "A:quota-available-bytes",
    "E:quota-used", "A:quota-used-bytes", "A:resource-id", "A:resourcetype",
    "A:supported-report-set", "A:sync-token",
)  # fmt: skip
STATE = _propfind("C:getctag", "A:sync-token")
ETAGS = _propfind("A:getetag")
MULTIGET = (
    f'{DECLARATION}<B:addressbook-multiget xmlns:B="{_NAMESPACES["B"]}">\n'
    '  <A:prop xmlns:A="DAV:">\n    <A:getetag/>\n    <B:address-data/>\n  </A:prop>\n{}'
    "</B:addressbook-multiget>\n"
)
CHANGES = (
    f'{DECLARATION}<A:sync-collection xmlns:A="DAV:">\n  <A:sync-token>{{}}</A:sync-token>\n'
    "  <A:sync-level>1</A:sync-level>\n  <A:prop>\n    <A:getetag/>\n  </A:prop>\n"
    "</A:sync-collection>\n"
)
ME_CARD = (
    f'{DECLARATION}<A:propertyupdate xmlns:A="DAV:">\n  <A:set>\n    <A:prop>\n'
    f'      <C:me-card xmlns:C="{_NAMESPACES["C"]}">\n        <A:href>{{}}</A:href>\n'
    "      </C:me-card>\n    </A:prop>\n  </A:set>\n</A:propertyupdate>\n"
)

_COMMON = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate, br", "Accept-Language": "de-DE"}
XML = {"Content-Type": "text/xml"}
MINIMAL = {"Brief": "t", "Prefer": "return=minimal"}
VCARD = {"Content-Type": "text/vcard; charset=utf-8"}

WRITING = {"write", "write-content", "write-properties", "bind", "unbind", "all"}
"""Privileges that a book must not show to those who may only read it."""


def photo(octets: int = 240_000) -> str:
    """A picture with parameters of 1.6 kB on a line that is not folded before the colon."""
    random_data = random.Random(1)
    memoji = base64.b64encode(random_data.randbytes(1_100)).decode()
    data = base64.b64encode(random_data.randbytes(octets)).decode()
    head = (
        f"PHOTO;VND-63-MEMOJI-DETAILS={memoji};X-ABCROP-RECTANGLE=ABClipRect_1&0&0&640&640&"
        "5BEYqx0LpoCyDQ+fTk2vvQ==;ENCODING=b;TYPE=JPEG:"
    )
    payload = [data[start : start + 76] for start in range(0, len(data), 76)]
    return "\r\n ".join([head, *payload])


class Contacts:
    """The part of the system that syncs: ETags and cards by href, ctag and token.

    Args:
        office: whose alice has the device.
        user_agents: of the part that sets up the account, and of the part that syncs.
        in_reports: headers of a REPORT that fetches cards.
    """

    def __init__(
        self, office: Office, user_agents: tuple[str, str], in_reports: Mapping[str, str]
    ) -> None:
        self.office = office
        self.in_reports = {**XML, **in_reports}
        setup, sync = ({**_COMMON, "User-Agent": name} for name in user_agents)
        self.setup: Device = office.device(Login.ONCE_ASKED, setup)
        self.device: Device = office.device(Login.ONCE_ASKED, sync)
        self.etags: dict[str, str] = {}
        self.cards: dict[str, str] = {}
        self.ctag = self.token = ""

    @staticmethod
    def propfind(device: Device, path: str, body: str, depth: int = 0) -> Answer:
        answer = device.send("PROPFIND", path, body, {"Depth": str(depth), **XML, **MINIMAL})
        assert answer.status == 207, answer
        # Asked to leave out what is not there: all the other answers would be of no use.
        found = answer.resources.values()
        assert {status for resource in found for status in resource.statuses.values()} <= {200}
        return answer

    def find(self, device: Device, path: str, body: str) -> Resource:
        [found] = self.propfind(device, path, body).resources.values()
        return found

    def set_up(self) -> str:
        """Search for the account as it is added; return the home."""
        principals = set()
        for path in ("/.well-known/carddav", "/"):
            found = self.find(self.setup, path, DISCOVERY)
            principals.update(found.hrefs("D:current-user-principal"))
        [principal] = principals
        for device in (self.setup, self.device):
            options = device.send("OPTIONS", principal)
            assert options.status == 200
            assert "addressbook" in capabilities(options)
        person = self.find(self.device, principal, PRINCIPAL)
        assert person.hrefs("D:principal-URL") == [principal]
        [home] = person.hrefs("CARD:addressbook-home-set")
        return home

    def list_books(self) -> dict[str, Resource]:
        """Look into the home, as the device does every minute; the books in their order."""
        listing = self.propfind(self.device, self.office.alice.home, HOME, 1).resources
        books = {href: found for href, found in listing.items() if is_book(found)}
        assert self.office.alice.home not in books
        for book in books.values():
            # Without this report in the set, the device neither syncs nor lists.
            reports = {node.tag for node in book.props["D:supported-report-set"].iter()}
            assert "{DAV:}sync-collection" in reports
            assert int(book.text("CARD:max-resource-size")) >= 1_000_000
            assert ":" in book.text("D:sync-token")
        return books

    def sync(self, book: str) -> list[str]:
        """Bring a book up to date, from nothing the first time; return what was sent."""
        self.device.take_log()
        state = self.find(self.device, book, STATE)
        ctag = state.text("CS:getctag")
        if ctag != self.ctag:
            if self.token:
                self._follow(book)
            else:
                self._fetch_all(book)
                self.token = state.text("D:sync-token")
        self.ctag = ctag
        return self.device.take_log()

    def _fetch_all(self, book: str) -> None:
        listed = etags(self.propfind(self.device, book, ETAGS, 1), book)
        self.cards = {href: card for href, card in self.cards.items() if href in listed}
        self._fetch(book, [href for href in listed if self.etags.get(href) != listed[href]])
        self.etags = listed

    def _follow(self, book: str) -> None:
        headers = {"Depth": "1", **XML, **MINIMAL}
        answer = self.device.send("REPORT", book, CHANGES.format(self.token), headers)
        if answer.status in {403, 410} and "D:valid-sync-token" in answer.conditions:
            self.token = self.find(self.device, book, STATE).text("D:sync-token")
            self._fetch_all(book)
            return
        assert answer.status == 207, answer
        changed = etags(answer, book)
        self._fetch(book, [href for href in changed if self.etags.get(href) != changed[href]])
        self.etags |= changed
        for href in gone(answer):
            self.etags.pop(href, None)
            self.cards.pop(href, None)
        self.token = answer.sync_token

    def _fetch(self, book: str, hrefs: list[str]) -> None:
        for start in range(0, len(hrefs), 20):
            asked = hrefs[start : start + 20]
            lines = "".join(f'  <A:href xmlns:A="DAV:">{href}</A:href>\n' for href in asked)
            answer = self.device.send("REPORT", book, MULTIGET.format(lines), self.in_reports)
            assert set(cards(answer)) == set(asked)
            assert set(etags(answer, book)) == set(asked)
            self.cards |= cards(answer)

    def put(self, href: str, card: str, **condition: str) -> Answer:
        """Store a card; with an ETag in the answer it is not fetched again."""
        headers = {name.replace("_", "-"): value for name, value in condition.items()}
        answer = self.device.send("PUT", href, card, {**VCARD, **headers})
        if answer.status in {201, 204}:
            assert answer.etag
            self.etags[href], self.cards[href] = answer.etag, card
        return answer

    def names(self) -> set[str]:
        return {line(card, "FN") for card in self.cards.values()}
