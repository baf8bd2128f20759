"""One connection to one server of a directory."""

import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ldap3 import BASE, LEVEL, NONE, SIMPLE, SUBTREE, SYNC, Connection, Server
from ldap3.core import results
from ldap3.core.exceptions import LDAPExceptionError
from pyasn1.error import PyAsn1Error

from sharedbooks.config import DirectoryConfig, LdapServer
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.scope import Scope
from sharedbooks.directory.tls import ContextTls

_SCOPES: dict[Scope, Any] = {Scope.BASE: BASE, Scope.LEVEL: LEVEL, Scope.SUBTREE: SUBTREE}
_PAGED_RESULTS = "1.2.840.113556.1.4.319"
_SOCKET_SIZE = 64 * 1024

_REFUSALS = {
    results.RESULT_INVALID_CREDENTIALS,
    results.RESULT_INAPPROPRIATE_AUTHENTICATION,
    # 389 Directory Server answers this for an account that is locked or inactive.
    results.RESULT_UNWILLING_TO_PERFORM,
    results.RESULT_CONSTRAINT_VIOLATION,
    results.RESULT_INSUFFICIENT_ACCESS_RIGHTS,
    results.RESULT_NO_SUCH_OBJECT,
    results.RESULT_INVALID_DN_SYNTAX,
}
"""Answers to a bind that are about the account or the password, and not about the server."""

FAILURES = (LDAPExceptionError, PyAsn1Error, OSError)
"""What may be raised while a server is asked."""


# Active Directory says why with a number; these are about the password itself.
_REASON = re.compile(r"\bdata ([0-9a-f]+)\b")
_UNKNOWN_OR_WRONG = {"525", "52e"}


@dataclass(frozen=True, slots=True)
class BindAnswer:
    """What a server says of a name and a password.

    Attributes:
        accepted: whether they are right, and may be used now.
        wrong: whether the password is wrong. Neither, where the account is locked, expired, or may
            not be used at this hour or before its password is changed.
    """

    accepted: bool
    wrong: bool


class Refused(Exception):
    """A server answers, but not with what it was asked for; the message says what."""


class Session:
    """An open connection, for one thread at a time.

    Args:
        config: the directory.
        server: one of its servers.
        context: TLS of the directory.

    Raises:
        Refused: the server refuses TLS or the login of the configured account.
        FAILURES: it cannot be reached, does not answer in time or shows a wrong certificate.
    """

    def __init__(
        self, config: DirectoryConfig, server: LdapServer, context: ssl.SSLContext
    ) -> None:
        self.server = server
        self._connection = Connection(
            # One for each: ldap3 keeps the state of a connection in it.
            Server(
                server.host,
                server.port,
                use_ssl=server.tls,
                tls=ContextTls(context),
                get_info=NONE,
                connect_timeout=config.timeout,
            ),
            client_strategy=SYNC,
            # A referral would take the password to whatever server it names.
            auto_referrals=False,
            check_names=False,
            auto_escape=False,
            auto_encode=False,
            return_empty_attributes=False,
            raise_exceptions=False,
            receive_timeout=config.timeout,
        )
        self._connection.strategy.socket_size = _SOCKET_SIZE
        try:
            self._connection.open(read_server_info=False)
            if not server.tls and config.start_tls:
                self._connection.start_tls(read_server_info=False)
        except BaseException:
            self.close()
            raise

    def bind(self, name: str, password: str) -> BindAnswer:
        """Return what the server says of this name and password, which may not be empty.

        Raises:
            Refused: the server refuses to answer this question.
        """
        connection = self._connection
        connection.user, connection.authentication = name, SIMPLE
        # As octets, which ldap3 sends as they are: directories compare what people typed.
        connection.password = password.encode()
        try:
            connection.bind(read_server_info=False)
        finally:
            connection.password = None
        code = connection.result["result"]
        if code != results.RESULT_SUCCESS and code not in _REFUSALS:
            raise Refused(_describe(connection.result))
        reason = _REASON.search(str(connection.result.get("message") or ""))
        wrong = code == results.RESULT_INVALID_CREDENTIALS and (
            reason is None or reason[1] in _UNKNOWN_OR_WRONG
        )
        return BindAnswer(accepted=code == results.RESULT_SUCCESS, wrong=wrong)

    @property
    def encryption(self) -> str:
        """The version of TLS, or empty without it."""
        socket = self._connection.socket
        return (socket.version() or "") if isinstance(socket, ssl.SSLSocket) else ""

    @property
    def certificate(self) -> bytes | None:
        """The server's certificate (DER), or None without TLS."""
        socket = self._connection.socket
        return socket.getpeercert(binary_form=True) if isinstance(socket, ssl.SSLSocket) else None

    @property
    def certificate_fields(self) -> dict[str, Any]:
        """What the server's certificate says, if it is trusted; see ``ssl.SSLSocket``."""
        socket = self._connection.socket
        return (socket.getpeercert() or {}) if isinstance(socket, ssl.SSLSocket) else {}

    def has_entry(self, dn: str) -> bool:
        """True if there is an entry of that name which may be read.

        Raises:
            Refused: the server gave an error.
        """
        found, _ = self.search(
            dn, "(objectClass=*)", ["1.1"], scope=Scope.BASE, page_size=1, cookie=None
        )
        return bool(found)

    def search(
        self,
        base: str,
        search_filter: str,
        attributes: Sequence[str],
        *,
        scope: Scope,
        page_size: int,
        cookie: bytes | None,
    ) -> tuple[list[Entry], bytes | None]:
        """Return one page of entries, and the cookie for the next or None; none without a base.

        Raises:
            Refused: the server gave an error, or not all that fits.
        """
        connection = self._connection
        connection.search(
            base,
            search_filter,
            search_scope=_SCOPES[scope],
            attributes=list(attributes),
            paged_size=page_size,
            paged_cookie=cookie,
        )
        result = connection.result
        if result["result"] == results.RESULT_NO_SUCH_OBJECT:
            return [], None
        if result["result"] != results.RESULT_SUCCESS:
            raise Refused(_describe(result))
        # What is no entry refers to another server, which is not asked.
        found = [
            _entry(item) for item in connection.response or () if item["type"] == "searchResEntry"
        ]
        paging = (result.get("controls") or {}).get(_PAGED_RESULTS)
        return found, (paging["value"]["cookie"] or None) if paging else None

    def close(self) -> None:
        """Close the connection, whatever state it is in, without waiting for the server."""
        socket = self._connection.socket
        self._connection.strategy.close()
        if socket is not None:
            # ldap3 forgets those that it could not connect or put TLS around.
            socket.close()


def _entry(item: dict[str, Any]) -> Entry:
    raw = item["raw_attributes"]
    return Entry(item["dn"], {name.lower(): tuple(raw[name] or ()) for name in raw})


def _describe(result: dict[str, Any]) -> str:
    if result["result"] == results.RESULT_REFERRAL:
        return "it refers to another server, which would have to be named in servers"
    said = " ".join(str(result.get("message") or "").split("\0")[0].split())
    return f"it answers {result['description']}" + (f" ({said})" if said else "")
