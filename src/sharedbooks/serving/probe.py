"""Asking a running server whether it can do its work."""

import contextlib
import http.client
import ipaddress
import ssl
from urllib.parse import urlsplit

from sharedbooks.errors import ServerFailed, StoreBusy


def probe(url: str, *, timeout: float) -> None:
    """Ask a running server whether it can do its work.

    On a loopback address any certificate will do, as nobody can stand in between.

    Args:
        url: where the server is, with its prefix: ``https://127.0.0.1:5232/contacts``.
        timeout: seconds each step of the exchange may take.

    Raises:
        StoreBusy: the server runs but cannot do its work now.
        ServerFailed: nothing answers there, or something else does.
    """
    parts = urlsplit(url)
    host, path = parts.hostname or "", parts.path.rstrip("/") + "/-/ready"
    connection = http.client.HTTPConnection(host, parts.port, timeout=timeout)
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if _is_loopback(host):
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=context)
    try:
        with contextlib.closing(connection):
            connection.request("GET", path)
            status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        problem = (
            f"No answer from {url} ({str(error) or type(error).__name__}); is the server running?"
        )
        raise ServerFailed(problem) from error
    if status == http.client.SERVICE_UNAVAILABLE:
        raise StoreBusy(f"The server at {url} runs but cannot reach its database; see its log.")
    if status != http.client.OK:
        raise ServerFailed(f"{url} answers with status {status}; is it a sharedbooks server?")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
