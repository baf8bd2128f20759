"""How to serve."""

import socket
from dataclasses import dataclass
from pathlib import Path

from sharedbooks.serving.descriptors import FEWEST_CONNECTIONS


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """How to serve.

    Attributes:
        host: address or name to listen on; a name stands for its first address, ``::`` for every
            address of the machine.
        port: TCP port.
        workers: number of worker processes.
        threads: requests a worker handles at the same time. A request whose body is still
            arriving, or whose streamed answer is still being fetched, counts.
        tls_certificate: PEM file with certificate and chain, or None for plain HTTP.
        tls_key: PEM file with the certificate's unencrypted private key.
        backlog: connections the kernel lets wait, at least 128.
        shutdown_timeout: seconds a worker may take to finish its requests before it is killed.
        log_level: ``critical``, ``error``, ``warning``, ``info`` or ``debug``.
        max_connections: connections a worker holds open at a time; more wait in the backlog.
            Each takes a file descriptor.
        inherited: listening sockets that are there already, instead of host and port. Each is
            served by at least one worker; workers beyond their number share them.
    """

    host: str
    port: int
    workers: int = 2
    threads: int = 32
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    backlog: int = 1024
    shutdown_timeout: float = 30.0
    log_level: str = "info"
    max_connections: int = FEWEST_CONNECTIONS
    inherited: tuple[socket.socket, ...] = ()
