"""Listening sockets and TLS files, checked before a worker needs them."""

import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Iterator

from sharedbooks.errors import ConfigProblem
from sharedbooks.serving.options import ServeOptions

_KERNEL_LIMITS = (
    # Phones vanish without a word: find out after some two minutes of silence.
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15),
    (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4),
    # An answer that nobody takes off the wire for this long (milliseconds) is given up.
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 120_000),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
)
_BIND_REMEDIES = {
    errno.EADDRINUSE: "stop the program that listens there or choose another [server] port",
    errno.EADDRNOTAVAIL: "give [server] host an address of this machine",
    errno.EACCES: "choose a [server] port above 1023 or let the service bind low ports",
}


def check_port_free(host: str, port: int) -> None:
    """Find out whether a server could listen there now.

    Raises:
        ConfigProblem: it could not.
    """
    _bind(host, port, backlog=1, shared=False).close()


@contextlib.contextmanager
def listening(options: ServeOptions) -> Iterator[list[socket.socket]]:
    """Give one listening socket for each worker, all on the same port.

    Raises:
        ConfigProblem: the address cannot be bound, or there are more inherited sockets than
            workers.
    """
    if options.inherited:
        yield _shared_out(options)
        return
    # A shared port would let a second server in, so it must be free for one that does not share.
    check_port_free(options.host, options.port)
    with contextlib.ExitStack() as stack:
        sockets = []
        for _ in range(options.workers):
            listener = _bind(options.host, options.port, options.backlog, shared=True)
            stack.enter_context(listener)
            _set_limits(listener)
            sockets.append(listener)
        yield sockets


def _shared_out(options: ServeOptions) -> list[socket.socket]:
    inherited, workers = options.inherited, options.workers
    if len(inherited) > workers:
        # What waits at a socket without a worker would wait for ever.
        problem = (
            f"There are {len(inherited)} sockets from the service manager but only {workers} "
            f"workers; set [server] workers to {len(inherited)}, or take lines ListenStream= out "
            "of sharedbooks.socket."
        )
        raise ConfigProblem([problem])
    for listener in inherited:
        _set_limits(listener)
    return [inherited[number % len(inherited)] for number in range(workers)]


def _set_limits(listener: socket.socket) -> None:
    for level, name, value in _KERNEL_LIMITS:
        listener.setsockopt(level, name, value)


def _bind(host: str, port: int, backlog: int, *, shared: bool) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        every = host == "::"
        return socket.create_server(
            address[:2], family=family, backlog=backlog, reuse_port=shared, dualstack_ipv6=every
        )
    except OSError as error:
        raise ConfigProblem([_bind_problem(host, port, error)]) from error


def _bind_problem(host: str, port: int, error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return f"The host name {host!r} is unknown; give [server] host an address of this machine."
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    number = error.errno or 0
    remedy = _BIND_REMEDIES.get(number, "correct [server] host and port")
    return f"Cannot listen on {place} ({os.strerror(number).lower()}); {remedy}."


def check_tls_files(options: ServeOptions) -> None:
    """Find out whether the TLS files can be used.

    Raises:
        ConfigProblem: they cannot be read, or the key is not the certificate's.
    """
    certificate, key = options.tls_certificate, options.tls_key
    if certificate is None or key is None:
        return
    try:
        for path in (certificate, key):
            path.read_bytes()
        # Without a password given, OpenSSL asks for one on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        reason = (error.reason or "not in PEM format").replace("_", " ").lower()
        problem = (
            f"The TLS files {certificate} and {key} cannot be used together ({reason}); give a "
            "PEM certificate and its own private key, without a password."
        )
        raise ConfigProblem([problem]) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        problem = f"Cannot read the TLS file {error.filename} ({reason}); correct path or rights."
        raise ConfigProblem([problem]) from error
