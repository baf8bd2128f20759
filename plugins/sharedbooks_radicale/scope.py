"""What belongs to the request being served: its database session and the member who made it.

Radicale's plugin contracts pass neither, so both travel in context variables, set at one place
each and reset when the request ends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sqlalchemy import Connection

from sharedbooks.domain.login import Member

_connection: ContextVar[Connection | None] = ContextVar("connection", default=None)
_member: ContextVar[Member | None] = ContextVar("member", default=None)


def current_connection() -> Connection | None:
    """Return the session that the request has open, or None."""
    return _connection.get()


@contextmanager
def using(connection: Connection) -> Iterator[None]:
    """Make ``connection`` the request's session for as long as the context lasts."""
    token = _connection.set(connection)
    try:
        yield
    finally:
        _connection.reset(token)


def current_member() -> Member | None:
    """Return who logged in last in this thread of execution, or None."""
    return _member.get()


def set_member(member: Member | None) -> None:
    """Note who makes the request; called by whatever checked the credentials."""
    _member.set(member)
