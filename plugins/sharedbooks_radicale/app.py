"""The server's application: Radicale's, with CardDAV of our own and one session a request."""

import logging
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from radicale.app import Application as RadicaleApplication
from sqlalchemy import Connection

from sharedbooks.domain.at_once import NO_CONNECTION, MoreWanted, at_once
from sharedbooks.domain.book_access import BookAccess
from sharedbooks.domain.changes import revision_in
from sharedbooks.domain.credentials import UserWithCredentials, find_user_with_credentials
from sharedbooks.domain.directory_login import DirectoryWanted
from sharedbooks.domain.homes import complete_home, is_complete
from sharedbooks.domain.login import Member
from sharedbooks.domain.opening import FindUser, Opening
from sharedbooks.errors import NotFound, SharedbooksError, StoreBusy, Unauthenticated
from sharedbooks.runtime import Runtime
from sharedbooks_radicale.compression import compressed
from sharedbooks_radicale.failures import MethodNotAllowed, TooManyUploads
from sharedbooks_radicale.probes import PROBES, Probes
from sharedbooks_radicale.protocol.call import Call, Seen
from sharedbooks_radicale.protocol.errors import error_response
from sharedbooks_radicale.protocol.get import get
from sharedbooks_radicale.protocol.mkcol import mkcalendar, mkcol
from sharedbooks_radicale.protocol.polling import is_poll, reads_little
from sharedbooks_radicale.protocol.properties import View
from sharedbooks_radicale.protocol.propfind import propfind
from sharedbooks_radicale.protocol.proppatch import proppatch
from sharedbooks_radicale.protocol.put import delete, post, put
from sharedbooks_radicale.protocol.report import report
from sharedbooks_radicale.protocol.transfer import transfer
from sharedbooks_radicale.radicale_configuration import radicale_configuration
from sharedbooks_radicale.request import Edge, Environ, Request
from sharedbooks_radicale.response import METHODS, Response, text_response
from sharedbooks_radicale.watching import RequestWatch

T = TypeVar("T")
StartResponse = Callable[[str, list[tuple[str, str]]], object]

_logger = logging.getLogger("sharedbooks.http")

_READING = {"GET": get, "HEAD": get, "PROPFIND": propfind, "REPORT": report}
"""Methods answered from the snapshot in which the login was checked."""

_WRITING = {
    "PUT": put,
    "POST": post,
    "DELETE": delete,
    "MKCOL": mkcol,
    "MKCALENDAR": mkcalendar,
    "PROPPATCH": proppatch,
    "COPY": transfer,
    "MOVE": transfer,
}
"""Methods that open a write transaction themselves, once everything else is checked."""

_CHUNK = 64 * 1024

_WELL_KNOWN = (".well-known", "carddav")


