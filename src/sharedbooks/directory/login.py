"""Logging in with the password of a directory: search, then bind."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sharedbooks.db.engine import Database
from sharedbooks.directory.accounts import account_bar
from sharedbooks.directory.connection import Directory, is_sendable
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.groups import find_group_ids
from sharedbooks.directory.people import ensure_user, stable_id
from sharedbooks.directory.places import Places
from sharedbooks.directory.search import Route, find_person, find_route, password_stamp
from sharedbooks.domain import password_tries
from sharedbooks.domain.checked_passwords import find_checked, remember_checked, remember_name
from sharedbooks.domain.credentials import PasswordHasher, find_device, find_user_by_source
from sharedbooks.domain.directory_login import Proof
from sharedbooks.domain.directory_memberships import refresh_memberships
from sharedbooks.domain.directory_principals import Bar
from sharedbooks.domain.password_tries import Account, TryLimit
from sharedbooks.domain.principals import Principal
from sharedbooks.errors import Conflict, DirectoryUnavailable, InvalidName

_logger = logging.getLogger("sharedbooks.directory")

_LOOK_AGAIN = 0.05
_NO_LIMIT = TryLimit(failures=1, window=0)
_MARGIN = 5
"""Seconds that one try may take beside the directory's own time."""


@dataclass(frozen=True, slots=True)
class _Login:
    """One login on its way: what was typed, and whom the directory found."""

    directory: Directory
    login_name: str
    password: str
    entry: Entry
    account: Account
    stamp: str


