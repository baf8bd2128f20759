"""TLS to the servers of a directory: certificates and the names in them are checked."""

import socket
import ssl

from ldap3 import Connection, Tls

from sharedbooks.config import DirectoryConfig
from sharedbooks.errors import ConfigProblem


def make_context(config: DirectoryConfig) -> ssl.SSLContext:
    """Return what a configured directory trusts and shows, read from its files once.

    Raises:
        ConfigProblem: a file is gone, or holds no certificate or no key that fits it.
    """
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
    except OSError as error:
        raise _problem(config, "ca_file", error) from error
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if config.client_certificate is not None:
        try:
            context.load_cert_chain(config.client_certificate, config.client_key)
        except OSError as error:
            raise _problem(config, "client_certificate", error) from error
    return context


def _problem(config: DirectoryConfig, key: str, error: OSError) -> ConfigProblem:
    reason = error.strerror or str(error)
    return ConfigProblem(
        [f"[directory.{config.name}] {key} cannot be used ({reason}); see that it holds PEM."]
    )


class ContextTls(Tls):
    """ldap3's TLS with a context of ours.

    ldap3 makes a context a connection, sends no server name, and compares names itself, where
    OpenSSL does all three.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(validate=context.verify_mode)
        self._context = context

    def wrap_socket(self, connection: Connection, do_handshake: bool = False) -> None:  # noqa: FBT001, FBT002 - ldap3's signature
        """Put TLS around the socket of ``connection``."""
        # The end of the handshake and the first request are two small packets; the second would
        # wait for the acknowledgement of the first, 40 ms a bind.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.socket = self._context.wrap_socket(
            connection.socket,
            server_hostname=connection.server.host,
            do_handshake_on_connect=do_handshake,
        )
