"""Passwords of local users, and app passwords, one for each device."""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeAlias

from passlib.context import CryptContext
from passlib.hash import argon2
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from sharedbooks.db.prepared import Prepared
from sharedbooks.db.schema import credentials, principals
from sharedbooks.db.types import now
from sharedbooks.domain.principals import (
    Principal,
    PrincipalKind,
    lock_principal,
    principal_columns,
    principal_from_row,
)
from sharedbooks.errors import Conflict, NotFound

_PASSWORD = "password"  # noqa: S105 - a kind, not a secret
_DEVICE = "device"

# 20 letters of 32: 100 bits. Without l, o, 0 and 1, which look alike on a phone's screen.
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_GROUPS, _GROUP_LENGTH = 5, 4

_USED_NOTE_INTERVAL = 10 * 60 * 1_000_000
"""Microseconds: how exact the note of a credential's last use is."""


@dataclass(frozen=True, slots=True)
class Credential:
    """One way to log in; moments are microseconds since 1970, UTC."""

    id: int
    kind: str
    label: str
    secret_hash: str
    created_at: int
    last_used_at: int | None
    last_used_client: str | None

    @property
    def is_device(self) -> bool:
        """True for an app password, False for the user's own password."""
        return self.kind == _DEVICE

    def wants_note(self, moment: int) -> bool:
        """True if the note of the last use is too old to keep, or of a clock that was wrong."""
        return self.last_used_at is None or abs(moment - self.last_used_at) > _USED_NOTE_INTERVAL


UserWithCredentials: TypeAlias = tuple[Principal, Sequence[Credential]]
"""A user, and what they can log in with."""

_COLUMNS = (
    credentials.c.id,
    credentials.c.kind,
    credentials.c.label,
    credentials.c.secret_hash,
    credentials.c.created_at,
    credentials.c.last_used_at,
    credentials.c.last_used_client,
)
_USERS_WITH_CREDENTIALS = (
    select(*principal_columns(), *_COLUMNS)
    .select_from(principals)
    .outerjoin(credentials, credentials.c.principal_id == principals.c.id)
    .where(principals.c.kind == PrincipalKind.USER.value)
)
WITH_LOGIN_NAME = _USERS_WITH_CREDENTIALS.where(principals.c.name == bindparam("login_name"))
"""Users called ``login_name``, for ``with_credentials``; to be read with more, in one statement."""

USER_WITH_CREDENTIALS = Prepared(WITH_LOGIN_NAME)
"""What ``find_user_with_credentials`` reads."""

_USER_BY_SOURCE = Prepared(
    _USERS_WITH_CREDENTIALS.where(
        principals.c.source == bindparam("source"), principals.c.source_id == bindparam("source_id")
    )
)
_USER_BY_ID = Prepared(_USERS_WITH_CREDENTIALS.where(principals.c.id == bindparam("user_id")))


# bcrypt by itself takes 72 octets and no more, and no NUL.
_PLAIN_BCRYPT = "bcrypt"
_PLAIN_BCRYPT_OCTETS = 72
_SCHEMES = {"argon2": "argon2", "bcrypt": "bcrypt_sha256"}


_FOR_A_WHILE = argon2.using(type="ID", memory_cost=19 * 1024, time_cost=2, parallelism=1)


class PasswordHasher:
    """Hashes passwords slowly on purpose; passwords hashed by an older scheme stay valid.

    So do plain bcrypt hashes, as other programs (htpasswd) make them.

    Args:
        scheme: "argon2" or "bcrypt", for new hashes.
    """

    def __init__(self, scheme: str) -> None:
        self._context = CryptContext(
            schemes=[*_SCHEMES.values(), _PLAIN_BCRYPT], default=_SCHEMES[scheme]
        )
        self._nobody = self.hash(secrets.token_urlsafe())

    def hash(self, password: str) -> str:
        """Return the salted hash of ``password``."""
        return str(self._context.hash(_octets(password)))

    def hash_for_a_while(self, password: str) -> str:
        """Return a hash for a password that is kept for minutes, at a fraction of the time.

        Argon2id with 19 MiB and two passes, the least that OWASP's Password Storage Cheat Sheet
        finds good enough; each process pays for it every few minutes for each user.
        """
        return str(_FOR_A_WHILE.hash(_octets(password)))

    def verify(self, password: str, secret_hash: str | None) -> bool:
        """True if ``password`` has that hash; None takes as long, for users that do not exist."""
        stored = secret_hash or self._nobody
        octets = _octets(password)
        if self._context.identify(stored) == _PLAIN_BCRYPT:
            octets = octets[:_PLAIN_BCRYPT_OCTETS]
        return bool(self._context.verify(octets, stored)) and secret_hash is not None


def find_user_with_credentials(
    connection: Connection, login_name: str
) -> UserWithCredentials | None:
    """Return the user who logs in as ``login_name`` and what they can log in with, or None."""
    return with_credentials(USER_WITH_CREDENTIALS.all(connection, {"login_name": login_name}))


