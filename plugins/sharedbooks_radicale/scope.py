"""What belongs to the request being served: its database session and the member who made it.

Radicale's plugin contracts pass neither, so both travel in context variables, set at one place
each and reset when the request ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

from sqlalchemy import Connection

from sharedbooks.domain.login import Member


@dataclass(frozen=True, slots=True)
class Session:
    """A database session of a request, and the letters of rights that were asked for in it.

    ``letters`` are by user and book. The connection itself goes on to the next request.
    """

    connection: Connection
    letters: dict[tuple[str, str], str] = field(default_factory=dict)


_session: ContextVar[Session | None] = ContextVar("session", default=None)
_member: ContextVar[Member | None] = ContextVar("member", default=None)


def current_session() -> Session | None:
    """Return the session that the request has open, or None."""
    return _session.get()


def current_connection() -> Connection | None:
    """Return the connection of the session that the request has open, or None."""
    session = _session.get()
    return None if session is None else session.connection


@contextmanager
def using(connection: Connection) -> Iterator[None]:
    """Make ``connection`` the request's session for as long as the context lasts."""
    token = _session.set(Session(connection))
    try:
        yield
    finally:
        _session.reset(token)


def current_member() -> Member | None:
    """Return who logged in last in this thread of execution, or None."""
    return _member.get()


def set_member(member: Member | None) -> None:
    """Note who makes the request; called by whatever checked the credentials."""
    _member.set(member)
