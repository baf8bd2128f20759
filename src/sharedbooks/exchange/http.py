"""A careful HTTP client for reading from servers: kept connections, TLS, bounded answers."""

import ssl
import tempfile
from base64 import b64encode
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import IO, NamedTuple, Self
from urllib.parse import SplitResult, urljoin, urlsplit

from sharedbooks import __version__
from sharedbooks.errors import InvalidSource

_TIMEOUT = 60.0
"""Seconds a server may be silent."""

_MAX_ANSWER = 512 * 1024 * 1024
"""Octets of one answer, which goes to the disk; a listing of a million cards has less."""

_IN_MEMORY = 1024 * 1024
_CHUNK_OCTETS = 64 * 1024
_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Answer(NamedTuple):
    """What a server answered.

    Attributes:
        status: the status.
        url: where it came from, after redirects.
        body: the octets, at their start; open until the next question is asked.
    """

    status: int
    url: str
    body: IO[bytes]


class HttpClient:
    """Asks one server; a ``with`` block closes the connection.

    Credentials are sent to the host of ``url`` only, and without TLS to this machine only.
    Redirects are followed to the same host, never from https to http.

    Args:
        url: where the server is.
        user: the login name.
        password: the password.

    Raises:
        InvalidSource: the URL is none of a server that may be asked.
    """

    def __init__(self, url: str, user: str, password: str) -> None:
        parts = urlsplit(url)
        try:
            self._port = parts.port
        except ValueError:
            raise InvalidSource(f"{url!r} is no URL: its port is no number.") from None
        if parts.scheme not in {"https", "http"} or not parts.hostname:
            raise InvalidSource(f"{url!r} is no URL of a server: write https://…")
        if parts.username is not None:
            raise InvalidSource("A login in a URL can be seen by everybody: use --user instead.")
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            raise InvalidSource(
                f"Without https the password could be read on the way to {parts.hostname};"
                " write https://…"
            )
        self._home = parts
        credentials = b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {
            "Authorization": f"Basic {credentials}",
            "User-Agent": f"sharedbooks/{__version__}",
        }
        self._user = user
        self._connection: HTTPConnection | None = None
        self._body: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._close()
        self._forget_body()

    def ask(
        self, method: str, url: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask and return the answer, whatever its status, once redirects are followed.

        Raises:
            InvalidSource: the server cannot be reached or trusted, refuses the login, sends the
                client somewhere else, or more than is read.
        """
        for _ in range(_MOST_REDIRECTS):
            self._refuse_elsewhere(url)
            response = self._send(method, url, body, headers or {})
            self._forget_body()
            self._body = self._read(response)
            location = response.headers.get("Location")
            if response.status not in _REDIRECTS or not location:
                if response.status == 401:
                    raise InvalidSource(self._refusal(response))
                return Answer(response.status, url, self._body)
            url = urljoin(url, location)
        raise InvalidSource("The server sends from one address to the next without end.")

    def _refusal(self, response: HTTPResponse) -> str:
        offered = response.headers.get("WWW-Authenticate", "")
        if offered and "basic" not in offered.lower():
            return "The server wants another kind of login than name and password."
        return f"The server refuses the login of {self._user!r}."

    def _refuse_elsewhere(self, url: str) -> None:
        parts = urlsplit(url)
        same = parts.hostname == self._home.hostname and parts.scheme in {
            "https",
            self._home.scheme,
        }
        if not same or (parts.scheme == self._home.scheme and parts.port != self._home.port):
            raise InvalidSource(f"The server sends to another one, {parts.netloc}; give its URL.")

    def _send(self, method: str, url: str, body: bytes, headers: Mapping[str, str]) -> HTTPResponse:
        parts = urlsplit(url)
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        whole = {**self._headers, **headers}
        for attempt in (1, 2):
            is_kept = self._connection is not None
            connection = self._connection or self._connect(parts)
            self._connection = connection
            try:
                connection.request(method, target, body or None, whole)
                return connection.getresponse()
            except ssl.SSLError as error:
                raise InvalidSource(f"{parts.netloc} is not to be trusted: {error}.") from error
            except (HTTPException, OSError) as error:
                self._close()
                # A kept connection may have been closed by the server meanwhile.
                if attempt == 2 or not is_kept:
                    reason = getattr(error, "strerror", None) or str(error)
                    raise InvalidSource(f"{parts.netloc} does not answer: {reason}.") from error
        raise AssertionError("the second attempt returns or raises")

    def _connect(self, parts: SplitResult) -> HTTPConnection:
        host = parts.hostname or ""
        if parts.scheme == "http":
            return HTTPConnection(host, parts.port, timeout=_TIMEOUT)
        return HTTPSConnection(
            host, parts.port, timeout=_TIMEOUT, context=ssl.create_default_context()
        )

    def _read(self, response: HTTPResponse) -> IO[bytes]:
        """Return the whole body, put aside, so that the connection is free again."""
        kept = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115 - the answer's
        size = 0
        try:
            while chunk := response.read(_CHUNK_OCTETS):
                size += len(chunk)
                if size > _MAX_ANSWER:
                    raise InvalidSource(f"The server sent more than {_MAX_ANSWER} octets.")
                kept.write(chunk)
        except (HTTPException, OSError) as error:
            kept.close()
            raise InvalidSource(f"The server broke off its answer: {error}.") from error
        if response.will_close:
            self._close()
        kept.seek(0)
        return kept

    def _forget_body(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
