"""Each request counted and, where the configuration says so, written to the log."""

import logging
import re
import secrets
import time

from sharedbooks.config import LogConfig
from sharedbooks.errors import DirectoryUnavailable, TooManyLogins, Unauthenticated
from sharedbooks.watching import statements
from sharedbooks.watching.clients import client_family
from sharedbooks.watching.logs import Facts, request_facts
from sharedbooks.watching.metrics import (
    LOGINS,
    REQUEST_SECONDS,
    REQUESTS,
    REQUESTS_IN_PROGRESS,
    SLOW_REQUESTS,
)
from sharedbooks_radicale.request import Edge, Environ, Request, peer_address

_access = logging.getLogger("sharedbooks.access")
_slow = logging.getLogger("sharedbooks.slow")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._~+/=:-]{1,64}")
_LONGEST = 512
"""Characters shown of what a client sends."""


class Exchange:
    """One request, from its arrival to its answer.

    Attributes:
        id: names it in the log and in the answer; a trusted proxy may have given it.
        started: when it arrived, by ``time.perf_counter``.
        request: what it asks, once that has been read.
        status: of the answer, once there is one.
    """

    __slots__ = ("_environ", "id", "request", "started", "status")

    def __init__(self, environ: Environ, name: str) -> None:
        self.started = time.perf_counter()
        self._environ = environ
        self.id = name
        self.request: Request | None = None
        self.status = 0

    @property
    def method(self) -> str:
        """The method, as it came."""
        method: str = self._environ["REQUEST_METHOD"]
        return method

    @property
    def agent(self) -> str:
        """The client's User-Agent."""
        agent: str = self._environ.get("HTTP_USER_AGENT", "")
        return agent

    def facts(self) -> Facts:
        """Return what a line of the log may tell; neither query nor header with a secret."""
        request = self.request
        member = None if request is None else request.member
        path = self._environ.get("SCRIPT_NAME", "") + self._environ.get("PATH_INFO", "")
        address = peer_address(self._environ) if request is None else request.origin.address
        return {
            "request_id": self.id,
            "method": self.method[:_LONGEST],
            "path": path.encode("latin-1", "replace").decode(errors="replace")[:_LONGEST],
            "address": address,
            "user": "" if member is None else member.user.name,
            "device": "" if member is None else member.device,
            "client": client_family(self.agent),
            "user_agent": self.agent[:_LONGEST],
        }


class RequestWatch:
    """Counts requests, and writes the lines of the log that they are worth.

    Args:
        log: what the configuration says about the log.
        edge: whose names for requests are taken over.
    """

    def __init__(self, log: LogConfig, edge: Edge) -> None:
        self._access_level = logging.INFO if log.access else logging.DEBUG
        self._slow_seconds = log.slow_request
        self._edge = edge

    def begin(self, environ: Environ) -> Exchange:
        """Note that a request has arrived."""
        exchange = Exchange(environ, self._name(environ))
        request_facts.set(exchange.facts)
        REQUESTS_IN_PROGRESS.count()
        if self._slow_seconds:
            statements.begin()
        return exchange

    def _name(self, environ: Environ) -> str:
        given: str | None = environ.get("HTTP_X_REQUEST_ID")
        if given and _REQUEST_ID.fullmatch(given) and self._edge.trusts(peer_address(environ)):
            return given
        # A number that counts up would tell strangers how much is asked here.
        return secrets.token_hex(8)

    def end(self, exchange: Exchange, status: int) -> None:
        """Note that the answer is ready to be sent."""
        seconds = time.perf_counter() - exchange.started
        exchange.status = status
        method = exchange.method
        REQUESTS_IN_PROGRESS.count(by=-1)
        REQUESTS.count(method, str(status), client_family(exchange.agent))
        REQUEST_SECONDS.observe(seconds, method)
        if exchange.request is not None:
            outcome = _login_outcome(exchange.request)
            if outcome is not None:
                LOGINS.count(outcome)
        if _access.isEnabledFor(self._access_level):
            self._log_access(exchange, seconds)
        if self._slow_seconds and seconds > self._slow_seconds:
            SLOW_REQUESTS.count()
            _log_slow(exchange, seconds)

    def _log_access(self, exchange: Exchange, seconds: float) -> None:
        facts = exchange.facts()
        _access.log(
            self._access_level,
            "%s %r %r %s %s %r: %d in %.1f ms (request %s)",
            *(facts[name] for name in ("address", "user", "device", "client", "method", "path")),
            exchange.status,
            seconds * 1000,
            exchange.id,
            extra={"facts": _measured(exchange, seconds)},
        )


def _log_slow(exchange: Exchange, seconds: float) -> None:
    facts = exchange.facts()
    longest = statements.summary()
    shown = "; ".join(f"{n} x {total * 1000:.1f} ms {text}" for text, n, total in longest)
    _slow.warning(
        "slow request %s: %s %r of %r (%s) took %.1f ms; statements: %s",
        exchange.id,
        *(facts[name] for name in ("method", "path", "user", "client")),
        seconds * 1000,
        shown or "none",
        extra={
            "facts": {
                **_measured(exchange, seconds),
                "statements": [
                    {"statement": text, "times": number, "ms": round(total * 1000, 1)}
                    for text, number, total in longest
                ],
            }
        },
    )


def _measured(exchange: Exchange, seconds: float) -> dict[str, object]:
    return {"status": exchange.status, "ms": round(seconds * 1000, 1)}


def _login_outcome(request: Request) -> str | None:
    """Return what became of the login; None where none was asked for."""
    failure = request.failure
    if request.member is not None:
        return "device" if request.member.device else "password"
    if isinstance(failure, Unauthenticated):
        return "none" if request.credentials is None else "refused"
    if isinstance(failure, TooManyLogins):
        return "throttled"
    return "unavailable" if isinstance(failure, DirectoryUnavailable) else None
