"""The URL of the database: read, completed with driver, folder and password, and shown masked.

A complaint about a URL never quotes it, because it may hold a password anywhere.
"""

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from sharedbooks.config.values import BadValueError, Kind

MASK = "********"
"""What stands in a dump where a secret was."""

_DRIVERS = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "mysql": "mariadb+pymysql",
}

_QUERY_PASSWORD = re.compile(r"([?&][^=&]*pass[^=&]*=)[^&]*", re.IGNORECASE)


def _read(value: object) -> str:
    url = _parsed(value)
    if url.drivername not in _DRIVERS:
        raise BadValueError(f'names the unknown driver "{url.drivername}"')
    url = url.set(drivername=_DRIVERS[url.drivername])
    if url.drivername == "sqlite":
        _refuse_unusable_file(url)
    else:
        _refuse_unusable_server(url)
    return url.render_as_string(hide_password=False)


DATABASE_URL = Kind(
    '"sqlite:///FILE", "postgresql://USER@HOST/NAME" or "mariadb://USER@HOST/NAME"', _read
)
"""A URL with its driver complete; a relative SQLite file is still relative."""


def _parsed(value: object) -> URL:
    if not isinstance(value, str):
        raise BadValueError("is not text in quotes")
    try:
        return make_url(value)
    except ArgumentError:
        raise BadValueError("is no database URL") from None
    except ValueError:
        raise BadValueError("has a port that is no number") from None


def _refuse_unusable_file(url: URL) -> None:
    if url.host:
        raise BadValueError('has two slashes behind "sqlite:" where three belong')
    # Every worker would have a database in memory of its own.
    if not url.database or url.database.startswith((":memory:", "file:")):
        raise BadValueError("names no database file")


def _refuse_unusable_server(url: URL) -> None:
    if "@" in f"{url.host}{url.database}":
        raise BadValueError('has an "@" in its user name or password, where "%40" stands for it')
    if not url.database:
        raise BadValueError("names no database behind the host")


def with_folder(url: str, folder: Path) -> str:
    """Return ``url`` with a relative SQLite file taken from ``folder``."""
    parsed = make_url(url)
    if parsed.drivername != "sqlite" or parsed.database is None:
        return url
    file = str(folder / parsed.database)
    return parsed.set(database=file).render_as_string(hide_password=False)


def with_password(url: str, password: str) -> str:
    """Return ``url`` with this password."""
    return make_url(url).set(password=password).render_as_string(hide_password=False)


def masked(url: str) -> str:
    """Return ``url`` with ``MASK`` for every password in it."""
    shown = make_url(url).render_as_string().replace(":***@", f":{MASK}@", 1)
    return _QUERY_PASSWORD.sub(rf"\g<1>{MASK}", shown)
