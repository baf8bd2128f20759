"""A device that sends what a real client sends, and what every client needs of every answer."""

from collections.abc import Iterable, Mapping
from enum import Enum, auto

from tests.http.client import Answer, Client, Resource, basic
from tests.http.world import Member, World

OK = "HTTP/1.1 200 OK"


class Login(Enum):
    """When a client sends its name and password."""

    ALWAYS = auto()
    ONCE_ASKED = auto()
    EACH_TIME_ASKED = auto()


class Device:
    """A client program of one member, over one connection.

    Every answer is checked for what no client can do without: a challenge in a 401, XML in a 207,
    ``addressbook`` among what the server can do.

    Args:
        world: where the server is.
        member: whose name and password the device has.
        login: when it sends them.
        headers: what it sends with every request.

    Attributes:
        log: what was sent so far, as ``PROPFIND /alice/ 207``.
    """

    def __init__(
        self, world: World, member: Member, login: Login, headers: Mapping[str, str]
    ) -> None:
        self.member = member
        self.log: list[str] = []
        self._login = login
        self._knows_that_it_is_asked = login is Login.ALWAYS
        self._connection: Client = world.client(headers=headers)
        self._credentials = {"Authorization": basic(member.name, member.password)}

    def send(
        self,
        method: str,
        path: str,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request, a second time with the password where the client waits to be asked."""
        named = dict(headers or {})
        if not self._knows_that_it_is_asked:
            answer = self._send_once(method, path, body, named)
            if answer.status != 401:
                return answer
            self._knows_that_it_is_asked = self._login is Login.ONCE_ASKED
        return self._send_once(method, path, body, named | self._credentials)

    def take_log(self) -> list[str]:
        """Return what was sent since the last time."""
        taken, self.log = self.log, []
        return taken

    def _send_once(
        self, method: str, path: str, body: str | bytes, headers: Mapping[str, str]
    ) -> Answer:
        answer = self._connection.request(method, path, body, headers)
        self.log.append(f"{method} {path} {answer.status}")
        _check(answer)
        return answer


def _check(answer: Answer) -> None:
    assert "addressbook" in capabilities(answer), answer
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"].startswith("Basic realm="), answer
    if answer.status == 207:
        assert answer.headers["Content-Type"].startswith(("application/xml", "text/xml")), answer
        for href, resource in answer.resources.items():
            # Thunderbird takes the first status in a response for that of the whole resource.
            expected = OK if 200 in resource.statuses.values() else resource.first_status
            assert resource.first_status == expected, f"{href} does not begin with {OK}"


def capabilities(answer: Answer) -> set[str]:
    """What the ``DAV`` header names."""
    return {name.strip() for name in (answer.headers["DAV"] or "").split(",")}


def etags(answer: Answer, book: str) -> dict[str, str]:
    """The ETag of every card in a listing or report on ``book``, by href as it stands there."""
    found = {}
    for href, resource in answer.resources.items():
        if href != book and resource.status is None:
            assert href.startswith(book), f"{href} is not below {book}"
            found[href] = resource.text("D:getetag")
            assert found[href].startswith('"'), f"{found[href]} is no strong ETag"
    return found


def gone(answer: Answer) -> set[str]:
    """The hrefs that an answer declares gone."""
    return {href for href, resource in answer.resources.items() if resource.status == 404}


def cards(answer: Answer) -> dict[str, str]:
    """The text of every card in a report, by href."""
    return {
        href: resource.text("CARD:address-data")
        for href, resource in answer.resources.items()
        if "CARD:address-data" in resource.props
    }


def line(card: str, name: str) -> str:
    """The value of the only property of that name in a card."""
    lines = card.replace("\r\n", "\n").replace("\n ", "").split("\n")
    [value] = [rest for key, _, rest in (text.partition(":") for text in lines) if key == name]
    return value


def is_book(resource: Resource) -> bool:
    """True for an address book, as every client tells them from other collections."""
    return "CARD:addressbook" in resource.children("D:resourcetype")


def assert_version(texts: Iterable[str], version: str) -> None:
    """Check that all of these cards are of the vCard version that the client can read.

    The server may keep cards in another version. Apple's clients read 3.0 only; who asks for 4.0
    reads the rest of the card by its rules. Clients that read both have no such check.
    """
    versions = [line(text, "VERSION") for text in texts]
    assert versions
    assert set(versions) == {version}, f"the client reads {version} and got {versions}"


def assert_refused(answer: Answer, href: str) -> None:
    """Check the refusal that lets a client undo an edit and sync on.

    Any other status than 403 makes clients ask for a password or repeat, and DAVx5 stops syncing
    the book if it does not find the missing privilege named.
    """
    assert answer.status == 403, answer
    assert answer.conditions == ["D:need-privileges"]
    assert list(answer.missing_privileges) == [href]


def folded(name_and_value: str, width: int = 75) -> str:
    """Return a content line folded as most clients do it; all of it ASCII."""
    first, rest = name_and_value[:width], name_and_value[width:]
    pieces = [rest[start : start + width - 1] for start in range(0, len(rest), width - 1)]
    return "\r\n ".join([first, *pieces])
