"""Whether an app finds the server at its public address, and what a proxy in front makes of it.

The questions are those of a phone. The last one is a login that must fail: the database then tells
whether it arrived, and from which address, as the server saw it.
"""

import base64
import http.client
import ipaddress
import secrets
import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from sqlalchemy import Connection, select

from sharedbooks.cli.findings import BadError, DoubtfulError, Finding, Result, make
from sharedbooks.cli.store import Store
from sharedbooks.db.schema import login_failures
from sharedbooks.domain.throttle import forget_failure

_SECONDS = 10
_WELL_KNOWN = "/.well-known/carddav"
_PRINCIPAL = (
    b'<?xml version="1.0" encoding="utf-8"?><propfind xmlns="DAV:"><prop>'
    b"<current-user-principal/></prop></propfind>"
)
_PROXY = "See the examples for proxies in config/."


@dataclass(frozen=True, slots=True)
class _Answer:
    """What came back, and from which address of this machine the question went."""

    status: int
    headers: http.client.HTTPMessage
    source: str


class _Site:
    """Asks the server at a URL.

    Args:
        url: as people are told it.
        ca: file of certificates to trust, instead of those that the system trusts.
    """

    def __init__(self, url: str, ca: Path | None) -> None:
        self.url: SplitResult = urlsplit(url)
        self._context = ssl.create_default_context(cafile=None if ca is None else str(ca))

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> _Answer:
        """Return the answer.

        Raises:
            BadError: there is none, or its certificate is not to be trusted.
        """
        host, port = self.url.hostname or "", self.url.port
        connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
        if self.url.scheme == "https":
            connection = http.client.HTTPSConnection(
                host, port, timeout=_SECONDS, context=self._context
            )
        body = _PRINCIPAL if method == "PROPFIND" else None
        try:
            with closing(connection):
                connection.connect()
                source = str(connection.sock.getsockname()[0])
                connection.request(method, path, body, {"Depth": "0", **(headers or {})})
                answer = connection.getresponse()
                return _Answer(answer.status, answer.headers, source)
        except ssl.SSLCertVerificationError as error:
            raise BadError(error.verify_message, _tls_remedy(error)) from error
        except socket.gaierror as error:
            raise BadError(
                f"nobody knows the name {host}", "Correct it, or add it to DNS."
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise BadError(f"no answer ({str(error) or type(error).__name__})") from error


def examine_url(store: Store, url: str, ca: Path | None) -> list[Finding]:
    """Ask at ``url`` what an app asks that is given it."""
    try:
        site = _Site(url, ca)
    except OSError as error:
        detail = f"{ca} holds no certificates ({error})"
        return [Finding(f"public address at {url}", Result.FAILED, detail, "Name a file in PEM.")]
    base = site.url.path.rstrip("/")
    checks: list[tuple[str, Callable[[], str], str]] = [
        (
            "public address",
            lambda: _look_at_address(site, base),
            "Start the proxy, correct its certificate, or the URL.",
        ),
        (
            "discovery",
            lambda: _look_at_discovery(site),
            f"Let the proxy pass on {_WELL_KNOWN}, or redirect it to the server. {_PROXY}",
        ),
        (
            "methods",
            lambda: _look_at_methods(site, base),
            f"Let the proxy pass on every method and the header DAV. {_PROXY}",
        ),
        (
            "login",
            lambda: _look_at_login(store, site, base),
            f"Let the proxy pass on the header Authorization. {_PROXY}",
        ),
        (
            "metrics",
            lambda: _look_at_metrics(site, base),
            "Take the proxy's address out of [monitoring] allow, or refuse the path in the proxy.",
        ),
    ]
    findings = []
    for name, look, remedy in checks:
        findings.append(make(f"{name} at {url}", remedy, look))
        if findings[0].result is Result.FAILED:
            break
    return findings


def _look_at_address(site: _Site, base: str) -> str:
    answer = site.ask("PROPFIND", f"{base}/")
    if answer.status in {301, 302, 307, 308}:
        target = answer.headers["Location"]
        raise BadError(f"it leads on to {target}", "Tell people that URL instead.")
    challenge = answer.headers.get("WWW-Authenticate", "")
    if answer.status != 401 or not challenge.lower().startswith("basic realm="):
        raise BadError(
            f"PROPFIND without a password is answered with {answer.status}, not with the question "
            "for one",
            f"Let the proxy pass on PROPFIND to sharedbooks, and nothing ask before it. {_PROXY}",
        )
    if site.url.scheme != "https" and not _is_loopback(site.url.hostname or ""):
        raise BadError(
            "passwords go over the network in clear, and Apple's devices send none",
            "Use HTTPS, here or in a proxy.",
        )
    return challenge


def _look_at_discovery(site: _Site) -> str:
    answer = site.ask("PROPFIND", _WELL_KNOWN)
    if answer.status == 401:
        return "answered in place"
    if answer.status in {301, 302, 307, 308}:
        return f"leads to {answer.headers['Location']}"
    raise BadError(f"{_WELL_KNOWN} is answered with {answer.status}")


def _look_at_methods(site: _Site, base: str) -> str:
    answer = site.ask("OPTIONS", f"{base}/")
    classes = {each.strip() for each in answer.headers.get("DAV", "").split(",")}
    methods = {each.strip() for each in answer.headers.get("Allow", "").split(",")}
    if answer.status != 200 or "addressbook" not in classes:
        raise BadError(f"OPTIONS is answered with {answer.status}, without the class addressbook")
    missing = {"PROPFIND", "REPORT", "PUT", "DELETE"} - methods
    if missing:
        raise BadError(f"OPTIONS leaves out {', '.join(sorted(missing))}")
    # Proxies that know only the methods of browsers refuse this one by themselves.
    status = site.ask("REPORT", f"{base}/").status
    if status != 401:
        raise BadError(f"REPORT is answered with {status}")
    return "all pass"


def _look_at_login(store: Store, site: _Site, base: str) -> str:
    name = f"doctor-{secrets.token_hex(8)}"
    before = store.database.run_read(_failures)
    token = base64.b64encode(f"{name}:{secrets.token_hex(8)}".encode()).decode()
    answer = site.ask("PROPFIND", f"{base}/", {"Authorization": f"Basic {token}"})
    if answer.status == 429:
        raise DoubtfulError(
            "too many failed logins from this address",
            "Ask again when [auth] throttle_window is over.",
        )
    after = store.database.run_read(_failures)
    if f"account:{name!r}" not in after:
        raise BadError("a name and a password do not arrive at the server with this database")
    seen = [
        subject.removeprefix("address:")
        for subject, failures in after.items()
        if subject.startswith("address:") and failures > before.get(subject, 0)
    ]
    for address in seen:
        store.database.run_write(partial(forget_failure, address=address, login_name=name))
    return _judge_address(store, answer.source, seen)


def _failures(connection: Connection) -> dict[str, int]:
    columns = login_failures.c
    return {row[0]: row[1] for row in connection.execute(select(columns.subject, columns.failures))}


def _judge_address(store: Store, sent_from: str, seen: list[str]) -> str:
    # Of IPv6 addresses the server counts the network.
    networks = [ipaddress.ip_network(each) for each in seen]
    if any(ipaddress.ip_address(sent_from) in network for network in networks):
        return f"arrives, as from {sent_from}"
    shown = ", ".join(seen)
    detail = f"the server saw it come from {shown}, but it was sent from {sent_from}"
    trusted = store.config.server.trusted_proxies
    if any(seen_in.overlaps(proxy) for seen_in in networks for proxy in trusted):
        raise BadError(
            detail,
            "Have the proxy send X-Forwarded-For: now a few wrong passwords lock everybody out.",
        )
    raise DoubtfulError(
        detail,
        f"If {shown} is your proxy, name it in [server] trusted_proxies: now a few wrong passwords "
        "lock everybody out. If it is a router between here and there, all is well.",
    )


def _look_at_metrics(site: _Site, base: str) -> str:
    if site.ask("GET", f"{base}/-/metrics").status == 200:
        raise DoubtfulError("/-/metrics is shown at the public address, at least from here")
    return "not shown"


def _tls_remedy(error: ssl.SSLCertVerificationError) -> str:
    text = error.verify_message.lower()
    if "mismatch" in text or "not valid for" in text:
        return "Get a certificate with this name, or tell people the name that it has."
    if "expired" in text or "not yet valid" in text:
        return "Renew the certificate, and see that whatever serves it has loaded the new one."
    if "self-signed" in text or "self signed" in text:
        return "Get a certificate that devices trust, or install this one's authority on each."
    return "Serve the certificates between yours and the authority too: the full chain."


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
