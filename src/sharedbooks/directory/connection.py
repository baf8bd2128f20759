"""A directory with all its servers, asked by any number of threads."""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sharedbooks.config import DirectoryConfig, LdapServer
from sharedbooks.directory.availability import Availability
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.ranges import complete, is_partial
from sharedbooks.directory.scope import Scope
from sharedbooks.directory.session import FAILURES, BindAnswer, Refused, Session
from sharedbooks.directory.tls import make_context
from sharedbooks.errors import DirectoryUnavailable
from sharedbooks.watching.instruments import Latest

T = TypeVar("T")

_logger = logging.getLogger("sharedbooks.directory")

_KEPT_SESSIONS = 4
_IDLE_SECONDS = 120.0
_LONGEST_SECONDS = 600.0
"""When a kept connection is replaced, so that the first server is used again once it is back."""


@dataclass(slots=True)
class _Kept:
    session: Session
    opened_at: float
    used_at: float


class Directory:
    """One configured directory; nothing is connected before its first use.

    Servers are asked in their order; one that does not answer is passed over for a while. A few
    connections are kept for searching; one that has died meanwhile is replaced unnoticed.

    Args:
        config: what the configuration says of it.
        state: where to note whether it answered last, for all processes to see.

    Raises:
        ConfigProblem: a file of certificates cannot be used.
    """

    def __init__(self, config: DirectoryConfig, state: Latest | None = None) -> None:
        self.config = config
        self._state = state
        self.availability = Availability(config)
        self._context = make_context(config)
        self._kept: list[_Kept] = []
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return self.config.name

    def search(
        self,
        base: str,
        search_filter: str,
        attributes: Sequence[str],
        *,
        scope: Scope = Scope.SUBTREE,
    ) -> Iterator[Entry]:
        """Yield the entries that fit, page by page; none if there is no ``base``.

        Args:
            base: where to look.
            search_filter: made with ``filters``.
            attributes: which attributes to ask for; operational ones by name.
            scope: how far below ``base``.

        Raises:
            DirectoryUnavailable: no server answers, or one stops in the middle.
        """

        def page(session: Session, cookie: bytes | None) -> tuple[list[Entry], bytes | None]:
            return session.search(
                base,
                search_filter,
                attributes,
                scope=scope,
                page_size=self.config.page_size,
                cookie=cookie,
            )

        kept, (found, cookie) = self._ask(lambda session: page(session, None))
        try:
            while True:
                yield from map(self._whole, found)
                if cookie is None:
                    break
                # A cookie is worth something to the connection that gave it alone.
                found, cookie = self._go_on(kept, page, cookie)
        except BaseException:
            kept.session.close()
            raise
        self._keep(kept)

    def read(self, dn: str, attributes: Sequence[str]) -> Entry | None:
        """Return one entry, or None if there is none or nobody may read it.

        Raises:
            DirectoryUnavailable: no server answers.
        """
        found = self.search(dn, "(objectClass=*)", attributes, scope=Scope.BASE)
        return next(iter(list(found)), None)

    def accepts(self, dn: str, password: str) -> bool:
        """Return whether ``password`` is that of the entry; see ``try_password``."""
        return self.try_password(dn, password).accepted

    def try_password(self, dn: str, password: str) -> BindAnswer:
        """Return what a bind as the entry says of ``password``, on a connection of its own.

        An empty password is never one: a server would take it for an anonymous login and agree
        (RFC 4513, section 5.1.2).

        Raises:
            DirectoryUnavailable: no server answers.
        """
        if not dn or not is_sendable(password):
            return BindAnswer(accepted=False, wrong=True)

        def ask(server: LdapServer) -> BindAnswer:
            session = Session(self.config, server, self._context)
            try:
                return session.bind(dn, password)
            finally:
                session.close()

        return self._first_answer(ask)

    def connect(self, server: LdapServer) -> Session:
        """Return a connection to one server, logged in as the configured account; for diagnosis.

        Raises:
            Refused, or one of FAILURES: as it is.
        """
        session = Session(self.config, server, self._context)
        try:
            self._log_in(session)
        except BaseException:
            session.close()
            raise
        return session

    def close(self) -> None:
        """Close the connections that are kept."""
        with self._lock:
            kept, self._kept = self._kept, []
        for one in kept:
            one.session.close()

    def _log_in(self, session: Session) -> None:
        account = self.config.bind_dn
        if account is not None and not session.bind(account, self.config.bind_password).accepted:
            raise Refused(f"it refuses the login of {account}; see bind_dn and bind_password_file")

    def _ask(self, question: Callable[[Session], T]) -> tuple[_Kept, T]:
        """Return the answer of the first server that gives one, and the connection it came over."""
        while (kept := self._take()) is not None:
            started = time.monotonic()
            try:
                answer = question(kept.session)
            except Refused:
                kept.session.close()
            except FAILURES as error:
                kept.session.close()
                seconds = time.monotonic() - started
                # At once: it died while it was kept, which says nothing about the server.
                if self.availability.is_hanging(seconds):
                    self._note_failure(kept.session.server, error, seconds)
            else:
                self._note_state(up=True)
                return kept, answer

        def ask(server: LdapServer) -> tuple[_Kept, T]:
            session = self.connect(server)
            try:
                answer = question(session)
            except BaseException:
                session.close()
                raise
            return _Kept(session, time.monotonic(), time.monotonic()), answer

        return self._first_answer(ask)

    def _first_answer(self, ask: Callable[[LdapServer], T]) -> T:
        troubles = []
        for server in self.config.servers:
            if not self.availability.take(server):
                troubles.append(f"{server}: it did not answer a moment ago")
                continue
            started = time.monotonic()
            try:
                answer = ask(server)
            except Refused as error:
                troubles.append(f"{server}: {error}")
                self.availability.succeeded(server)
            except FAILURES as error:
                troubles.append(f"{server}: {error}")
                self._note_failure(server, error, time.monotonic() - started)
            else:
                self.availability.succeeded(server)
                self._note_state(up=True)
                return answer
        self._note_state(up=False)
        raise self._unavailable(troubles)

    def _note_state(self, *, up: bool) -> None:
        if self._state is not None:
            self._state.write(time.monotonic(), up)

    def _note_failure(self, server: LdapServer, error: Exception, seconds: float) -> None:
        _logger.warning("directory %s: %s does not answer: %s", self, server, error)
        self.availability.failed(server, seconds)

    def _go_on(
        self,
        kept: _Kept,
        page: Callable[[Session, bytes | None], tuple[list[Entry], bytes | None]],
        cookie: bytes,
    ) -> tuple[list[Entry], bytes | None]:
        started = time.monotonic()
        try:
            return page(kept.session, cookie)
        except Refused as error:
            raise self._unavailable([f"{kept.session.server}: {error}"]) from error
        except FAILURES as error:
            self._note_failure(kept.session.server, error, time.monotonic() - started)
            raise self._unavailable([f"{kept.session.server}: {error}"]) from error

    def _whole(self, entry: Entry) -> Entry:
        """Return the entry with all of its values, the rest of them asked for."""
        if not is_partial(entry):
            return entry

        def ask(attribute: str) -> Entry | None:
            kept, (found, _) = self._ask(
                lambda session: session.search(
                    entry.dn,
                    "(objectClass=*)",
                    [attribute],
                    scope=Scope.BASE,
                    page_size=1,
                    cookie=None,
                )
            )
            self._keep(kept)
            return next(iter(found), None)

        whole = complete(entry, ask)
        if whole is None:
            raise self._unavailable([f"{entry.dn} was given in part"])
        return whole

    def _take(self) -> _Kept | None:
        moment = time.monotonic()
        while True:
            with self._lock:
                kept = self._kept.pop() if self._kept else None
            if kept is None:
                return None
            if (
                moment - kept.used_at < _IDLE_SECONDS
                and moment - kept.opened_at < _LONGEST_SECONDS
                and self.availability.take(kept.session.server)
            ):
                return kept
            kept.session.close()

    def _keep(self, kept: _Kept) -> None:
        kept.used_at = time.monotonic()
        with self._lock:
            if len(self._kept) < _KEPT_SESSIONS:
                self._kept.append(kept)
                return
        kept.session.close()

    def _unavailable(self, troubles: list[str]) -> DirectoryUnavailable:
        return DirectoryUnavailable(
            f"The directory {self} cannot be asked: {'; '.join(troubles)}.",
            retry_after=self.availability.retry_after,
        )


def is_sendable(password: str) -> bool:
    """True for what may be sent as a password: some text, without NUL or half a character."""
    try:
        return bool(password.encode()) and "\0" not in password
    except UnicodeEncodeError:
        return False
