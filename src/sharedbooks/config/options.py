"""The table of options: a dataclass per section, a field per option, with all there is to know.

A field's type is what the program gets; ``option`` adds how the value is written in the file, its
default as written there, and its meaning. ``OPTIONS`` is the same table as a flat list.
Directories, of which there may be any number, have a table of their own.
"""
# ruff: noqa: RUF009 - option() is dataclasses.field() with this table's columns

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from sharedbooks.config.database_url import DATABASE_URL, masked
from sharedbooks.config.directory_options import DirectoryConfig
from sharedbooks.config.option import Option, option
from sharedbooks.config.values import (
    FILE_PATH,
    FLAG,
    HOST,
    LABEL,
    NETWORKS,
    PREFIX,
    REALM,
    RESOURCE_NAME,
    LogFormat,
    LogLevel,
    Network,
    PasswordScheme,
    choice,
    duration,
    size,
    whole_number,
)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How the server listens and answers. Sizes in bytes, durations in seconds."""

    host: str = option(
        "127.0.0.1",
        HOST,
        "Address the server listens on; 0.0.0.0 or :: for every address of the machine.",
    )
    port: int = option(5232, whole_number(1, 65535), "Port the server listens on.")
    workers: int = option(2, whole_number(1, 512), "Number of server processes.")
    threads: int = option(
        32,
        whole_number(1, 512),
        "Number of requests each worker process answers at a time; a slow upload counts as one.",
    )
    backlog: int = option(
        1024,
        whole_number(128, 65535),
        "Number of connections the kernel keeps waiting while every worker is busy.",
    )
    tls_certificate: Path | None = option(
        None,
        FILE_PATH,
        "File with the TLS certificate and its chain (PEM), for HTTPS without a proxy in front.",
        example="/etc/sharedbooks/tls.crt",
    )
    tls_key: Path | None = option(
        None,
        FILE_PATH,
        "File with the private key of the TLS certificate (PEM).",
        example="/etc/sharedbooks/tls.key",
    )
    trusted_proxies: tuple[Network, ...] = option(
        ["127.0.0.1", "::1"],
        NETWORKS,
        "Addresses or networks (CIDR) of proxies whose headers X-Forwarded-For, X-Forwarded-Host "
        "and X-Script-Name are believed.",
    )
    prefix: str = option(
        "",
        PREFIX,
        'URL path in front of every address of the server, such as "/dav".',
    )
    max_body: int = option("64 MiB", size("1 KiB", "4 GiB"), "Largest body of a request.")
    shutdown_timeout: int = option(
        "30 s",
        duration("1 s", "30 min"),
        "How long running requests may take to finish when the server stops.",
    )
    realm: str = option("sharedbooks", REALM, "Name of the server in a client's login prompt.")


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """Where the books are kept.

    ``url`` is complete once loaded: driver, absolute SQLite file, and the password.
    """

    url: str = option(
        "sqlite:///sharedbooks.db",
        DATABASE_URL,
        "The database: sqlite:///FILE, postgresql://USER@HOST/NAME or mariadb://USER@HOST/NAME. "
        "A relative SQLite file is taken from the folder of this file; several hosts are written "
        "HOST,HOST.",
        mask=masked,
    )
    password_file: Path | None = option(
        None,
        FILE_PATH,
        "File that holds the password for the database, so that it need not stand in the URL.",
        example="/etc/sharedbooks/database-password",
    )
    pool_size: int = option(
        10,
        whole_number(1, 1000),
        "Database connections each worker process may hold for reading, and as many again for "
        "writing.",
    )
    busy_timeout: int = option(
        "30 s",
        duration("1 s", "1 h"),
        "How long a writer waits for another one before the client is told to try again.",
    )
    answer_timeout: int = option(
        "20 s",
        duration("2 s", "1 h"),
        "How long a database server may take for a statement before the client is told to try "
        "again; commands wait as long as it takes.",
    )


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """How people log in. Durations in seconds."""

    login_cache: int = option(
        "10 min",
        duration("0 s", "1 d"),
        "How long a successful login is remembered; a changed password ends at once all the same. "
        "0 turns it off.",
    )
    password_scheme: PasswordScheme = option(
        "argon2", choice(PasswordScheme), "How new passwords are hashed: argon2 or bcrypt."
    )
    throttle_failures: int = option(
        10,
        whole_number(1, 10000),
        "Number of failed logins from an address or to an account within throttle_window after "
        "which further ones are refused.",
    )
    throttle_window: int = option(
        "15 min", duration("1 s", "7 d"), "How long a failed login counts."
    )
    minimum_password_length: int = option(
        8, whole_number(1, 64), "Fewest characters of a new password."
    )


@dataclass(frozen=True, slots=True)
class BooksConfig:
    """Address books and cards. Sizes in bytes."""

    personal_name: str = option(
        "contacts",
        RESOURCE_NAME,
        "Last part of the URL of the personal book every user has from the first login on.",
    )
    personal_display_name: str = option(
        "Contacts", LABEL, "Name of the personal book as apps show it."
    )
    max_card_size: int = option(
        "10 MiB", size("1 KiB", "1 GiB"), "Largest card that is kept, photo included."
    )
    keep_versions: int = option(
        "0 d",
        duration("0 d", "36500 d"),
        "How long earlier versions of cards are kept, where a book says nothing else; 0 is for "
        "ever.",
    )
    keep_trash: int = option(
        "365 d",
        duration("0 d", "36500 d"),
        "How long deleted cards and books are kept, where a book says nothing else; 0 is for ever.",
    )
    mass_deletion: int = option(
        5000,
        whole_number(0, 10_000_000),
        "Number of cards that a device deletes from a book within mass_deletion_window after which "
        "the log has a warning; 0 turns it off.",
    )
    mass_deletion_window: int = option(
        "30 min", duration("1 s", "7 d"), "How long a deletion counts for that warning."
    )


@dataclass(frozen=True, slots=True)
class LogConfig:
    """What the server writes to its log."""

    level: LogLevel = option(
        "info",
        choice(LogLevel),
        "Least important messages that are written: debug, info, warning or error.",
    )
    format: LogFormat = option(
        "text", choice(LogFormat), "Form of a log line: text for people, json for programs."
    )
    access: bool = option(
        default=False,
        kind=FLAG,
        meaning="Whether each request is a line of its own at level info; else it is one at debug.",
    )
    slow_request: int = option(
        "0 s",
        duration("0 s", "1 h"),
        "A request that takes longer is a warning, with its statements and their times; 0 turns it "
        "off, and then no statement is timed.",
    )


@dataclass(frozen=True, slots=True)
class MonitoringConfig:
    """Who may look at the server's numbers."""

    allow: tuple[Network, ...] = option(
        [],
        NETWORKS,
        "Addresses or networks (CIDR) of clients that are shown /-/metrics; nobody else sees that "
        "it is there.",
    )


