"""One HTTP request, read from the WSGI environment once and checked at this edge."""

from binascii import a2b_base64
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING, Any

from sharedbooks.domain.conditions import Conditions
from sharedbooks.domain.login import Origin
from sharedbooks_radicale.failures import BadRequest, BodyTooLarge, EncodedBody
from sharedbooks_radicale.protocol.hrefs import join_card_name
from sharedbooks_radicale.uploads import Uploads

if TYPE_CHECKING:
    from sharedbooks.domain.directory_login import Proof
    from sharedbooks.domain.login import Member
    from sharedbooks.errors import SharedbooksError

Environ = Mapping[str, Any]

_CHUNK = 64 * 1024
_MOST_DIGITS = 18
_SHORT = 1024 * 1024
"""Octets of a body that strangers may make the server keep."""


class Edge:
    """What the server believes and accepts of a request before it knows who sends it.

    Attributes:
        prefix: URL path in front of everything, such as ``/dav``, or empty.
        max_body: octets of the largest body.
        realm: the server's name in a login prompt.
        uploads: bodies that are on their way.
        trusts: tells whether an address is that of a trusted proxy, whose ``X-Forwarded-*``
            headers count.
    """

    def __init__(
        self,
        prefix: str,
        trusted_proxies: tuple[IPv4Network | IPv6Network, ...],
        max_body: int,
        realm: str,
        threads: int = 32,
    ) -> None:
        self.prefix = prefix
        self.max_body = max_body
        self.realm = realm
        self.uploads = Uploads(threads)

        # The same few addresses again and again, and each costs as much as a look into SQLite.
        @lru_cache(maxsize=1024)
        def trusts(address: str) -> bool:
            try:
                parsed = ip_address(address)
            except ValueError:
                return False
            return any(parsed in network for network in trusted_proxies)

        self.trusts = trusts


