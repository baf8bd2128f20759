"""gzip for long answers (RFC 9110, section 8.4.1)."""

import zlib
from collections.abc import Iterator
from dataclasses import replace

from sharedbooks_radicale.response import Response, collect

_WORTH_IT = 1400
"""Octets of a body that one packet may hold anyway."""
_LEVEL = 1
"""A phone's network is slower than this level; higher ones cost more than they save."""
_GZIP = 16 + zlib.MAX_WBITS


def accepts_gzip(accept_encoding: str) -> bool:
    """True if an ``Accept-Encoding`` header allows gzip, with any quality but 0."""
    for part in accept_encoding.lower().split(","):
        coding, _, parameters = part.partition(";")
        if coding.strip() in {"gzip", "x-gzip", "*"}:
            return parameters.replace(" ", "").rstrip("0").rstrip(".") not in {"q=", "q"}
    return False


def compressed(response: Response, accept_encoding: str) -> Response:
    """Return the response compressed if the client takes it and it is worth it.

    Only XML is: cards are short, and their strong ETag stands for their own octets.
    """
    if response.status != 207 or len(response.body) < _WORTH_IT:
        return response
    vary = ", ".join(filter(None, (response.headers.get("Vary"), "Accept-Encoding")))
    headers = {**response.headers, "Vary": vary}
    if not accepts_gzip(accept_encoding):
        return replace(response, headers=headers)
    headers["Content-Encoding"] = "gzip"
    return replace(response, headers=headers, body=collect(_deflate(response)))


def _deflate(response: Response) -> Iterator[bytes]:
    compressor = zlib.compressobj(_LEVEL, wbits=_GZIP)
    for chunk in response.wsgi_body():
        yield compressor.compress(chunk)
    yield compressor.flush()
