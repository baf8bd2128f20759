"""LDIF to load into a directory (RFC 2849)."""

import re
from base64 import b64encode
from collections.abc import Iterable
from typing import BinaryIO

from tests.support.directories import Attributes

_SAFE = re.compile(rb"(?![ :<])[\x01-\x09\x0b\x0c\x0e-\x7f]*(?<! )\Z")


def write_ldif(file: BinaryIO, entries: Iterable[tuple[str, Attributes]]) -> None:
    """Write (DN, attributes) as LDIF to be added."""
    for dn, attributes in entries:
        file.write(_line("dn", dn))
        for name, values in attributes.items():
            several = [values] if isinstance(values, str | bytes) else values
            file.writelines(_line(name, value) for value in several)
        file.write(b"\n")


def _line(name: str, value: str | bytes) -> bytes:
    octets = value.encode() if isinstance(value, str) else value
    if _SAFE.match(octets):
        return name.encode() + b": " + octets + b"\n"
    return name.encode() + b":: " + b64encode(octets) + b"\n"