class Application(RadicaleApplication):
    """A WSGI application over one ``Runtime``.

    Every request is one read snapshot, or one write transaction that is committed only when the
    answer is a success.
    """

    def __init__(self, runtime: Runtime) -> None:
        super().__init__(radicale_configuration(runtime))
        self._runtime = runtime
        config = runtime.config
        self._edge = Edge(
            config.server.prefix,
            config.server.trusted_proxies,
            config.server.max_body,
            config.server.realm,
            config.server.threads,
        )
        self._watch = RequestWatch(config.log, self._edge)
        self._probes = Probes(runtime)
        # A body may come slowly, or never: half of the threads stay free for other requests.
        self._discarding = threading.BoundedSemaphore(max(1, config.server.threads // 2))

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333)."""
        exchange = self._watch.begin(environ)
        try:
            request = exchange.request = Request(environ, self._edge)
        except SharedbooksError as error:
            response = text_response(400, str(error))
            self._discard_body(environ)
        else:
            response = self._answer(request)
            if not request.body_taken and not isinstance(request.failure, TooManyUploads):
                self._discard_body(environ, request.uploader)
        response = compressed(response, environ.get("HTTP_ACCEPT_ENCODING", ""))
        self._watch.end(exchange, response.status)
        headers = [*response.wsgi_headers(), ("X-Request-ID", exchange.id)]
        start_response(response.status_line, headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else response.wsgi_body()

    def _discard_body(self, environ: Environ, uploader: str = "") -> None:
        """Read what the answer could do without, such as a photo sent before the password.

        The server closes a connection with octets on it that nobody has read, and many clients
        then miss the answer. Those that wait for leave to send a body need not send it at all.
        """
        announced = environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ
        if not announced or not environ.get("wsgi.input_terminated") or "HTTP_EXPECT" in environ:
            return
        if self._discarding.acquire(blocking=False):
            try:
                with suppress(TooManyUploads), self._edge.uploads.one_from(uploader):
                    left = self._edge.max_body
                    while left > 0 and (chunk := environ["wsgi.input"].read(_CHUNK)):
                        left -= len(chunk)
            finally:
                self._discarding.release()

    def _answer(self, request: Request) -> Response:
        try:
            return self._dispatch(request)
        except SharedbooksError as error:
            request.failure = error
            if isinstance(error, StoreBusy):
                _logger.warning("%s %s: %s", request.method, "/".join(request.segments), error)
            return error_response(error, request)
        except Exception:
            _logger.exception("%s %s failed", request.method, "/".join(request.segments))
            return text_response(500, "The server failed; its log says why.")

    def _dispatch(self, request: Request) -> Response:
        if request.segments in PROBES:
            return self._probes.answer(request)
        if request.method == "OPTIONS":
            return Response(200, {"Allow": METHODS})
        if request.segments == _WELL_KNOWN:
            if request.method != "PROPFIND":
                return text_response(301, "See /", {"Location": f"{request.prefix}/"})
            # Answered in place: iOS may give up on a redirect that ends in a 401.
            request.segments = ()
        if request.method not in _READING and request.method not in _WRITING:
            raise MethodNotAllowed("No resource knows this method.", allowed=METHODS.split(", "))
        if request.credentials is None:
            raise Unauthenticated("This server asks for a name and a password.")
        answer = self._read if request.method in _READING else self._write
        try:
            return answer(request)
        except DirectoryWanted as wanted:
            request.proof = self._runtime.authenticator.ask_directory(
                *request.credentials, request.origin, wanted
            )
            return answer(request)

    def _write(self, request: Request) -> Response:
        database = self._runtime.database
        stores = request.method == "PUT" and database.spares_transactions
        opening = Opening(
            _book_name(request) if database.queues_by_book else None,
            resource_name=_card_name(request) if stores else None,
        )
        try:
            member = self._log_in_at_once(request, opening)
        except MoreWanted:
            member = database.run_read(lambda c: self._log_in(c, request))
        # A directory may say that it is somebody else who has logged in by that name.
        seen = None
        if opening.book is not None and opening.book.user_id == member.user.id:
            seen = Seen(opening.book, opening.info)
        call = self._call(request, member, seen=seen)
        handler = _WRITING[request.method]
        return self._with_complete_home(member, lambda: handler(call))

    def _read(self, request: Request) -> Response:
        request.take_short_body()
        if is_poll(request) or (
            self._runtime.database.spares_transactions and reads_little(request)
        ):
            try:
                return self._read_at_once(request)
            except (MoreWanted, NotFound):
                pass  # Everything is read again, in one snapshot that lasts.
        members: list[Member] = []

        def work(connection: Connection) -> Response:
            opening = Opening(_book_name(request))
            member = self._log_in(connection, request, opening.find)
            members[:] = [member]
            return self._answer_reading(connection, request, member, opening.book)

        database = self._runtime.database
        try:
            return database.run_read(work)
        except NotFound:
            if not members or not self._complete_home(members[0]):
                raise
            return database.run_read(work)

    def _read_at_once(self, request: Request) -> Response:
        """Answer from a statement or two, without a snapshot that lasts.

        Raises:
            MoreWanted: it takes more than that.
        """
        since = revision_in(request.body) if request.method == "REPORT" else None
        name = _card_name(request) if request.method == "GET" else None
        opening = Opening(_book_name(request), since, name, content=True)
        member = self._log_in_at_once(request, opening)
        connection = at_once(self._runtime.database, opening.news, opening.card)
        return self._answer_reading(connection, request, member, opening.book)

    def _answer_reading(
        self, connection: Connection, request: Request, member: Member, opened: BookAccess | None
    ) -> Response:
        if member.user.first_login_at is None:
            raise NotFound("The home is made at the first login.")
        call = self._call(request, member, opened)
        return _READING[request.method](connection, call)

    def _log_in_at_once(self, request: Request, opening: Opening) -> Member:
        """Return who asks, by a single statement; raises ``MoreWanted`` where it takes more."""

        def find(_connection: Connection, login_name: str) -> UserWithCredentials | None:
            return opening.find_alone(self._runtime.database, login_name)

        return self._log_in(NO_CONNECTION, request, find)

    def _log_in(
        self,
        connection: Connection,
        request: Request,
        find: FindUser = find_user_with_credentials,
    ) -> Member:
        name, password = request.credentials or ("", "")
        member = request.member = self._runtime.authenticator.login(
            connection, name, password, request.origin, request.proof, find
        )
        return member

    def _with_complete_home(self, member: Member, work: Callable[[], T]) -> T:
        """Return ``work()``, done again if a book granted just now had no place in the home yet."""
        if member.user.first_login_at is None:
            self._complete_home(member)
        try:
            return work()
        except NotFound:
            if not self._complete_home(member):
                raise
            return work()

    def _complete_home(self, member: Member) -> bool:
        """Make what the member's home lacks; return False if it lacked nothing."""
        database, books = self._runtime.database, self._runtime.config.books
        if database.run_read(lambda connection: is_complete(connection, member.user)):
            return False
        database.run_write(
            lambda connection: complete_home(
                connection,
                member.user,
                personal_name=books.personal_name,
                personal_display_name=books.personal_display_name,
            )
        )
        return True

    def _call(
        self,
        request: Request,
        member: Member,
        opened: BookAccess | None = None,
        seen: Seen | None = None,
    ) -> Call:
        runtime = self._runtime
        view = View(request.prefix, member.user, runtime.config.books.max_card_size)
        return Call(request, member, runtime.database, view, runtime.deletions, opened, seen)


def _book_name(request: Request) -> str | None:
    """Return the name of the book that the request is about, or in; None if it is of none."""
    return request.segments[1] if len(request.segments) > 1 else None


def _card_name(request: Request) -> str | None:
    """Return the name of the card that the request is about; None if it is of none."""
    return request.segments[2] if len(request.segments) == 3 else None
