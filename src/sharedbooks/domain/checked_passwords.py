"""What a directory was asked about: passwords it accepted a short while ago, and login names.

All processes share it. A password is kept slowly hashed, since it is worth as much as one of a
local user for as long as it is kept.
"""

import unicodedata
from contextlib import suppress

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import checked_passwords, login_names, principals
from sharedbooks.db.types import now
from sharedbooks.domain.principals import Principal

_SECOND = 1_000_000

_CHECKED = Prepared(
    select(checked_passwords.c.secret_hash, checked_passwords.c.checked_at).where(
        checked_passwords.c.principal_id == bindparam("principal_id")
    )
)
_NAMED = Prepared(select(login_names.c.principal_id).where(login_names.c.name == bindparam("name")))


def find_checked(connection: Connection, user_id: int, seconds: int) -> str | None:
    """Return the hash of the password accepted for a user within the last ``seconds``, or None."""
    rows = _CHECKED.all(connection, {"principal_id": user_id})
    if not rows:
        return None
    secret_hash, checked_at = rows[0]
    age = now() - checked_at
    # A clock set back must not make a password good for longer.
    return str(secret_hash) if 0 <= age < seconds * _SECOND else None


def remember_checked(
    connection: Connection, user: Principal, secret_hash: str, seconds: int
) -> None:
    """Keep the hash of a password just accepted; any older one of the user ends.

    Those of the same directory that are too old to be used any more are forgotten with it.
    """
    moment = now()
    expired = (checked_passwords.c.checked_at < moment - seconds * _SECOND) & (
        checked_passwords.c.principal_id.in_(
            select(principals.c.id).where(principals.c.source == user.source)
        )
    )
    connection.execute(
        delete(checked_passwords).where((checked_passwords.c.principal_id == user.id) | expired)
    )
    connection.execute(
        insert(checked_passwords).values(
            principal_id=user.id, secret_hash=secret_hash, checked_at=moment
        )
    )


def find_named(connection: Connection, login_name: str) -> int | None:
    """Return the id of the user whom a directory last knew by ``login_name``, or None."""
    rows = _NAMED.all(connection, {"name": _folded(login_name)})
    return int(rows[0][0]) if rows else None


def remember_name(connection: Connection, user_id: int, login_name: str) -> None:
    """Write down that a directory knows a user by ``login_name``.

    Directories take ``Alice`` and ``alice`` for one, so case does not count.
    """
    name = _folded(login_name)
    if find_named(connection, name) == user_id:
        return
    changed = connection.execute(
        update(login_names).where(login_names.c.name == name).values(principal_id=user_id)
    ).rowcount
    if not changed:
        # Another process may have learnt the same just now.
        with suppress(IntegrityError), connection.begin_nested():
            connection.execute(insert(login_names).values(name=name, principal_id=user_id))


def _folded(login_name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", login_name).casefold())[:255]
