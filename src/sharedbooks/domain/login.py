"""Logging in: from a name and a password to a member, quickly and without telling strangers."""

import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.engine import Database
from sharedbooks.db.types import now
from sharedbooks.domain.checked_passwords import find_checked, find_named
from sharedbooks.domain.credentials import (
    Credential,
    PasswordHasher,
    UserWithCredentials,
    find_device,
    find_password,
    find_user_by_id,
    find_user_with_credentials,
    note_use,
)
from sharedbooks.domain.directory_login import Directories, DirectoryWanted, Proof
from sharedbooks.domain.history import Actor
from sharedbooks.domain.opening import FindUser
from sharedbooks.domain.principals import LOCAL, Principal
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
_BY_DIRECTORY = "directory"
"""Stands in a proof of a password that only a directory could check."""


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

    What a directory accepted is a row of the database, slowly hashed, and good for a while in every
    process. Local users are looked for first.

    Args:
        database: where failures are counted and uses noted.
        hasher: for the users' own passwords.
        remember: seconds a checked password is remembered by this process; 0 for not at all.
        throttle: when to refuse trying.
        directories: who knows the passwords of users that are not local; None without any.
    """

    def __init__(
        self,
        database: Database,
        hasher: PasswordHasher,
        *,
        remember: int,
        throttle: Throttle,
        directories: Directories | None = None,
    ) -> None:
        self._database = database
        self._hasher = hasher
        self._throttle = throttle
        self._directories = directories
        self._accepted = _Digests(remember)
        self._refused = _Digests(min(remember, throttle.window))

    def login(
        self,
        connection: Connection,
        login_name: str,
        password: str,
        origin: Origin,
        proof: Proof | None = None,
        find: FindUser = find_user_with_credentials,
    ) -> Member:
        """Return the member whose name and password these are; ``connection`` is for reading.

        Args:
            connection: for reading.
            login_name: as typed.
            password: as typed.
            origin: where from.
            proof: what ``ask_directory`` said of this name and password.
            find: finds the user, perhaps with more that is needed afterwards.

        Raises:
            Unauthenticated: unknown user, wrong password or disabled account: all the same.
            TooManyLogins: too many failures from this address or for this account.
            StoreBusy: the database cannot be reached.
            DirectoryWanted: ``ask_directory`` has to be called, outside the session.
        """
        name = _usable_name(login_name, password)
        found = None if name is None else find(connection, name)
        if self._directories is not None and (found is None or found[0].source != LOCAL):
            return self._login_by_directory(connection, login_name, password, origin, found, proof)
        if found is None:
            raise self._refuse_nobody(connection, (login_name, password, ""), origin)
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
        known: Sequence[Credential],
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

    def ask_directory(
        self, login_name: str, password: str, origin: Origin, wanted: DirectoryWanted
    ) -> Proof:
        """Return what the directory says of a login, to be tried again with it.

        Takes as long as the directory does; no database session may be open meanwhile.

        Raises:
            Unauthenticated: nobody there has this name, or the password is wrong.
            TooManyLogins: too many wrong passwords of this account were tried.
            DirectoryUnavailable: the directory gives no answer.
            StoreBusy: the database cannot be reached.
        """
        proof = wanted.directories.check(login_name, password, wanted.source)
        if proof is None:
            raise self._refuse((login_name, password, _BY_DIRECTORY), origin)
        return proof

    def _login_by_directory(
        self,
        connection: Connection,
        login_name: str,
        password: str,
        origin: Origin,
        found: UserWithCredentials | None,
        proof: Proof | None,
    ) -> Member:
        directories = self._directories
        refusal = (login_name, password, _BY_DIRECTORY)
        name = _usable_name(login_name, password)
        if directories is None or name is None:
            raise self._refuse_nobody(connection, refusal, origin)
        user_id = None if proof is None else proof.user_id
        if proof is None and found is None:
            user_id = find_named(connection, name)
        if user_id is not None:
            found = find_user_by_id(connection, user_id)
        source = None
        if found is not None:
            user, known = found
            source = user.source
            credential = find_device(known, password)
            accepted = proof is not None and proof.accepted
            if proof is not None and proof.secret_hash:
                # It need not be hashed a second time to be known.
                self._accepted.add((user.name, password, proof.secret_hash))
            if user.enabled and credential is not None:
                self._note(credential, origin)
                return Member(user, credential.label, origin)
            if user.enabled and (accepted or self._was_accepted(connection, user, password)):
                return Member(user, "", origin)
        responsible = directories.responsible(login_name, source)
        if proof is not None or not responsible or self._refused.holds(refusal):
            raise self._refuse_nobody(connection, refusal, origin)
        self._throttle.require_patience(connection, origin.address, login_name)
        raise DirectoryWanted(directories, source)

    def _was_accepted(self, connection: Connection, user: Principal, password: str) -> bool:
        """True if the user's directory accepted this password a short while ago."""
        seconds = 0 if self._directories is None else self._directories.remembers(user.source)
        secret_hash = find_checked(connection, user.id, seconds) if seconds else None
        if secret_hash is None:
            return False
        proof = (user.name, password, secret_hash)
        if self._accepted.holds(proof):
            return True
        if self._refused.holds(proof) or not self._hasher.verify(password, secret_hash):
            self._refused.add(proof)
            return False
        self._accepted.add(proof)
        return True

    def _refuse_nobody(
        self, connection: Connection, proof: tuple[str, str, str], origin: Origin
    ) -> Unauthenticated:
        """Refuse the login of somebody unknown, after as long as a wrong password takes."""
        login_name, password, _ = proof
        if not self._refused.holds(proof):
            self._throttle.require_patience(connection, origin.address, login_name)
            self._hasher.verify(password[:_MAX_PASSWORD_LENGTH], None)
        return self._refuse(proof, origin)

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


def _usable_name(login_name: str, password: str) -> str | None:
    """Return the name if it and the password are such as anybody could have."""
    if not password or len(password) > _MAX_PASSWORD_LENGTH or "\0" in password:
        return None
    try:
        return parse_principal_name(login_name)
    except InvalidName:
        return None


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
