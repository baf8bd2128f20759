"""The kinds of clients, with the requests that were recorded of them (``tests/clients/replay``)."""

from collections.abc import Mapping
from typing import ClassVar
from xml.sax.saxutils import escape

from benchmarks.soak.phone import Copy, Phone, name_of
from tests.clients.replay import apple
from tests.clients.replay import test_davx5 as davx5
from tests.clients.replay import test_evolution as evolution
from tests.clients.replay import test_ios as ios
from tests.clients.replay import test_kde as kde
from tests.clients.replay import test_outlook as outlook
from tests.clients.replay import test_thunderbird as thunderbird
from tests.clients.replay import test_vdirsyncer_requests as vdirsyncer
from tests.clients.replay.device import Login, cards, gone, is_book
from tests.http.client import Answer

_DEPTHS: tuple[Mapping[str, str], ...] = ({"Depth": "0"}, {"Depth": "1"})


class _Kind(Phone):
    """What all of them do in the same way."""

    books: ClassVar[str]
    """Body of the PROPFIND that lists the home."""
    extra: ClassVar[Mapping[str, str]] = {}
    """Headers of every PROPFIND."""

    async def find_books(self) -> list[str]:
        answer = await self.ask_home("list books", self.home, self.books, 1)
        return [href for href, found in answer.resources.items() if is_book(found)]

    async def ask_home(self, kind: str, path: str, body: str, depth: int) -> Answer:
        """Send a PROPFIND on something other than a book."""
        headers = {**_DEPTHS[depth], **self.xml, **self.extra}
        answer = await self.ask(kind, "PROPFIND", path, body, headers)
        self.require(kind, answer, {207})
        return answer

    async def propfind(self, kind: str, copy: Copy, body: str, depth: int = 0) -> Answer:
        """Send a PROPFIND on a book."""
        headers = {**_DEPTHS[depth], **self.xml, **self.extra}
        return await self.read(kind, copy, "PROPFIND", body, headers)

    async def follow(self, copy: Copy, body: str, headers: Mapping[str, str], at_once: int) -> None:
        """Ask what is new since the token, and fetch that; then the new token is kept."""
        answer = await self.read("sync", copy, "REPORT", body, headers)
        for href in gone(answer):
            copy.cards.pop(name_of(href), None)
        await self.fetch(copy, copy.differing(self.tags(answer, copy)), at_once)
        copy.token = answer.sync_token

    async def diff(self, copy: Copy, body: str, at_once: int) -> None:
        """List the tags of a book and fetch those that differ."""
        listed = self.tags(await self.propfind("list cards", copy, body, 1), copy)
        await self.fetch(copy, copy.keep(listed), at_once)


class Ios(_Kind):
    """Looks into the home each time; state, changes, cards twenty at a time."""

    kind = "iOS"
    headers: ClassVar[Mapping[str, str]] = {
        "Accept": "*/*",
        "Accept-Language": "de-DE",
        "User-Agent": ios.USER_AGENTS[1],
    }
    login = Login.ONCE_ASKED
    xml, extra, vcard = apple.XML, apple.MINIMAL, apple.VCARD
    books = apple.HOME
    looks_every = 1

    async def sync(self, copy: Copy) -> None:
        answer = await self.propfind("poll", copy, apple.STATE)
        [state] = answer.resources.values()
        if (ctag := state.text("CS:getctag")) == copy.ctag:
            return
        if copy.token:
            headers = {"Depth": "1", **self.xml, **apple.MINIMAL}
            await self.follow(copy, apple.CHANGES.format(copy.token), headers, 20)
        else:
            await self.diff(copy, apple.ETAGS, 20)
            copy.token = state.text("D:sync-token")
        copy.ctag = ctag

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        lines = "".join(f'  <A:href xmlns:A="DAV:">{href}</A:href>\n' for href in hrefs)
        return await self.read("multiget", copy, "REPORT", apple.MULTIGET.format(lines), apple.XML)


class Davx5(_Kind):
    """State; changes; cards ten at a time, in version 4.0."""

    kind = "DAVx5"
    headers, xml, vcard = davx5.HEADERS, davx5.XML, davx5.VCARD
    login = Login.ALWAYS
    books = davx5.BOOKS
    version = "4.0"

    async def find_books(self) -> list[str]:
        await self.ask_home("list books", self.home, davx5.PERSON, 0)
        return await super().find_books()

    async def sync(self, copy: Copy) -> None:
        [state] = (await self.propfind("poll", copy, davx5.STATE)).resources.values()
        if state.text("D:sync-token") == copy.token:
            return
        headers = {"Depth": "0", **self.xml}
        await self.follow(copy, davx5.CHANGES.format(copy.token), headers, 10)

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        asked = "".join(f"<href>{escape(href)}</href>" for href in hrefs)
        headers = {"Depth": "0", **self.xml}
        return await self.read("multiget", copy, "REPORT", davx5.MULTIGET.format(asked), headers)


