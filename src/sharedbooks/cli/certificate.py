"""Until when a TLS certificate is valid, asked of OpenSSL with what Python offers to everyone."""

import ssl
from datetime import UTC, datetime
from pathlib import Path


def certificate_end(certificate: Path, key: Path) -> datetime:
    """Return the end of a certificate's validity.

    Python reads the fields of a certificate only once a peer has shown it and it was trusted, so
    the two ends of a connection are played here, in memory, trusting this certificate itself.

    Raises:
        OSError: a file cannot be read, is no PEM, or the two do not belong together
            (``ssl.SSLError``); the certificate is expired or not valid yet
            (``ssl.SSLCertVerificationError``).
    """
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Without a password given, OpenSSL asks for one on the terminal.
    server_context.load_cert_chain(certificate, key, password="")
    client_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client_context.check_hostname = False
    client_context.load_verify_locations(certificate)
    client_context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = server_context.wrap_bio(to_server, to_client, server_side=True)
    client = client_context.wrap_bio(to_client, to_server)
    while not (_step(client) & _step(server)):
        pass
    shown = client.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)


def _step(end: ssl.SSLObject) -> bool:
    """Go on with a handshake; True when this end has done its part."""
    try:
        end.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
