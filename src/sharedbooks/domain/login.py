"""Logging in: from a name and a password to a member, quickly and without telling strangers."""

import logging
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.engine import Database
from sharedbooks.db.types import now
from sharedbooks.domain.credentials import (
    Credential,
    PasswordHasher,
    find_device,
    find_password,
    find_user_with_credentials,
    note_use,
)
from sharedbooks.domain.history import Actor
from sharedbooks.domain.principals import Principal
from sharedbooks.domain.throttle import Throttle
from sharedbooks.errors import (
    InvalidName,
    SharedbooksError,
    StoreBusy,
    StoreFull,
    Unauthenticated,
)
from sharedbooks.identifiers import parse_principal_name

_logger = logging.getLogger("sharedbooks.login")

_REMEMBERED_PASSWORDS = 10_000
_MAX_PASSWORD_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from: network address, and the client's User-Agent."""

    address: str
    client: str


@dataclass(frozen=True, slots=True)
class Member:
    """A user who is logged in, with the device they use (empty: their own password)."""

    user: Principal
    device: str
    origin: Origin

    @property
    def actor(self) -> Actor:
        """This member as history writes them down."""
        return Actor(self.user.id, self.user.name, self.device, self.origin.client)


class Authenticator:
    """Checks credentials against the database, sparing what is slow and what would lock people out.

    App passwords cost one hash. The user's own password is hashed slowly once, then remembered for
    a while as a keyed digest, bound to the stored hash: a changed password, a revoked device and a
    disabled user count at once, since each request reads them. A login that is refused again and
    again (a phone with an old password, or of somebody who left) counts as one failure.

    Args:
        database: where failures are counted and uses noted.
        hasher: for the users' own passwords.
        remember: seconds a checked password is remembered by this process; 0 for not at all.
        throttle: when to refuse trying.
    """

    def __init__(
        self, database: Database, hasher: PasswordHasher, *, remember: int, throttle: Throttle
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._throttle = throttle
        self._accepted = _Digests(remember)
        self._refused = _Digests(min(remember, throttle.window))

    def login(
        self, connection: Connection, login_name: str, password: str, origin: Origin
    ) -> Member:
        """Return the member whose name and password these are; ``connection`` is for reading.

        Raises:
            Unauthenticated: unknown user, wrong password or disabled account: all the same.
            TooManyLogins: too many failures from this address or for this account.
            StoreBusy: the database cannot be reached.
        """
        found = _find(connection, login_name, password)
        if found is None:
            proof = (login_name, password, "")
            if not self._refused.holds(proof):
                self._throttle.require_patience(connection, origin.address, login_name)
                self._hasher.verify(password[:_MAX_PASSWORD_LENGTH], None)
            raise self._refuse(proof, origin)
        user, known = found
        credential = find_device(known, password)
        if credential is None:
            credential = self._check_password(connection, user, known, password, origin)
        if not user.enabled:
            raise self._refuse((user.name, password, "disabled"), origin)
        self._note(credential, origin)
        return Member(user, credential.label, origin)

    def _check_password(
        self,
        connection: Connection,
        user: Principal,
        known: list[Credential],
        password: str,
        origin: Origin,
    ) -> Credential:
        credential = find_password(known)
        secret_hash = None if credential is None else credential.secret_hash
        proof = (user.name, password, secret_hash or "")
        if credential is not None and self._accepted.holds(proof):
            return credential
        if self._refused.holds(proof):
            raise self._refuse(proof, origin)
        self._throttle.require_patience(connection, origin.address, user.name)
        if not self._hasher.verify(password, secret_hash) or credential is None:
            raise self._refuse(proof, origin)
        self._accepted.add(proof)
        return credential

    def _refuse(self, proof: tuple[str, ...], origin: Origin) -> Unauthenticated:
        """Log and count a failure, unless it is a repeated one; return the error to raise."""
        refusal = Unauthenticated("Wrong name or password.")
        if self._refused.holds(proof):
            return refusal
        self._refused.add(proof)
        login_name = proof[0]
        # One line, the name quoted: fail2ban reads it, and a name cannot forge another.
        _logger.warning("failed login of %r from %s", login_name[:255], origin.address)
        try:
            self._database.run_write(
                lambda connection: self._throttle.count_failure(
                    connection, origin.address, login_name
                )
            )
        except (SharedbooksError, IntegrityError) as error:
            # Another process counted the same failure first, or the database is busy; a login
            # refused is refused either way.
            _logger.debug("a failed login was not counted: %s", error)
        return refusal

    def _note(self, credential: Credential, origin: Origin) -> None:
        if not credential.wants_note(now()):
            return
        try:
            self._database.run_write(
                lambda connection: note_use(connection, credential.id, origin.client)
            )
        except (StoreBusy, StoreFull) as error:
            _logger.info("the last use of a credential was not noted: %s", error)


def _find(
    connection: Connection, login_name: str, password: str
) -> tuple[Principal, list[Credential]] | None:
    if not password or len(password) > _MAX_PASSWORD_LENGTH or "\0" in password:
        return None
    try:
        name = parse_principal_name(login_name)
    except InvalidName:
        return None
    return find_user_with_credentials(connection, name)


class _Digests:
    """Remembers, for some seconds, that something secret was seen; never the secret itself."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._key = secrets.token_bytes(32)
        self._ends: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def holds(self, parts: tuple[str, ...]) -> bool:
        """True if ``parts`` were added and their time is not over."""
        if not self._seconds:
            return False
        end = self._ends.get(self._digest(parts))
        return end is not None and time.monotonic() < end

    def add(self, parts: tuple[str, ...]) -> None:
        """Remember ``parts``; the oldest are forgotten when there are too many."""
        if not self._seconds:
            return
        digest = self._digest(parts)
        with self._lock:
            self._ends.pop(digest, None)
            self._ends[digest] = time.monotonic() + self._seconds
            while len(self._ends) > _REMEMBERED_PASSWORDS:
                self._ends.popitem(last=False)

    def _digest(self, parts: tuple[str, ...]) -> bytes:
        text = "\0".join(parts).encode(errors="surrogatepass")
        return blake2b(text, key=self._key, digest_size=16).digest()
