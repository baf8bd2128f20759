"""Who may do what with which resource: every method, as a table.

The columns are who asks: nobody (no login), a stranger (a login, and no grant), members with each
of the five privileges, and the owner. ``book`` is the owner's, seen in the home of whoever asks
under its name; ``corp`` is a read-only book of a directory, on which the members have the same
privileges and nobody is the owner; ``theirs`` and ``their-card`` are the owner's own URLs. The
status of a PROPPATCH is that of the property, a name for the resource. ``sync``, ``query`` and
others in lower case are REPORTs.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import pytest

from sharedbooks.domain import grants, homes
from sharedbooks.domain.books import Book
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME
from sharedbooks_radicale.response import METHODS
from tests.attacks.conftest import Stage
from tests.http.client import document, prop
from tests.http.world import Member, vcard

WHO = ("nobody", "stranger", "read", "create", "edit-own", "write", "manage", "owner")

TABLE = """
                            | nobody   stranger read     create   edit-own write    manage   owner
OPTIONS root                | 200      200      200      200      200      200      200      200
OPTIONS card                | 200      200      200      200      200      200      200      200
GET root                    | 401      405      405      405      405      405      405      405
GET home                    | 401      405      405      405      405      405      405      405
GET colleague               | 401      404      404      404      404      404      404      405
GET unknown                 | 401      404      404      404      404      404      404      404
GET book                    | 401      404      200      200      200      200      200      200
GET card                    | 401      404      200      200      200      200      200      200
GET corp                    | 401      404      200      200      200      200      200      404
GET corp-card               | 401      404      200      200      200      200      200      404
GET theirs                  | 401      404      404      404      404      404      404      200
GET their-card              | 401      404      404      404      404      404      404      200
HEAD card                   | 401      404      200      200      200      200      200      200
HEAD their-card             | 401      404      404      404      404      404      404      200
PROPFIND root               | 401      207      207      207      207      207      207      207
PROPFIND home               | 401      207      207      207      207      207      207      207
PROPFIND colleague          | 401      404      207      207      207      207      207      207
PROPFIND unknown            | 401      404      404      404      404      404      404      404
PROPFIND book               | 401      404      207      207      207      207      207      207
PROPFIND card               | 401      404      207      207      207      207      207      207
PROPFIND corp               | 401      404      207      207      207      207      207      404
PROPFIND corp-card          | 401      404      207      207      207      207      207      404
PROPFIND theirs             | 401      404      404      404      404      404      404      207
PROPFIND their-card         | 401      404      404      404      404      404      404      207
sync book                   | 401      404      207      207      207      207      207      207
sync corp                   | 401      404      207      207      207      207      207      404
sync theirs                 | 401      404      404      404      404      404      404      207
multiget book               | 401      404      207      207      207      207      207      207
query book                  | 401      404      207      207      207      207      207      207
query corp                  | 401      404      207      207      207      207      207      404
query home                  | 401      403      403      403      403      403      403      403
expand home                 | 401      207      207      207      207      207      207      207
expand book                 | 401      404      207      207      207      207      207      207
expand theirs               | 401      404      404      404      404      404      404      207
acl-set home                | 401      207      207      207      207      207      207      207
acl-set book                | 401      404      403      403      403      403      207      207
acl-set corp                | 401      404      403      403      403      403      207      404
acl-set theirs              | 401      404      404      404      404      404      404      207
match root                  | 401      207      207      207      207      207      207      207
match home                  | 401      207      207      207      207      207      207      207
match colleague             | 401      403      403      403      403      403      403      207
search root                 | 401      207      207      207      207      207      207      207
search-set root             | 401      200      200      200      200      200      200      200
PUT root                    | 401      405      405      405      405      405      405      405
PUT home                    | 401      405      405      405      405      405      405      405
PUT book                    | 401      405      405      405      405      405      405      405
PUT new-card                | 401      404      403      201      201      201      201      201
PUT card                    | 401      404      403      403      403      204      204      204
PUT mine                    | 401      404      403      403      204      204      204      204
PUT corp-new                | 401      404      403      403      403      403      403      404
PUT corp-card               | 401      404      403      403      403      403      403      404
PUT their-card              | 401      404      404      404      404      404      404      204
PUT their-new               | 401      404      404      404      404      404      404      201
POST add-member             | 401      404      403      201      201      201      201      201
POST book                   | 401      405      405      405      405      405      405      405
POST card                   | 401      405      405      405      405      405      405      405
POST home                   | 401      405      405      405      405      405      405      405
DELETE root                 | 401      403      403      403      403      403      403      403
DELETE home                 | 401      403      403      403      403      403      403      403
DELETE colleague            | 401      403      403      403      403      403      403      403
DELETE card                 | 401      404      403      403      403      204      204      204
DELETE mine                 | 401      404      403      403      204      204      204      204
DELETE corp-card            | 401      404      403      403      403      403      403      404
DELETE corp                 | 401      404      403      403      403      403      403      404
DELETE their-card           | 401      404      404      404      404      404      404      204
DELETE private              | 401      204      204      204      204      204      204      204
MKCOL root                  | 401      405      405      405      405      405      405      405
MKCOL home                  | 401      405      405      405      405      405      405      405
MKCOL new-book              | 401      201      201      201      201      201      201      201
MKCOL book                  | 401      201      405      405      405      405      405      405
MKCOL card                  | 401      403      403      403      403      403      403      403
MKCOL theirs                | 401      404      404      404      404      404      404      405
MKCALENDAR new-book         | 401      403      403      403      403      403      403      403
PROPPATCH root              | 401      403      403      403      403      403      403      403
PROPPATCH home              | 401      403      403      403      403      403      403      403
PROPPATCH colleague         | 401      403      403      403      403      403      403      403
PROPPATCH book              | 401      404      200      200      200      200      200      200
PROPPATCH card              | 401      404      403      403      403      403      403      403
PROPPATCH corp              | 401      404      200      200      200      200      200      404
PROPPATCH theirs            | 401      404      404      404      404      404      404      200
COPY card > private-new     | 401      404      201      201      201      201      201      403
COPY private > new-card     | 401      404      403      201      201      201      201      403
COPY private > corp-new     | 401      404      403      403      403      403      403      404
COPY corp-card > private-new| 401      404      201      201      201      201      201      404
COPY corp-card > new-card   | 401      404      403      201      201      201      201      404
COPY their-card > private-new| 401      404      404      404      404      404      404      403
COPY private > their-new    | 401      409      409      409      409      409      409      403
COPY book > new-book        | 401      403      403      403      403      403      403      403
MOVE card > new-card        | 401      404      403      403      403      201      201      201
MOVE mine > new-card        | 401      404      403      403      201      201      201      201
MOVE card > private-new     | 401      404      403      403      403      201      201      201
MOVE mine > private-new     | 401      404      403      403      201      201      201      201
MOVE private > new-card     | 401      404      403      201      201      201      201      201
MOVE private > card         | 401      404      403      403      403      403      403      403
MOVE private > corp-new     | 401      404      403      403      403      403      403      404
MOVE corp-card > private-new| 401      404      403      403      403      403      403      404
MOVE their-card > private-new| 401      404      404      404      404      404      404      201
MOVE private > their-new    | 401      409      409      409      409      409      409      201
MOVE book > new-book        | 401      403      403      403      403      403      403      403
LOCK card                   | 405      405      405      405      405      405      405      405
ACL book                    | 405      405      405      405      405      405      405      405
TRACE root                  | 405      405      405      405      405      405      405      405
"""

_BODIES = {
    "PROPFIND": document("D:propfind", prop("D:displayname")),
    "PROPPATCH": document(
        "D:propertyupdate", "<D:set><D:prop><D:displayname>x</D:displayname></D:prop></D:set>"
    ),
    "sync": document("D:sync-collection", "<D:sync-token/>" + prop("D:getetag")),
    "multiget": document("CARD:addressbook-multiget", prop("D:getetag") + "<D:href>/x</D:href>"),
    "query": document("CARD:addressbook-query", prop("D:getetag")),
    "expand": document("D:expand-property", '<D:property name="owner"/>'),
    "acl-set": document("D:acl-principal-prop-set", prop("D:displayname")),
    "match": document("D:principal-match", "<D:self/>"),
    "search": document(
        "D:principal-property-search",
        f"<D:property-search>{prop('D:displayname')}<D:match>a</D:match></D:property-search>",
    ),
    "search-set": document("D:principal-search-property-set"),
    "ACL": document("D:acl"),
}
_REPORTS = {"sync", "multiget", "query", "expand", "acl-set", "match", "search", "search-set"}


@dataclass
class Scene:
    """The people of the table with their clients, and the paths that each of them would ask."""

    stage: Stage
    people: Mapping[str, Member | None]
    book: Book
    corp: Book

    def restore(self) -> None:
        """Make cards, books and grants what the table takes for given."""
        owner = self.people["owner"]
        assert owner is not None
        for member in filter(None, self.people.values()):
            self._remove(owner, f"new-{member.name}.vcf")
            for made in ("private-new", "new-book"):
                self.stage.client(member).delete(self.path(member, made))
        self._put(owner, "card.vcf")
        for who, member in self.people.items():
            if member is not None:
                self._restore_of(who, member)

    def _restore_of(self, who: str, member: Member) -> None:
        client = self.stage.client(member)
        client.put(self.path(member, "private"), vcard(f"private-{member.name}"))
        if who == "stranger":
            # They may have made one of that name.
            client.delete(self.path(member, "book"))
            return
        if who != "owner":
            self.stage.world.grant(self.book, member, "write")
            self.stage.world.grant(self.corp, member, who)
        self._put(member, f"mine-{member.name}.vcf")
        if who != "owner":
            self.stage.world.grant(self.book, member, who)

    def _put(self, member: Member, name: str) -> None:
        path = self.path(member, "book") + name
        assert self.stage.client(member).put(path, vcard(name)).status in {201, 204}

    def _remove(self, member: Member, name: str) -> None:
        self.stage.client(member).delete(self.path(member, "book") + name)

    def path(self, member: Member | None, resource: str) -> str:
        """The URL of a resource as that member would ask for it; nobody asks as the stranger."""
        owner = self.people["owner"]
        me = member or self.people["stranger"]
        assert owner is not None
        assert me is not None
        book, corp = self._mounts(me)
        return {
            "root": "/",
            "home": me.home,
            "colleague": owner.home,
            "unknown": "/nobody-of-that-name/",
            "book": f"{me.home}{book}/",
            "card": f"{me.home}{book}/card.vcf",
            "mine": f"{me.home}{book}/mine-{me.name}.vcf",
            "new-card": f"{me.home}{book}/new-{me.name}.vcf",
            "add-member": f"{me.home}{book}/?add-member",
            "private": f"{me.contacts}private.vcf",
            "private-new": f"{me.contacts}new.vcf",
            "new-book": f"{me.home}made/",
            "corp": f"{me.home}{corp}/",
            "corp-card": f"{me.home}{corp}/boss.vcf",
            "corp-new": f"{me.home}{corp}/new.vcf",
            "theirs": owner.contacts,
            "their-card": f"{owner.contacts}card.vcf",
            "their-new": f"{owner.contacts}new-{me.name}.vcf",
        }[resource]

    def _mounts(self, me: Member) -> tuple[str, str]:
        with self.stage.world.database.read() as connection:
            seen = {a.book_id: a.name for a in homes.list_home(connection, me.user.id)}
        return seen.get(self.book.id, "contacts-owner"), seen.get(self.corp.id, self.corp.name)

    def status(self, who: str, method: str, resource: str, target: str) -> int:
        """Ask, and return the status of the answer."""
        member = self.people[who]
        client = self.stage.client(member)
        path = self.path(member, resource)
        headers = {"Depth": "0"}
        body: str | bytes = _BODIES.get(method, "")
        if target:
            headers["Destination"] = self.path(member, target)
        if method == "PUT":
            body = vcard(path.rpartition("/")[2] or "x", f"Changed by {who}")
        elif method == "POST":
            body = vcard(None, f"Added by {who}")
        verb = "REPORT" if method in _REPORTS else method
        answer = client.request(verb, path, body, headers)
        if method == "PROPPATCH" and answer.status == 207:
            [resource_told] = answer.resources.values()
            return resource_told.statuses["D:displayname"]
        return answer.status


@pytest.fixture(scope="module")
def scenes() -> dict[str, Scene]:
    """Return the one of each kind of database, once it is made."""
    return {}


@pytest.fixture
def scene(database_kind: str, stage: Stage, scenes: dict[str, Scene]) -> Scene:
    if database_kind not in scenes:
        scenes[database_kind] = _make_scene(stage)
    return scenes[database_kind]


def _make_scene(stage: Stage) -> Scene:
    world = stage.world
    people: dict[str, Member | None] = {"nobody": None}
    people.update((name, world.member(name.replace("-", ""))) for name in WHO[1:])
    for member in filter(None, people.values()):
        assert stage.client(member).propfind(member.home, depth=1).status == 207
    owner = people["owner"]
    assert owner is not None
    book = world.own_book(owner)
    corp = world.directory_book("corp", vcard("boss"))
    made = Scene(stage, people, book, corp)
    with world.database.write() as connection:
        for name, privilege in PRIVILEGES_BY_NAME.items():
            grantee = people[name]
            assert grantee is not None
            for each in (book, corp):
                grants.set_grant(connection, each, grantee.user, privilege)
    for member in filter(None, people.values()):
        assert stage.client(member).propfind(member.home, depth=1).status == 207
    return made


def _rows() -> Iterator[tuple[str, str, str, list[int]]]:
    for line in TABLE.strip().splitlines()[1:]:
        if line.strip():
            what, _, statuses = line.partition("|")
            method, resource, *target = what.split()
            yield method, resource, target[1] if target else "", [int(s) for s in statuses.split()]


@pytest.mark.parametrize(
    ("method", "resource", "target", "expected"),
    [pytest.param(*row, id=" ".join(filter(None, row[:3]))) for row in _rows()],
)
def test_each_gets_what_the_table_says(
    scene: Scene, method: str, resource: str, target: str, expected: list[int]
) -> None:
    given = []
    scene.restore()
    for who in WHO:
        given.append(scene.status(who, method, resource, target))
        if given[-1] < 300 and method in {"COPY", "DELETE", "MOVE"}:
            # What is gone, or has its UID elsewhere, is there again for the next who asks.
            scene.restore()
    assert dict(zip(WHO, given, strict=True)) == dict(zip(WHO, expected, strict=True))


def test_the_table_has_every_method() -> None:
    asked = {"REPORT" if row[0] in _REPORTS else row[0] for row in _rows()}
    assert asked >= set(METHODS.split(", ")) | {"MKCALENDAR"}
    assert {row[0] for row in _rows()} >= _REPORTS


def test_nothing_was_done_that_the_table_forbids(scene: Scene) -> None:
    """A refusal that has done it all the same would go unnoticed in the table."""
    for who in ("nobody", "stranger", "read"):
        scene.restore()
        before = scene.stage.world.stored(scene.book), scene.stage.world.stored(scene.corp)
        for method, resource, target, _ in _rows():
            if resource != "private" or target:
                scene.status(who, method, resource, target)
        after = scene.stage.world.stored(scene.book), scene.stage.world.stored(scene.corp)
        assert after == before, who