class Thunderbird(_Kind):
    """Changes with the cards in them, no poll before; no conditions on what it writes."""

    kind = "Thunderbird"
    headers, xml = thunderbird.HEADERS, thunderbird.XML
    vcard: ClassVar[Mapping[str, str]] = {"Content-Type": "text/vcard"}
    login = Login.ONCE_ASKED
    books = thunderbird.BOOKS
    conditional = False

    async def sync(self, copy: Copy) -> None:
        if not copy.token:
            await self.diff(copy, thunderbird.CARDS, 500)
            [state] = (await self.propfind("poll", copy, thunderbird.TOKEN)).resources.values()
            copy.token = state.text("D:sync-token")
            return
        headers = {"Depth": "1", **self.xml}
        body = thunderbird.CHANGES.format(copy.token)
        answer = await self.read("sync with cards", copy, "REPORT", body, headers)
        tags = self.tags(answer, copy)
        for href, text in cards(answer).items():
            self.hold(copy, name_of(href), tags[name_of(href)], text)
        for href in gone(answer):
            copy.cards.pop(name_of(href), None)
        copy.token = answer.sync_token

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        asked = "\n      ".join(f"<d:href>{href}</d:href>" for href in hrefs)
        body, headers = thunderbird.MULTIGET.format(asked), {"Depth": "1", **self.xml}
        return await self.read("multiget", copy, "REPORT", body, headers)


class Outlook(_Kind):
    """A profile of CalDav Synchronizer with collection sync: changes, then all cards at once."""

    kind = "Outlook"
    headers, xml, vcard = outlook.HEADERS, outlook.XML, outlook.VCARD
    login = Login.ONCE_ASKED
    books = outlook.BOOKS

    async def sync(self, copy: Copy) -> None:
        token = f"<D:sync-token>{copy.token}</D:sync-token>" if copy.token else "<D:sync-token/>"
        headers = {"Depth": "0", **self.xml}
        await self.follow(copy, outlook.CHANGES.format(token), headers, 1000)

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        asked = "\r\n".join(f"<D:href>{href}</D:href>" for href in hrefs)
        body, headers = outlook.MULTIGET.format(asked), {"Depth": "0", **self.xml}
        return await self.read("multiget", copy, "REPORT", body, headers)


class OutlookListing(Outlook):
    """A profile without collection sync: all tags at every run."""

    kind = "Outlook, listing"

    async def sync(self, copy: Copy) -> None:
        await self.diff(copy, outlook.VERSIONS, 1000)


class Evolution(_Kind):
    """The ctag; where it is new all tags, and cards a hundred at a time. A connection each."""

    kind = "Evolution"
    headers, xml, vcard = evolution.HEADERS, evolution.XML, evolution.VCARD
    login = Login.ONCE_ASKED
    books = evolution.BOOKS

    async def sync(self, copy: Copy) -> None:
        [state] = (await self.propfind("poll", copy, evolution.CTAG)).resources.values()
        if (ctag := state.text("CS:getctag")) != copy.ctag:
            await self.diff(copy, evolution.ETAGS, 100)
            copy.ctag = ctag

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        asked = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
        body = evolution.MULTIGET.format(asked)
        return await self.read("multiget", copy, "REPORT", body, self.xml)


class Kde(_Kind):
    """Every request is asked for the password; the ctags in the home decide."""

    kind = "KDE"
    headers, xml, vcard = kde.HEADERS, kde.XML, kde.VCARD
    login = Login.EACH_TIME_ASKED
    looks_every = 1

    async def find_books(self) -> list[str]:
        await self.ask_home("principal", "/", kde.PRINCIPAL, 0)
        await self.ask_home("principal", self.home, kde.HOME, 0)
        answer = await self.ask_home("list books", self.home, kde.BOOKS, 1)
        self._ctags = {
            href: book.text("CS:getctag")
            for href, book in answer.resources.items()
            if is_book(book)
        }
        return list(self._ctags)

    async def sync(self, copy: Copy) -> None:
        if (ctag := self._ctags[copy.path]) != copy.ctag:
            await self.diff(copy, kde.CARDS, 1000)
            copy.ctag = ctag

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        site = f"http://127.0.0.1:{self.world.port}"
        asked = "\n".join(f' <href xmlns="DAV:">{site}{href}</href>' for href in hrefs)
        body, headers = kde.MULTIGET.format(asked), {"Depth": "0", **self.xml}
        return await self.read("multiget", copy, "REPORT", body, headers)


class Vdirsyncer(_Kind):
    """All tags each time, whatever has changed."""

    kind = "vdirsyncer"
    headers = vdirsyncer.HEADERS
    xml: ClassVar[Mapping[str, str]] = {}
    vcard: ClassVar[Mapping[str, str]] = {"Content-Type": "text/vcard"}
    login = Login.ALWAYS
    books = vdirsyncer.BOOKS

    async def sync(self, copy: Copy) -> None:
        await self.diff(copy, vdirsyncer.CARDS, 1000)

    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        asked = "\n".join(f"<href>{href}</href>" for href in hrefs)
        body = vdirsyncer.MULTIGET.format(version="", hrefs=asked)
        return await self.read("multiget", copy, "REPORT", body, {})


MIX: tuple[tuple[type[Phone], int], ...] = (
    (Ios, 7),
    (Davx5, 6),
    (Thunderbird, 2),
    (Outlook, 1),
    (OutlookListing, 1),
    (Evolution, 1),
    (Kde, 1),
    (Vdirsyncer, 1),
)
"""How many of twenty phones are of which kind."""


def kind_of(number: int) -> type[Phone]:
    """Return the kind of a phone; any twenty in a row have the whole mix."""
    place = number * 7 % 20
    for kind, share in MIX:
        if place < share:
            return kind
        place -= share
    raise AssertionError("the mix is of twenty")
