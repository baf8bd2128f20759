"""What a stranger may not see looks like what is not there: status, headers, body and time."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import pytest

from sharedbooks.domain.books import Book
from tests.attacks.conftest import Stage
from tests.attacks.in_process import InProcess
from tests.http.client import Answer, document, prop
from tests.http.world import Member, World, fresh, vcard

_UID = "the-secret-uid"
_LEAST, _LEAST_OF_MANY = 0.6, 0.85
"""Ratio of two times that are taken for the same, of few rounds and of many."""


@dataclass
class Secret:
    """A stranger, and pairs of names of the same length: one that is there, one that is not."""

    stage: Stage
    mallory: Member
    owner: Member
    book: Book
    group: str

    @property
    def client(self) -> InProcess:
        return self.stage.client(self.mallory)

    def pairs(self) -> Iterator[tuple[str, str]]:
        """URLs of what is there and hidden, each with one of what is nowhere."""
        me, owner, book = self.mallory.name, self.owner.name, self.book.name
        nobody, none = _other(owner), _other(book)
        yield f"/{owner}/", f"/{nobody}/"
        yield f"/{owner}/contacts/", f"/{nobody}/contacts/"
        yield f"/{owner}/contacts/", f"/{owner}/kontakte/"
        yield f"/{owner}/{book}/", f"/{owner}/{none}/"
        yield f"/{owner}/{book}/ann.vcf", f"/{owner}/{book}/eve.vcf"
        yield f"/{owner}/contacts/own.vcf", f"/{nobody}/contacts/own.vcf"
        yield f"/{me}/{book}/", f"/{me}/{none}/"
        yield f"/{me}/{book}/ann.vcf", f"/{me}/{none}/ann.vcf"
        yield f"/.groups/{self.group}/", f"/.groups/{_other(self.group)}/"


def _other(name: str) -> str:
    """Return a name of the same length and form that nobody and nothing has."""
    return "q" * (len(name) - len(name.rpartition("-")[2]) - 1) + "-" + name.rpartition("-")[2]


@pytest.fixture
def secret(stage: Stage) -> Secret:
    world: World = stage.world
    owner, mallory = world.member("olga"), world.member("mallory")
    book, group = world.book("secret"), world.group("staff", [owner])
    world.grant(book, owner, "manage")
    for member in (owner, mallory):
        assert stage.client(member).propfind(member.home, depth=1).status == 207
    client = stage.client(owner)
    assert client.put(owner.path(book, "ann.vcf"), vcard(_UID)).status == 201
    assert client.put(f"{owner.contacts}own.vcf", vcard("own")).status == 201
    return Secret(stage, mallory, owner, book, group.name)


_XML = {
    "PROPFIND": [
        document("D:propfind", prop("D:displayname", "D:getetag", "D:acl", "D:owner")),
        document("D:propfind", "<D:allprop/>"),
        document("D:propfind", "<D:propname/>"),
    ],
    "PROPPATCH": [
        document("D:propertyupdate", "<D:set><D:prop><X:a>b</X:a></D:prop></D:set>"),
    ],
    "REPORT": [
        document("D:sync-collection", "<D:sync-token/>" + prop("D:getetag")),
        document("CARD:addressbook-query", prop("D:getetag")),
        document("CARD:addressbook-multiget", prop("D:getetag") + "<D:href>/x/y/z</D:href>"),
        document("D:expand-property", '<D:property name="owner"/>'),
        document("D:acl-principal-prop-set", prop("D:displayname")),
        document("D:principal-match", "<D:self/>"),
    ],
    "PUT": [vcard(_UID, "Mallory").decode()],
    "POST": [vcard(_UID, "Mallory").decode()],
}
_METHODS = (
    "GET",
    "HEAD",
    "PROPFIND",
    "PROPPATCH",
    "REPORT",
    "PUT",
    "POST",
    "DELETE",
    "COPY",
    "MOVE",
)
_HEADERS = ({}, {"If-Match": "*"}, {"If-None-Match": "*"}, {"If-Match": '"x"'}, {"Depth": "1"})


def _said(answer: Answer, url: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """Return all that an answer says of the resource, with the names that were asked taken out."""
    names = re.compile("|".join(re.escape(name) for name in url.split("/") if name))
    headers = [
        (name, names.sub("NAME", value))
        for name, value in answer.headers.items()
        # A number of the request.
        if name != "X-Request-ID"
    ]
    return answer.status, sorted(headers), names.sub("NAME", answer.body.decode()).encode()


@pytest.mark.parametrize("method", _METHODS)
def test_what_is_hidden_and_what_is_nowhere_are_told_alike(secret: Secret, method: str) -> None:
    client = secret.client
    for there, nowhere in secret.pairs():
        for body in _XML.get(method, [""]):
            for headers in _HEADERS:
                sent = {"Destination": f"{secret.mallory.contacts}new.vcf", **headers}
                one, other = (client.request(method, url, body, sent) for url in (there, nowhere))
                assert _said(one, there) == _said(other, nowhere), (there, nowhere, headers, body)
                assert one.status >= 400
    assert secret.stage.world.stored(secret.book).keys() == {"ann.vcf"}


@pytest.mark.parametrize("method", ["COPY", "MOVE"])
def test_no_destination_tells_what_is_there(secret: Secret, method: str) -> None:
    client = secret.client
    source = f"{secret.mallory.contacts}mine.vcf"
    assert client.put(source, vcard(_UID)).status in {201, 204}
    for there, nowhere in secret.pairs():
        for name in ("ann.vcf", "own.vcf", "new.vcf"):
            for overwrite in ("T", "F"):
                told = []
                for url in (there, nowhere):
                    place = url if url.endswith(".vcf") else url + name
                    headers = {"Destination": place, "Overwrite": overwrite}
                    told.append(_said(client.request(method, source, "", headers), place))
                assert told[0] == told[1], (there, nowhere)
                assert told[0][0] >= 400
    assert client.get(source).status == 200


def test_no_report_tells_of_hrefs_of_others(secret: Secret) -> None:
    client = secret.client
    hrefs = [url for pair in secret.pairs() for url in pair]
    answer = client.multiget(secret.mallory.contacts, hrefs)
    assert {resource.status for resource in answer.resources.values()} == {404}
    names = "".join(f"<D:href>{href}</D:href>" for href in hrefs)
    expand = document(
        "D:expand-property",
        '<D:property name="principal-collection-set"><D:property name="displayname"/></D:property>'
        '<D:property name="owner"><D:property name="group-membership"/></D:property>' + names,
    )
    for body in (
        expand,
        document(
            "D:principal-property-search",
            f"<D:property-search>{prop('D:displayname')}<D:match></D:match></D:property-search>"
            + prop("D:displayname"),
        ),
        document("D:principal-match", "<D:self/>" + prop("D:displayname")),
    ):
        for url in ("/", secret.mallory.home):
            told = client.report(url, body, depth="0").body.decode()
            for hidden in (secret.owner.name, secret.book.name, secret.group):
                assert hidden not in told


def test_a_uid_in_a_hidden_book_is_free(secret: Secret) -> None:
    """A UID is unique in a book; what others hold under it is nobody's business."""
    client = secret.client
    path = f"{secret.mallory.contacts}{fresh('same')}.vcf"
    status = client.put(path, vcard(f"{_UID}-2")).status
    assert status == 201
    assert client.put(path, vcard(f"{_UID}-2", "Changed")).status == 204


def test_nobody_without_a_login_learns_more_than_that_one_is_needed(secret: Secret) -> None:
    client = secret.stage.client()
    for method in _METHODS:
        told = set()
        for url in [url for pair in secret.pairs() for url in pair]:
            status, headers, body = _said(client.request(method, url), url)
            told.add((status, tuple(headers), body))
        assert len(told) == 1, told
        assert next(iter(told))[0] == 401


def test_it_takes_no_longer_to_hide_than_to_find_nothing(secret: Secret, thorough: bool) -> None:  # noqa: FBT001
    """In CPU time of this process, medians of pairs in turns."""
    client = secret.client
    rounds, least = (400, _LEAST_OF_MANY) if thorough else (40, _LEAST)
    for method in ("GET", "PROPFIND", "DELETE"):
        for there, nowhere in secret.pairs():
            times: dict[str, list[float]] = {there: [], nowhere: []}
            for _ in range(rounds):
                for url, taken in times.items():
                    started = time.thread_time()
                    client.request(method, url)
                    taken.append(time.thread_time() - started)
            ratio = median(times[there]) / median(times[nowhere])
            assert least < ratio < 1 / least, (method, there, nowhere, ratio)