def find_user_by_id(connection: Connection, user_id: int) -> UserWithCredentials | None:
    """Return the user with that id and what they can log in with, or None."""
    return with_credentials(_USER_BY_ID.all(connection, {"user_id": user_id}))


def find_user_by_source(
    connection: Connection, source: str, source_id: str
) -> UserWithCredentials | None:
    """Return the user with that stable id in a directory and their credentials, or None."""
    return with_credentials(
        _USER_BY_SOURCE.all(connection, {"source": source, "source_id": source_id})
    )


def with_credentials(rows: Sequence[tuple[Any, ...]]) -> UserWithCredentials | None:
    """Return the user in rows that begin with the columns of ``WITH_LOGIN_NAME``, or None."""
    return _from_rows(tuple(row[:_WIDTH] for row in rows)) if rows else None


_PRINCIPAL_WIDTH = len(principal_columns())
_WIDTH = _PRINCIPAL_WIDTH + len(_COLUMNS)


# From one request of a user to the next hardly anything of these rows changes.
@lru_cache(maxsize=2048)
def _from_rows(rows: tuple[Any, ...]) -> UserWithCredentials:
    found = tuple(
        Credential(*row[_PRINCIPAL_WIDTH:]) for row in rows if row[_PRINCIPAL_WIDTH] is not None
    )
    return principal_from_row(rows[0]), found


def set_password(connection: Connection, user: Principal, secret_hash: str) -> None:
    """Make ``secret_hash`` (of ``PasswordHasher``) the user's password; the old one ends."""
    lock_principal(connection, user.id)
    connection.execute(
        delete(credentials).where(
            credentials.c.principal_id == user.id, credentials.c.kind == _PASSWORD
        )
    )
    _insert(connection, user, _PASSWORD, "", secret_hash)


def add_device(connection: Connection, user: Principal, label: str) -> str:
    """Make an app password for one device of ``user`` and return it, readable this once.

    Raises:
        Conflict: the user has a device of that label.
    """
    lock_principal(connection, user.id)
    if any(device.label == label for device in list_devices(connection, user)):
        raise Conflict(f"User {user.name!r} has a device {label!r} already.")
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_GROUPS * _GROUP_LENGTH))
    _insert(connection, user, _DEVICE, label, hash_device_password(letters))
    groups = [letters[at : at + _GROUP_LENGTH] for at in range(0, len(letters), _GROUP_LENGTH)]
    return "-".join(groups)


def list_devices(connection: Connection, user: Principal) -> list[Credential]:
    """Return the app passwords of ``user``, oldest first."""
    rows = connection.execute(
        select(*_COLUMNS)
        .where(credentials.c.principal_id == user.id, credentials.c.kind == _DEVICE)
        .order_by(credentials.c.id)
    )
    return [Credential(*row) for row in rows]


def revoke_device(connection: Connection, user: Principal, label: str) -> None:
    """End the app password of one device; its next request is refused.

    Raises:
        NotFound: the user has no device of that label.
    """
    gone = connection.execute(
        delete(credentials).where(
            credentials.c.principal_id == user.id,
            credentials.c.kind == _DEVICE,
            credentials.c.label == label,
        )
    ).rowcount
    if not gone:
        raise NotFound(f"User {user.name!r} has no device {label!r}.")


def note_use(connection: Connection, credential_id: int, client: str) -> None:
    """Note that a credential was used just now, by ``client``."""
    connection.execute(
        update(credentials)
        .where(credentials.c.id == credential_id)
        .values(last_used_at=now(), last_used_client=client[:255])
    )


def hash_device_password(password: str) -> str:
    """Return the hash an app password is stored as.

    One round of SHA-256: 100 random bits cannot be guessed, and each request checks them anew.
    Case, spaces and dashes do not count, so that it can be typed as it is shown or without.
    """
    letters = "".join(password.split()).replace("-", "").lower()
    return sha256(_octets(letters)).hexdigest()


def find_device(found: Sequence[Credential], password: str) -> Credential | None:
    """Return the app password among ``found`` that ``password`` is, or None."""
    digest = hash_device_password(password)
    match = None
    for credential in found:
        if credential.is_device and hmac.compare_digest(credential.secret_hash, digest):
            match = credential
    return match


def find_password(found: Sequence[Credential]) -> Credential | None:
    """Return the user's own password among ``found``, or None."""
    return next((credential for credential in found if not credential.is_device), None)


def _octets(password: str) -> bytes:
    # Half a surrogate pair is a wrong password, not a failure.
    return password.encode(errors="surrogatepass")


def _insert(
    connection: Connection, user: Principal, kind: str, label: str, secret_hash: str
) -> None:
    values: dict[str, Any] = {
        "principal_id": user.id,
        "kind": kind,
        "label": label,
        "secret_hash": secret_hash,
        "created_at": now(),
    }
    connection.execute(insert(credentials).values(values))