class DirectoryLogins:
    """Answers for every configured directory whose login it is (``domain.directory_login``).

    Args:
        directories: all that are configured.
        database: where users, accepted and refused passwords are kept.
        hasher: for passwords that are kept.
        threads: how many threads may be busy with directories at a time.
    """

    def __init__(
        self,
        directories: Sequence[Directory],
        database: Database,
        hasher: PasswordHasher,
        *,
        threads: int,
    ) -> None:
        self._directories = directories
        self._database = database
        self._hasher = hasher
        self._places = Places(threads)

    def responsible(self, login_name: str, source: str | None) -> bool:
        """True if one of the directories is to be asked about ``login_name``."""
        return find_route(self._directories, login_name, source) is not None

    def remembers(self, source: str) -> int:
        """Return how many seconds an accepted password is good; 0 for an unknown directory."""
        return next(
            (each.config.cache for each in self._directories if each.config.name == source), 0
        )

    def check(self, login_name: str, password: str, source: str | None) -> Proof | None:
        """Return who this is, or None for nobody or a wrong password; may take seconds.

        Raises:
            DirectoryUnavailable: the directory gives no answer.
            TooManyLogins: too many wrong passwords of this account were tried there.
            StoreBusy: the database cannot be reached.
        """
        route = find_route(self._directories, login_name, source)
        if route is None or not is_sendable(password):
            return None
        with self._places.take():
            login = self._find(route, login_name, password)
            if login is None:
                self._take_as_long(route.directory, password)
                return None
            known = self._database.run_read(
                lambda connection: find_user_by_source(connection, *login.account)
            )
            # A bind with an app password would count as a wrong password there.
            if known is not None and find_device(known[1], password) is not None:
                return self._proven(login, accepted=False)
            if self._is_barred(login, is_known=known is not None):
                self._take_as_long(route.directory, password)
                return None
            return self._earlier_answer_or_bind(login)

    def _find(self, route: Route, login_name: str, password: str) -> _Login | None:
        entry = find_person(route)
        if entry is None:
            return None
        config = route.directory.config
        try:
            account = Account(config.name, stable_id(config, entry))
        except InvalidName as error:
            _logger.warning("directory %s: %s", route.directory, error)
            return None
        stamp = password_stamp(entry)
        return _Login(route.directory, login_name, password, entry, account, stamp)

    def _take_as_long(self, directory: Directory, password: str) -> None:
        """Do what a wrong password costs, so that time does not tell which names there are."""
        directory.try_password(f"cn=nobody-of-this-name,{directory.config.user_base}", password)
        self._hasher.hash_for_a_while(password)
        nobody = Account(directory.config.name, "")
        for _ in range(2):
            self._database.run_write(
                lambda connection: password_tries.begin_try(connection, nobody, _NO_LIMIT, 0)
            )

    def _proven(self, login: _Login, *, accepted: bool) -> Proof | None:
        """Return the proof for a user who is known, and will be by this login name too."""

        def write(connection: Connection) -> int:
            user = _ensure(connection, login)
            remember_name(connection, user.id, login.login_name)
            return user.id

        user_id = self._written(write)
        return None if user_id is None else Proof(user_id, accepted=accepted)

    def _is_barred(self, login: _Login, *, is_known: bool) -> bool:
        bar = account_bar(login.entry, datetime.now(UTC))
        if bar is None:
            return False
        _logger.info("directory %s: %s is %s", login.directory, login.entry.dn, bar)
        if is_known and bar is not Bar.LOCKED:
            # So that their app passwords end too, and not only at the next sync. A lock passes.
            self._written(lambda connection: _ensure(connection, login).id)
        return True

    def _earlier_answer_or_bind(self, login: _Login) -> Proof | None:
        """Try the password at the directory, unless it was tried before, here or elsewhere."""
        config = login.directory.config
        limit = TryLimit(config.lockout_tries, config.lockout_window)
        lease = _MARGIN + 2 * config.timeout * len(config.servers)
        deadline = time.monotonic() + lease
        seen: set[str] = set()
        while True:
            accepted = self._earlier_answer(login, seen)
            may_try = accepted is None and self._database.run_write(
                lambda connection: password_tries.begin_try(connection, login.account, limit, lease)
            )
            if may_try:
                # Another try may have ended between the look and the taking.
                accepted = self._earlier_answer(login, seen)
                if accepted is None:
                    return self._bind(login)
                self._database.run_write(partial(password_tries.end_try, account=login.account))
            if accepted is not None:
                return self._proven(login, accepted=True) if accepted else None
            if time.monotonic() > deadline:
                raise DirectoryUnavailable(
                    f"The directory {login.directory} is slow to answer.", retry_after=_MARGIN
                )
            time.sleep(_LOOK_AGAIN)

    def _earlier_answer(self, login: _Login, seen: set[str]) -> bool | None:
        """Return what the directory said of this password a short while ago, None for nothing.

        ``seen`` holds hashes that are of other passwords; those found to be are added.
        """

        def read(connection: Connection) -> tuple[list[str], str | None]:
            refused = password_tries.find_refused(connection, login.account, login.stamp)
            known = find_user_by_source(connection, *login.account)
            cache = login.directory.config.cache
            return refused, find_checked(connection, known[0].id, cache) if known else None

        refused, checked = self._database.run_read(read)
        for secret_hash in ([checked] if checked else []) + refused:
            if secret_hash not in seen and self._hasher.verify(login.password, secret_hash):
                return secret_hash == checked
            seen.add(secret_hash)
        return None

    def _bind(self, login: _Login) -> Proof | None:
        directory = login.directory
        try:
            answer = directory.try_password(login.entry.dn, login.password)
            groups = find_group_ids(directory, login.entry) if answer.accepted else frozenset()
        except BaseException:
            self._database.run_write(partial(password_tries.end_try, account=login.account))
            raise
        if answer.accepted:
            return self._accept(login, groups)
        if answer.wrong:
            secret_hash = self._hasher.hash_for_a_while(login.password)
            self._database.run_write(
                lambda connection: password_tries.note_refused(
                    connection, login.account, secret_hash, login.stamp
                )
            )
        else:
            _logger.info("directory %s: %s may not log in now", directory, login.entry.dn)
            self._database.run_write(partial(password_tries.end_try, account=login.account))
        return None

    def _accept(self, login: _Login, groups: frozenset[str]) -> Proof | None:
        cache = login.directory.config.cache
        secret_hash = self._hasher.hash_for_a_while(login.password) if cache else None

        def write(connection: Connection) -> int:
            user = _ensure(connection, login)
            refresh_memberships(connection, user, groups)
            if secret_hash is not None:
                remember_checked(connection, user, secret_hash, cache)
            remember_name(connection, user.id, login.login_name)
            password_tries.note_accepted(connection, login.account)
            return user.id

        user_id = self._written(write)
        if user_id is None:
            self._database.run_write(partial(password_tries.note_accepted, account=login.account))
            return None
        return Proof(user_id, accepted=True, secret_hash=secret_hash or "")

    def _written(self, work: Callable[[Connection], int]) -> int | None:
        """Return what ``work`` returns, or None where the person can be no user here."""
        for last in (False, True):
            try:
                return self._database.run_write(work)
            except (Conflict, InvalidName) as error:
                _logger.warning("%s They cannot log in.", error)
                return None
            except IntegrityError:
                # Another process has made the same user just now.
                if last:
                    raise
        raise AssertionError("the last attempt returns or raises")


def _ensure(connection: Connection, login: _Login) -> Principal:
    return ensure_user(connection, login.directory.config, login.entry)
