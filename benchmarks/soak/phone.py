"""A phone: its connection and password, its own copy of its books, what it edits, and conflicts.

The kinds, with what each of them sends, are in ``kinds.py``.
"""

import sys
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import parse_headers
from io import BytesIO
from random import Random
from typing import ClassVar, NamedTuple
from urllib.parse import quote, unquote

from benchmarks.client import Address, Client, NoAnswer, Reply
from benchmarks.corpus import make_card
from benchmarks.soak.ledger import Edit, Ledger, Outcome, marked
from benchmarks.soak.office import PERSONAL, Device, Office
from benchmarks.soak.tally import Tally
from sharedbooks.vcard.convert import to_version
from tests.clients.replay.device import Login, cards, etags
from tests.http.client import Answer, basic

_DONE = {200, 201, 204}
_PATIENCE = 5
"""So often an edit is merged into what others have made of the card."""
_HOT = 6
"""Cards of a book that everybody edits."""


class LockedOut(Exception):
    """The password of this phone was revoked."""


class BookGone(Exception):
    """The book is not shown to the member any more."""


class Wrong(Exception):
    """The server answered as it must not; the tally has it."""


class Held(NamedTuple):
    """A card on a phone: its tag ("" if it must be fetched anew), its text with LF."""

    etag: str
    text: str


@dataclass(slots=True)
class Copy:
    """A book as a phone has it: cards by resource name, and up to where it is known."""

    path: str
    book: str
    cards: dict[str, Held] = field(default_factory=dict)
    ctag: str = ""
    token: str = ""

    def keep(self, listed: Mapping[str, str]) -> list[str]:
        """Drop what is not ``listed``, and return the names whose tag is another one."""
        self.cards = {name: held for name, held in self.cards.items() if name in listed}
        return self.differing(listed)

    def differing(self, told: Mapping[str, str]) -> list[str]:
        """Return the names whose card is not known by the tag that is told of it."""
        nothing = Held("", "")
        return [name for name, tag in told.items() if self.cards.get(name, nothing).etag != tag]


@dataclass(frozen=True, slots=True)
class World:
    """What all phones share."""

    port: int
    office: Office
    tally: Tally
    ledger: Ledger


