"""Throw-away LDAP servers: what OpenLDAP and Samba have in common."""

import os
import shutil
import socket
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn, Self
from urllib.parse import urlsplit

import ldap3
from ldap3.core.exceptions import LDAPException

from tests.support.certificates import Authority, Certificate
from tests.support.daemon import Daemon

_IDLE_SECONDS = 300

Attributes = Mapping[str, Sequence[str | bytes] | str | bytes]


class DirectoryServer(ABC):
    """A directory server of our own in a folder of its own, gone after ``close()``.

    Attributes:
        base: DN that everything is under.
        admin_dn, admin_password: who may do everything.
        service_dn, service_password: who may read everything, within the server's limits.
        url, plain_url: ``ldaps://`` and ``ldap://``, where StartTLS is offered.
        ca_file: the authority of its certificate, which names its address and ``localhost``.
    """

    package: str
    base: str
    admin_dn: str
    service_dn: str
    admin_password = "Admin-Passw0rd"
    service_password = "Service-Passw0rd"

    def __init__(self, authority: Authority) -> None:
        self.ca_file = authority.file
        self._admin: ldap3.Connection | None = None
        self._admin_used = 0.0
        # A folder of /tmp, since TMPDIR may be closed to the server's account.
        self._folder = Path(tempfile.mkdtemp(prefix="sharedbooks-", dir="/tmp"))
        self._certificate = self._copy(
            authority.issue(self._folder.name, f"IP:{self.host}", "DNS:localhost")
        )
        shutil.copyfile(authority.file, self._folder / "ca.crt")
        if self._user:
            shutil.chown(self._folder, self._user)
        self._daemon = Daemon(self._command(), self._folder, user=self._user)
        try:
            self._initialise()
            self.restart()
            self._populate()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    @abstractmethod
    def host(self) -> str:
        """The address it listens on."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it speaks TLS from the start."""

    @property
    @abstractmethod
    def plain_url(self) -> str:
        """Where it speaks TLS after StartTLS."""

    @property
    def log(self) -> str:
        """What the server has written to its log."""
        return self._daemon.log

    @property
    def pid(self) -> int:
        """The id of the server's main process."""
        return self._daemon.pid

    @abstractmethod
    def count_binds(self) -> int:
        """Return how many binds the server has answered since its start, failed ones too."""

    @abstractmethod
    def add_person(self, name: str, branch: str, password: str, **attributes: Any) -> str:
        """Add a person who can log in, with ``name`` in its RDN; return the DN."""

    @abstractmethod
    def add_group(self, name: str, branch: str, members: Sequence[str] = (), **more: Any) -> str:
        """Add a group of DNs with ``name`` in its RDN; return the DN."""

    @abstractmethod
    def set_password(self, dn: str, password: str) -> None:
        """Set a password as an administrator does."""

    def add(self, dn: str, attributes: Attributes) -> None:
        """Add an entry; ``objectClass`` is one of the attributes."""
        self._do("add", dn, attributes=dict(attributes))

    def replace(self, dn: str, attributes: Attributes) -> None:
        """Replace those attributes; an empty sequence removes one."""
        self._modify(dn, ldap3.MODIFY_REPLACE, attributes)

    def add_values(self, dn: str, attributes: Attributes) -> None:
        """Add values to attributes, as a new ``member`` of a group."""
        self._modify(dn, ldap3.MODIFY_ADD, attributes)

    def remove_values(self, dn: str, attributes: Attributes) -> None:
        """Remove values from attributes."""
        self._modify(dn, ldap3.MODIFY_DELETE, attributes)

    def rename(self, dn: str, rdn: str, *, under: str | None = None) -> str:
        """Give an entry a new RDN, and a new parent; return the new DN."""
        self._do("modify_dn", dn, rdn, new_superior=under)
        return f"{rdn},{under or _parent(dn)}"

    def delete(self, dn: str) -> None:
        """Delete an entry with everything under it."""
        found = self.search(dn, "(objectClass=*)", ["objectClass"])

        def turn(each: str) -> tuple[int, bool]:
            # Active Directory keeps a group for as long as it is somebody's primary group.
            return -_depth(each), b"group" in found[each]["objectClass"]

        for each in sorted(found, key=turn):
            self._do("delete", each)

    def search(
        self, base: str, search_filter: str, attributes: Sequence[str] = ()
    ) -> dict[str, dict[str, list[bytes]]]:
        """Return the entries under ``base``, by DN, with raw values."""
        found = self.admin.extend.standard.paged_search(
            base, search_filter, attributes=list(attributes) or ["1.1"], paged_size=500
        )
        return {
            entry["dn"]: dict(entry["raw_attributes"])
            for entry in found
            if entry["type"] == "searchResEntry"
        }

    def attributes(self, dn: str, *names: str) -> dict[str, list[bytes]]:
        """Return the raw values of one entry's attributes."""
        assert self.admin.search(dn, "(objectClass=*)", ldap3.BASE, attributes=list(names))
        return dict(self.admin.response[0]["raw_attributes"])

    @property
    def admin(self) -> ldap3.Connection:
        """A connection that may do everything, kept while it is used."""
        # Active Directory ends those that were idle for a quarter of an hour.
        if time.monotonic() - self._admin_used > _IDLE_SECONDS:
            self._forget_admin()
        if self._admin is None:
            self._admin = self._connect()
        self._admin_used = time.monotonic()
        return self._admin

    def suspend(self) -> None:
        """Make the server hang (SIGSTOP): it takes connections and answers nothing."""
        self._daemon.suspend()

    def resume(self) -> None:
        """Let a hanging server go on."""
        self._daemon.resume()

    def stop(self) -> None:
        """End the server in order; the data stays for ``restart()``."""
        self._forget_admin()
        code = self._daemon.stop()
        assert code == 0, f"exit code {code}\n{self.log}"

    def kill(self) -> None:
        """End the server by SIGKILL; the data stays for ``restart()``."""
        self._forget_admin()
        self._daemon.kill()

    def restart(self) -> None:
        """Stop the server if it runs, and start it on its old data, address and ports."""
        if self._daemon.running:
            self.stop()
        self._daemon.start(self._answers)

    def close(self) -> None:
        """End the server and delete its data."""
        try:
            self._forget_admin()
            if self._daemon.running:
                self._daemon.kill()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def _user(self) -> str | None:
        """The account it runs as; None for the one running the tests."""
        return None

    @abstractmethod
    def _command(self) -> list[str | Path]:
        """Return the server's command line."""

    @abstractmethod
    def _initialise(self) -> None:
        """Make configuration and data."""

    @abstractmethod
    def _populate(self) -> None:
        """Do what needs the running server: at least make the service account."""

    def _connect(self) -> ldap3.Connection:
        tls = ldap3.Tls(ca_certs_file=str(self.ca_file))
        server = ldap3.Server(self.url, tls=tls, get_info=ldap3.NONE, connect_timeout=5)
        return ldap3.Connection(
            server,
            self.admin_dn,
            self.admin_password,
            auto_bind=True,
            check_names=False,
            receive_timeout=60,
        )

    def _answers(self) -> bool:
        # Asked too early, ldap3 would leave its socket open.
        with socket.socket() as probe:
            address = urlsplit(self.url)
            if probe.connect_ex((self.host, address.port or 636)) != 0:
                return False
        try:
            self._admin = self._connect()
        except LDAPException:
            return False
        return True

    def _do(self, operation: str, *arguments: Any, **options: Any) -> None:
        done = getattr(self.admin, operation)(*arguments, **options)
        assert done, f"{operation} {arguments}: {self.admin.result}"

    def _modify(self, dn: str, how: str, attributes: Attributes) -> None:
        changes = {
            name: [(how, [values] if isinstance(values, str | bytes) else list(values))]
            for name, values in attributes.items()
        }
        self._do("modify", dn, changes)

    def _forget_admin(self) -> None:
        if self._admin is not None:
            connection, self._admin = self._admin, None
            connection.strategy.close()

    def _copy(self, made: Certificate) -> Certificate:
        copied = Certificate(self._folder / "server.crt", self._folder / "server.key")
        shutil.move(made.certificate, copied.certificate)
        shutil.move(made.key, copied.key)
        return copied


def missing(product: str, package: str) -> NoReturn:
    """Say how to install a server that the tests start."""
    raise RuntimeError(
        f"{product} is not installed, and these tests start one: run 'make test', or as root"
        f" 'apt-get install --yes --no-install-recommends {package}'."
    )


def is_root() -> bool:
    """Whether the tests run as root."""
    return os.geteuid() == 0


def escape_rdn(value: str) -> str:
    """Return ``value`` as it stands in a DN (RFC 4514, section 2.4)."""
    escaped = "".join(f"\\{each}" if each in ',+"\\<>;=' else each for each in value)
    if escaped.startswith((" ", "#")):
        escaped = f"\\{escaped}"
    if escaped.endswith(" ") and not escaped.endswith("\\ "):
        escaped = f"{escaped[:-1]}\\ "
    return escaped.replace("\0", "\\00")


def _parent(dn: str) -> str:
    first = 0
    while True:
        comma = dn.index(",", first)
        if dn[comma - 1] != "\\":
            return dn[comma + 1 :]
        first = comma + 1


def _depth(dn: str) -> int:
    return dn.replace("\\,", "").count(",")