@dataclass(frozen=True, slots=True)
class Config:
    """The whole configuration; ``Config()`` holds the defaults.

    Attributes:
        directories: one for each ``[directory.NAME]``, in the order of the file.
        source: absolute path of the file it was loaded from; None when from none.
        set_in_file: section and key of each option the file sets, such as ``("log", "level")`` or
            ``("directory.corp", "servers")``.
    """

    server: ServerConfig = ServerConfig()
    database: DatabaseConfig = DatabaseConfig()
    auth: AuthConfig = AuthConfig()
    books: BooksConfig = BooksConfig()
    log: LogConfig = LogConfig()
    monitoring: MonitoringConfig = MonitoringConfig()
    directories: tuple[DirectoryConfig, ...] = ()
    source: Path | None = None
    set_in_file: frozenset[tuple[str, str]] = frozenset()


SECTIONS: dict[str, type[Any]] = {
    "server": ServerConfig,
    "database": DatabaseConfig,
    "auth": AuthConfig,
    "books": BooksConfig,
    "log": LogConfig,
    "monitoring": MonitoringConfig,
}
"""The dataclass of each section, in the order people read them."""

OPTIONS = tuple(
    Option(section, column.name, **column.metadata)
    for section, shape in SECTIONS.items()
    for column in fields(shape)
)
"""Every option but those of directories, in the order of the file."""