class Phone(ABC):
    """One device of a member, for as long as the soak lasts."""

    kind: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]
    login: ClassVar[Login]
    xml: ClassVar[Mapping[str, str]]
    vcard: ClassVar[Mapping[str, str]]
    looks_every: ClassVar[int] = 8
    """So many visits pass from one look for books to the next."""
    conditional: ClassVar[bool] = True
    """Whether it sends ``If-Match``."""
    version: ClassVar[str] = "3.0"
    """Of the cards it asks for."""

    def __init__(self, world: World, number: int, device: Device) -> None:
        self.world = world
        self.device = device
        self.copies: dict[str, Copy] = {}
        self.sent = 0
        self.random = Random(number)
        self._number = number
        self._client = Client(Address(world.port))
        self._knows_it_is_asked = self.login is Login.ALWAYS
        self._visits = self.random.randrange(self.looks_every)
        self._must_look = True
        self._address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"

    @property
    def home(self) -> str:
        """The path of the member's home."""
        return f"/{self.device.user}/"

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    async def visit(self, edits: float) -> None:
        """Do what the phone does when it wakes: send an edit perhaps, and fetch what is new.

        Args:
            edits: how likely an edit is.
        """
        self._visits += 1
        if self.random.random() < 0.1:
            self._knows_it_is_asked = self.login is Login.ALWAYS
        try:
            if self._must_look or self._visits % self.looks_every == 0:
                await self._look()
            if self.copies and self.random.random() < edits:
                await self._edit(self.random.choice(list(self.copies.values())))
            await self._sync_all()
        except LockedOut:
            self.world.tally.counts["visits with a revoked password"] += 1
        except (Wrong, NoAnswer):
            self.close()

    async def catch_up(self) -> None:
        """Bring every book up to date, whatever it takes.

        Raises:
            LockedOut, NoAnswer, Wrong: it does not work.
        """
        await self._look()
        await self._sync_all()

    async def _look(self) -> None:
        found = await self.find_books()
        self._must_look = False
        self.copies = {
            path: self.copies.get(path) or Copy(path, self._reference(path)) for path in found
        }

    async def _sync_all(self) -> None:
        for copy in list(self.copies.values()):
            try:
                await self.sync(copy)
            except BookGone:
                self._lose(copy)

    def _lose(self, copy: Copy) -> None:
        self.world.tally.counts["books that went away"] += 1
        self.copies.pop(copy.path, None)
        self._must_look = True

    def _reference(self, path: str) -> str:
        name = path.split("/")[2]
        return f"{self.device.user}/{name}" if name == PERSONAL else name

    @abstractmethod
    async def find_books(self) -> list[str]:
        """Ask which books there are; return their paths."""

    @abstractmethod
    async def sync(self, copy: Copy) -> None:
        """Bring a book up to date, from nothing the first time.

        Raises:
            BookGone: the member may not see it any more.
        """

    @abstractmethod
    async def report_cards(self, copy: Copy, hrefs: list[str]) -> Answer:
        """Ask for some cards with their tags."""

    async def fetch(self, copy: Copy, names: list[str], at_once: int = 100) -> None:
        """Fetch cards; one that is not there any more is dropped."""
        for start in range(0, len(names), at_once):
            some = names[start : start + at_once]
            answer = await self.report_cards(copy, [copy.path + quote(name) for name in some])
            tags, found = self.tags(answer, copy), cards(answer)
            for name in some:
                copy.cards.pop(name, None)
            for href, text in found.items():
                self.hold(copy, name_of(href), tags[name_of(href)], text)

    def hold(self, copy: Copy, name: str, etag: str, text: str) -> None:
        """Keep a card; phones that have the same one share its memory."""
        plain = text.replace("\r\n", "\n")
        copy.cards[sys.intern(name)] = Held(sys.intern(etag), sys.intern(plain))

    def tags(self, answer: Answer, copy: Copy) -> dict[str, str]:
        """Return the tags that an answer on a book tells, by name."""
        return {name_of(href): tag for href, tag in etags(answer, copy.path).items()}

    async def read(
        self, kind: str, copy: Copy, method: str, body: str, headers: Mapping[str, str]
    ) -> Answer:
        """Send a PROPFIND or REPORT on a book.

        Raises:
            BookGone: it is not there for the member.
        """
        standing = self.world.office.standing(self.device.user, copy.book)
        since = time.monotonic()
        answer = await self.ask(kind, method, copy.path, body, headers)
        if answer.status == 404 and None in standing.possible(since):
            raise BookGone
        self.require(kind, answer, {207})
        return answer

    def require(self, kind: str, answer: Answer, expected: set[int]) -> None:
        """Check the status of an answer.

        Raises:
            Wrong: it is another one.
        """
        if answer.status not in expected:
            what = (
                f"{self.kind}, {kind} by {self.device.user}: {answer.status} {answer.body[:300]!r}"
            )
            self.world.tally.complain(what)
            raise Wrong(what)

    async def ask(
        self, kind: str, method: str, path: str, body: str = "", headers: Mapping[str, str] = {}
    ) -> Answer:
        """Send a request, a second time with the password where the client waits to be asked.

        Raises:
            LockedOut: the password is refused, as it should be.
            Wrong: it is refused, though it is right; or accepted, though it is not.
            NoAnswer: the connection ended.
        """
        if not self._knows_it_is_asked:
            answer = await self._send("asked for the password", method, path, body, headers)
            self.require("asking", answer, {401})
            self._knows_it_is_asked = self.login is Login.ONCE_ASKED
        since = time.monotonic()
        credentials = {"Authorization": basic(self.device.user, self.device.password)}
        answer = await self._send(kind, method, path, body, {**headers, **credentials})
        works = self.device.works.possible(since)
        if answer.status in {401, 429} and False in works:
            raise LockedOut
        if works == {False}:
            self.require("revoked password", answer, {401, 429})
        return answer

    async def _send(
        self, kind: str, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> Answer:
        whole = {**self.headers, **headers, "X-Forwarded-For": self._address}
        before, since, kept = time.perf_counter(), time.monotonic(), self._client.connected
        try:
            reply = await self._request(method, path, body, whole)
        except NoAnswer as error:
            if not kept:
                self.world.tally.unanswered(since, f"{self.kind}: {error}")
                raise
            # The server may have ended the connection in this very moment: clients try once more.
            self.world.tally.counts["requests sent again over a new connection"] += 1
            self.close()
            return await self._send(kind, method, path, body, headers)
        self.world.tally.answered(kind, time.perf_counter() - before, reply.status)
        _, _, fields = reply.head.partition(b"\r\n")
        return Answer(reply.status, parse_headers(BytesIO(fields + b"\r\n\r\n")), reply.body)

    async def _request(
        self, method: str, path: str, body: str, headers: Mapping[str, str]
    ) -> Reply:
        self.sent += 1
        return await self._client.request(method, path, body.encode(), headers)

    async def _edit(self, copy: Copy) -> None:
        choice = self.random.random()
        try:
            if choice < 0.12 or not copy.cards:
                await self._add(copy)
            elif choice < 0.24:
                await self._delete(copy, self._some_card(copy, hot=False))
            else:
                await self._change(copy, self._some_card(copy, hot=choice < 0.6))
        except BookGone:
            self._lose(copy)

    def _some_card(self, copy: Copy, *, hot: bool) -> str:
        names = sorted(copy.cards)
        return self.random.choice(names[:_HOT] if hot else names[_HOT:] or names)

    async def _add(self, copy: Copy) -> None:
        uid = str(uuid.UUID(int=self.random.getrandbits(128)))
        card = to_version(make_card(self.random.randrange(10**9), 1), self.version).decode()
        lines = card.replace("\r\n", "\n").split("\n")
        lines = [f"UID:{uid}" if line.startswith("UID:") else line for line in lines]
        await self._put(copy, f"{uid}.vcf", "\n".join(lines), self._marker(), "")

    async def _change(self, copy: Copy, name: str) -> None:
        marker = self._marker()
        for _ in range(_PATIENCE):
            held = copy.cards.get(name)
            if held is None or not held.etag:
                return
            base = held.etag if self.conditional else None
            if await self._put(copy, name, held.text, marker, base) != 412:
                return
            # What the others made of it is fetched, and the edit made once more on that.
            self.world.tally.counts["conflicts merged"] += 1
            await self.fetch(copy, [name])

    def _marker(self) -> str:
        return self.world.ledger.marker(self._number)

    async def _put(self, copy: Copy, name: str, text: str, marker: str, base: str | None) -> int:
        """Store a card with a marker; ``base`` as in ``Edit``. Return the status."""
        card = marked(text, marker)
        condition = {"If-None-Match": "*"} if base == "" else {}
        if base:
            condition = {"If-Match": base}
        edit = self.world.ledger.send(copy.book, name, marker, base)
        body = card.replace("\n", "\r\n")
        answer = await self._write("put", "PUT", copy, edit, body, {**self.vcard, **condition})
        if answer.status in _DONE:
            # Without a tag in the answer, something else is stored: it is fetched at the sync.
            self.hold(copy, name, answer.etag or "", card)
        return answer.status

    async def _delete(self, copy: Copy, name: str) -> None:
        base = copy.cards[name].etag if self.conditional else None
        edit = self.world.ledger.send(copy.book, name, "", base)
        condition = {"If-Match": base} if base else {}
        answer = await self._write("delete", "DELETE", copy, edit, "", condition)
        if answer.status in {*_DONE, 404}:
            copy.cards.pop(name, None)

    async def _write(
        self,
        kind: str,
        method: str,
        copy: Copy,
        edit: Edit,
        body: str,
        headers: Mapping[str, str],
    ) -> Answer:
        standing = self.world.office.standing(self.device.user, copy.book)
        since = time.monotonic()
        try:
            answer = await self.ask(kind, method, copy.path + quote(edit.name), body, headers)
        except LockedOut:
            edit.outcome = Outcome.REFUSED
            raise
        edit.outcome = Outcome.DONE if answer.status in _DONE else Outcome.REFUSED
        may = standing.possible(since)
        expected = set().union(*(_expected(each, edit) for each in may))
        self.require(kind, answer, expected)
        if answer.status == 403 and answer.conditions != ["D:need-privileges"]:
            self.require(f"{kind} refused by {answer.conditions}", answer, set())
        if answer.status == 404 and edit.marker:
            raise BookGone
        return answer


def _expected(privilege: str | None, edit: Edit) -> set[int]:
    """Return how an edit may be answered."""
    if privilege is None:
        return {404}
    if privilege == "read":
        # Where there is no card any more, that may be said instead.
        return {403} if edit.marker else {403, 404}
    met = {412} if edit.base else set()
    gone = set() if edit.marker else {404}
    own = {403} if privilege == "edit-own" and edit.base != "" else set()
    return _DONE | met | gone | own


def name_of(href: str) -> str:
    """Return the last segment of a path, by which a card is known."""
    return unquote(href.rpartition("/")[2])
