"""Rules over more than one option, and over the files that options name."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from sharedbooks.config.options import Config
from sharedbooks.config.values import BadValueError

_CREDENTIALS = "CREDENTIALS_DIRECTORY"
_CREDENTIALS_SPELLINGS = {f"${_CREDENTIALS}", f"${{{_CREDENTIALS}}}"}

_CERTIFICATE = ("server", "tls_certificate")
_KEY = ("server", "tls_key")
_URL = ("database", "url")
_PASSWORD_FILE = ("database", "password_file")
_MAX_BODY = ("server", "max_body")
_MAX_CARD_SIZE = ("books", "max_card_size")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with several options together.

    Attributes:
        options: section and key of each option involved.
        sentence: what is wrong, with the remedy.
    """

    options: tuple[tuple[str, str], ...]
    sentence: str


def cross_check(config: Config) -> Iterator[Complaint]:
    """Yield what is wrong between options that are each fine by themselves."""
    yield from _check_tls(config)
    yield from _check_password(config)
    if config.books.max_card_size > config.server.max_body:
        yield Complaint(
            (_MAX_CARD_SIZE, _MAX_BODY),
            "[books] max_card_size is larger than [server] max_body, so that such a card could "
            "never arrive; lower the one or raise the other.",
        )


def _check_tls(config: Config) -> Iterator[Complaint]:
    server = config.server
    if server.tls_certificate and not server.tls_key:
        yield Complaint(
            (_CERTIFICATE, _KEY),
            "[server] tls_certificate needs tls_key; name the file with its private key there.",
        )
    if server.tls_key and not server.tls_certificate:
        yield Complaint(
            (_KEY, _CERTIFICATE),
            "[server] tls_key needs tls_certificate; name the file with the certificate there.",
        )


def _check_password(config: Config) -> Iterator[Complaint]:
    if config.database.password_file is None:
        return
    url = make_url(config.database.url)
    if url.drivername == "sqlite":
        trouble = "SQLite knows no password; remove password_file, or correct url."
    elif url.password is not None:
        trouble = "url holds a password too; remove one of the two."
    elif not url.username:
        trouble = "url names no user it could belong to; write the user name in front of the host."
    else:
        return
    yield Complaint((_PASSWORD_FILE, _URL), f"[database] password_file is set, but {trouble}")


def locate(path: Path, folder: Path) -> Path:
    """Return ``path`` as it is meant in a file of ``folder``: absolute, systemd's folder filled in.

    Without ``$CREDENTIALS_DIRECTORY`` in the environment the variable stays, because who only
    runs a command need not have the server's private key; ``read_file`` explains it.
    """
    credentials = os.environ.get(_CREDENTIALS)
    if credentials and not _CREDENTIALS_SPELLINGS.isdisjoint(path.parts[:1]):
        return Path(credentials, *path.parts[1:])
    return folder / path


def read_file(path: Path) -> bytes:
    """Return the content of a file an option names.

    Raises:
        BadValueError: it cannot be read; with the remedy.
    """
    if not _CREDENTIALS_SPELLINGS.isdisjoint(path.parts):
        raise BadValueError(
            f"begins with ${_CREDENTIALS}, which is not set here; systemd sets it for a service "
            "with LoadCredential=, elsewhere write the path of a file"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadValueError(
            f"names {path}, which cannot be read ({error.strerror}); see that the file exists and "
            "that the user who runs sharedbooks may read it"
        ) from None


def read_password(path: Path) -> str:
    """Return the password in a file; line ends behind it do not count.

    Raises:
        BadValueError: the file cannot be read, or holds no single line; with the remedy.
    """
    try:
        password = read_file(path).decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadValueError(f"names {path}, which is not UTF-8; save it in that encoding") from None
    if not password or "\n" in password:
        raise BadValueError(
            f"names {path}, which does not hold exactly one line; write the password in it and "
            "nothing else"
        )
    return password
