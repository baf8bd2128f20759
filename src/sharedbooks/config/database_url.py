"""The URL of the database: read, completed with driver, folder and password, and shown masked.

A complaint about a URL never quotes it, because it may hold a password anywhere. Where several
hosts are named, ``a:5432,b:5432``, they stand in the query of what was read, as SQLAlchemy has it:
``host=a:5432&host=b:5432``.
"""

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

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

_WANTED = "target_session_attrs"
_SEVERAL_HOSTS = re.compile(r"([^:/]+://(?:[^/@]*@)?)([^/?@]*,[^/?@]*)(/[^?]*)?(?:\?(.*))?")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[^\[\]:,\s]+)(?::([0-9]*))?")
_HOSTS_HERE = "hosts.invalid"

_QUERY_PASSWORD = re.compile(r"([?&][^=&]*pass[^=&]*=)[^&]*", re.IGNORECASE)


class Host(NamedTuple):
    """Where a database server listens; without a port at the usual one."""

    name: str
    port: int | None


def several_hosts(url: URL) -> list[Host]:
    """Return the hosts of a URL that names more than one, in its order; else nothing.

    Raises:
        ValueError: one of them is no host.
    """
    named = url.query.get("host", ())
    return [] if isinstance(named, str) else [_host(text) for text in named]


def _host(text: str) -> Host:
    found = _HOST.fullmatch(text)
    if found is None:
        raise ValueError("no HOST or HOST:PORT")
    name, port = found.groups()
    return Host(name.strip("[]"), int(port) if port else None)


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
    several = _SEVERAL_HOSTS.fullmatch(value)
    try:
        return make_url(value if several is None else _as_sqlalchemy_has_it(*several.groups("")))
    except ArgumentError:
        raise BadValueError("is no database URL") from None
    except ValueError:
        raise BadValueError("has a port that is no number") from None


def _as_sqlalchemy_has_it(front: str, hosts: str, name: str, query: str) -> str:
    # An empty one would be left out without a word.
    named = [f"host={quote(host or ',')}" for host in hosts.split(",")]
    return f"{front}{name}?{'&'.join(filter(None, [*named, query]))}"


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
    _refuse_unusable_hosts(url)


def _refuse_unusable_hosts(url: URL) -> None:
    try:
        hosts = several_hosts(url)
    except ValueError:
        raise BadValueError("has among its hosts one that is no HOST or HOST:PORT") from None
    wanted = url.query.get(_WANTED)
    if hosts and wanted not in {None, "read-write", "primary"}:
        raise BadValueError(f'has a {_WANTED} that is not "read-write"')


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
    parsed = make_url(url)
    several = parsed.query.get("host", ())
    if not isinstance(several, str) and several:
        parsed = parsed.difference_update_query(["host"]).set(host=_HOSTS_HERE)
    shown = parsed.render_as_string().replace(":***@", f":{MASK}@", 1)
    if several:
        shown = shown.replace(_HOSTS_HERE, ",".join(several), 1)
    return _QUERY_PASSWORD.sub(rf"\g<1>{MASK}", shown)
