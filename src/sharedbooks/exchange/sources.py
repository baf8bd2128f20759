"""A file to import from: read in pieces, as octets or as text, and over again from its start."""

import codecs
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from typing import IO, BinaryIO, TextIO, cast

_CHUNK_OCTETS = 256 * 1024
_IN_MEMORY = 1024 * 1024


class Source:
    """An open file of contacts.

    Args:
        file: the file, which can be read from any place.
        name: its name without folders; empty for the standard input.
    """

    def __init__(self, file: IO[bytes], name: str) -> None:
        self._file = file
        self.name = name
        self.advance: Callable[[int], None] = lambda _: None

    @property
    def size(self) -> int:
        """How many octets there are."""
        return self._file.seek(0, os.SEEK_END)

    def beginning(self, octets: int) -> bytes:
        """Return so many octets from the start."""
        self._file.seek(0)
        return self._file.read(octets)

    def chunks(self) -> Iterator[bytes]:
        """Yield the octets in order, telling ``advance`` how many."""
        self._file.seek(0)
        while chunk := self._file.read(_CHUNK_OCTETS):
            self.advance(len(chunk))
            yield chunk

    def utf8_chunks(self, encoding: str) -> Iterator[bytes]:
        """Yield the octets in UTF-8, whatever encoding they are in; UTF-8 as it is."""
        if is_utf8(encoding):
            yield from self.chunks()
            return
        decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        for chunk in self.chunks():
            yield decoder.decode(chunk).encode()
        yield decoder.decode(b"", final=True).encode()

    @contextmanager
    def text(self, encoding: str) -> Iterator[TextIO]:
        """Open the text; octets that are not in the encoding become lone surrogates."""
        self._file.seek(0)
        errors = "surrogateescape" if is_utf8(encoding) else "replace"
        reading = _Counting(self._file, self)
        wrapper = TextIOWrapper(
            cast("BinaryIO", reading), encoding=encoding, errors=errors, newline=""
        )
        try:
            yield wrapper
        finally:
            wrapper.detach()

    @contextmanager
    def binary(self) -> Iterator[IO[bytes]]:
        """Give the file itself, at its start."""
        self._file.seek(0)
        yield self._file
        self.advance(self.size)


class _Counting:
    """Passes octets on and counts them; ``TextIOWrapper`` asks for no more than this."""

    closed = False

    def __init__(self, file: IO[bytes], source: Source) -> None:
        self._file = file
        self._source = source

    def read1(self, size: int = -1) -> bytes:
        return self.read(size)

    def read(self, size: int = -1) -> bytes:
        chunk = self._file.read(size)
        self._source.advance(len(chunk))
        return chunk

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def flush(self) -> None:
        """Nothing is written."""


def is_utf8(encoding: str) -> bool:
    """True for UTF-8 under any of its names, with or without a byte order mark."""
    return codecs.lookup(encoding).name in {"utf-8", "utf-8-sig", "ascii"}


@contextmanager
def spooled(stream: IO[bytes]) -> Iterator[IO[bytes]]:
    """Give what a pipe holds as a file; what is large goes to the disk."""
    with tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        shutil.copyfileobj(stream, file)
        file.seek(0)
        yield file