class Request:
    """A request below the server's prefix.

    Attributes:
        method: upper-case method.
        segments: decoded path segments, none of them empty: ``("alice", "sales", "x.vcf")``.
        prefix: path in front of every URL in the answer.
        edge: what the server accepts and believes.
        origin: address of the client (as a trusted proxy tells it) and its User-Agent.
        proof: what a directory says of the credentials, if one had to be asked.
        member: who has logged in with them.
        failure: why the request was refused.
    """

    def __init__(self, environ: Environ, edge: Edge) -> None:
        self._environ = environ
        self._body: bytes | None = None
        self._credentials: tuple[str, str] | None = None
        self.proof: Proof | None = None
        self.member: Member | None = None
        self.failure: SharedbooksError | None = None
        self.edge = edge
        self.method: str = environ["REQUEST_METHOD"].upper()
        peer = peer_address(environ)
        self._proxied = proxied = edge.trusts(peer)
        self.origin = Origin(
            self._client_address(peer) if proxied else peer, environ.get("HTTP_USER_AGENT", "")
        )
        self.prefix = edge.prefix
        if proxied and "HTTP_X_SCRIPT_NAME" in environ:
            self.prefix = environ["HTTP_X_SCRIPT_NAME"].rstrip("/")
        raw_path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        self.segments = _split_path(raw_path, self.prefix)

    def _client_address(self, peer: str) -> str:
        """Return the last address in X-Forwarded-For that is not a trusted proxy's own."""
        hops = [hop.strip() for hop in self.header("X-Forwarded-For").split(",") if hop.strip()]
        for hop in reversed(hops):
            if not self.edge.trusts(hop):
                return hop[:64]
        return peer

    def header(self, name: str, default: str = "") -> str:
        """Return a request header's value, or ``default`` where it was not sent."""
        value: str = self._environ.get(_variable(name), default)
        return value

    @property
    def uploader(self) -> str:
        """Address whose bodies are counted; empty for a trusted proxy that tells no client's."""
        return "" if self.edge.trusts(self.origin.address) else self.origin.address

    @property
    def host(self) -> str:
        """Host and port that the client asked, as a trusted proxy tells them."""
        forwarded = self.header("X-Forwarded-Host") if self._proxied else ""
        return forwarded.split(",")[0].strip() or self.header("Host")

    @property
    def content_type(self) -> str:
        """The body's media type in lower case, without parameters; empty if none was sent."""
        value: str = self._environ.get("CONTENT_TYPE", "")
        return value.partition(";")[0].strip().lower()

    @property
    def depth(self) -> str:
        """The ``Depth`` header in lower case; empty if none was sent."""
        return self.header("Depth").strip().lower()

    @property
    def query(self) -> str:
        """What follows ``?`` in the URL."""
        value: str = self._environ.get("QUERY_STRING", "")
        return value

    @property
    def minimal(self) -> bool:
        """True if the client wants no account of properties that are not there (RFC 8144)."""
        return self._prefers("return=minimal") or self.header("Brief").strip().lower() == "t"

    @property
    def wants_representation(self) -> bool:
        """True if the client wants to see what a change made (RFC 7240, section 4.2)."""
        return self._prefers("return=representation")

    def _prefers(self, preference: str) -> bool:
        preferences = self.header("Prefer")
        if not preferences:
            return False
        return preference in {part.strip().lower() for part in preferences.split(",")}

    @property
    def body(self) -> bytes:
        """The whole body.

        Raises:
            BodyTooLarge: longer than the server accepts.
            EncodedBody: it is packed.
            BadRequest: the announced length is no number, or the body ended before it.
        """
        # Not a cached_property: Python 3.11 computes those one at a time for all instances, and
        # one client that sends slowly would stop every other.
        if self._body is None:
            self._body = self._read_body()
        return self._body

    @property
    def body_taken(self) -> bool:
        """True if nothing of the body is left to be read."""
        return self._body is not None

    def take_short_body(self) -> None:
        """Read the body now if it is announced to be short, as all but hostile XML is.

        So that a client that sends slowly does it before it has a database session.
        """
        length = self._environ.get("CONTENT_LENGTH") or ""
        is_number = length.isascii() and length.isdigit()
        if self._body is None and is_number and int(length[:_MOST_DIGITS]) <= _SHORT:
            self._body = self._read_body()

    def _read_body(self) -> bytes:
        length = self._environ.get("CONTENT_LENGTH") or ""
        if length and not (length.isascii() and length.isdigit()):
            raise BadRequest("Content-Length is no number.")
        if self.header("Content-Encoding").strip().lower() not in {"", "identity"}:
            raise EncodedBody("Bodies are taken as they are, not packed.")
        # Without a length the body is chunked, and only a server that says so ends the stream.
        if not length and not self._environ.get("wsgi.input_terminated"):
            return b""
        stream, limit = self._environ["wsgi.input"], self.edge.max_body
        # Python refuses to read thousands of digits as a number.
        expected = int(length[:_MOST_DIGITS]) if length else None
        body = b""
        if expected != 0 and (expected is None or expected <= limit):
            with self.edge.uploads.one_from(self.uploader):
                body = _read(stream, limit + 1 if expected is None else expected)
        if len(body) > limit or (expected or 0) > limit:
            raise BodyTooLarge(f"A body may have at most {limit} octets.")
        if expected is not None and len(body) < expected:
            raise BadRequest("The body ended before its Content-Length.")
        return body

    @property
    def preference(self) -> dict[str, str]:
        """Headers that tell what was made of the client's preferences (RFC 7240, section 3)."""
        applied = {"Preference-Applied": "return=minimal"} if self.minimal else {}
        return {**applied, "Vary": "Brief, Prefer"}

    @property
    def credentials(self) -> tuple[str, str] | None:
        """Name and password of Basic authentication (RFC 7617), or None if none are usable."""
        if self._credentials is None:
            self._credentials = self._read_credentials()
        return self._credentials

    def _read_credentials(self) -> tuple[str, str] | None:
        scheme, _, encoded = self.header("Authorization").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            decoded = a2b_base64(encoded.strip(), strict_mode=True)
        except ValueError:
            return None
        try:
            text = decoded.decode()
        except UnicodeDecodeError:
            # Older clients send what they have; a name that does not exist is refused anyway.
            text = decoded.decode("latin-1")
        name, colon, password = text.partition(":")
        return (name, password) if colon else None

    @property
    def conditions(self) -> Conditions:
        """What ``If-Match`` and ``If-None-Match`` ask for."""
        return Conditions(
            _entity_tags(self.header("If-Match")), _entity_tags(self.header("If-None-Match"))
        )


def peer_address(environ: Environ) -> str:
    """Return the address of who has opened the connection, be it a proxy or the client."""
    # An IPv4 client of a server that listens on "::" comes like this.
    address: str = environ.get("REMOTE_ADDR", "")
    return address.removeprefix("::ffff:")


@lru_cache(maxsize=64)
def _variable(header: str) -> str:
    return "HTTP_" + header.upper().replace("-", "_")


def _read(stream: Any, most: int) -> bytes:
    """Return at most that many octets of a WSGI input, which may give fewer at a time."""
    chunks: list[bytes] = []
    while most > 0 and (chunk := stream.read(min(_CHUNK, most))):
        chunks.append(chunk)
        most -= len(chunk)
    return b"".join(chunks)


def _entity_tags(value: str) -> frozenset[str] | None:
    """Return the tags of a list header; weak ones as strong, as clients mean them."""
    if not value.strip():
        return None
    return frozenset(part.strip().removeprefix("W/") for part in value.split(","))


@lru_cache(maxsize=256)
def _split_path(raw: str, prefix: str) -> tuple[str, ...]:
    # WSGI hands octets over as Latin-1 (PEP 3333).
    try:
        path = raw.encode("latin-1").decode()
    except (UnicodeEncodeError, UnicodeDecodeError):
        raise BadRequest("The path is not UTF-8.") from None
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :]
    segments = tuple(segment for segment in path.split("/") if segment)
    if any(segment in {".", ".."} or "\0" in segment for segment in segments):
        raise BadRequest("The path climbs or holds a NUL.")
    return join_card_name(segments)
