"""``make run``: a demo organisation, made once in ./demo, and a server for it.

Started again, it goes on with the data there is; what was deleted by hand is made anew.
"""
# ruff: noqa: INP001 - a script, no package

import os
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent
from typing import NoReturn

import click
from demo_contacts import Contact, make_contacts, make_group_card
from sqlalchemy import URL, Connection

from sharedbooks.config import AuthConfig, Config, load_config
from sharedbooks.db.engine import Database
from sharedbooks.db.upgrade import upgrade_schema
from sharedbooks.domain.books import add_book, get_book
from sharedbooks.domain.bulk import store_cards
from sharedbooks.domain.credentials import PasswordHasher, set_password
from sharedbooks.domain.grants import set_grant
from sharedbooks.domain.history import Actor
from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.domain.principals import PrincipalKind, add_member, add_principal, get_grantee
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME
from sharedbooks.errors import ConfigProblem, SharedbooksError
from sharedbooks.exchange.files import replacing
from sharedbooks.identifiers import parse_book_reference, parse_grantee_reference
from sharedbooks.runtime import open_database
from sharedbooks.serving import check_port_free

_FOLDER = Path(__file__).parents[1] / "demo"
_CONFIG_NAME = "sharedbooks.toml"
_DATABASE_NAME = "sharedbooks.db"
_MAX_CARD_SIZE = 10 * 1024 * 1024
_EVERY_ADDRESS = {"0.0.0.0", "::"}  # noqa: S104 - compared with, never listened on
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

_CONFIG = """\
# The demo of 'make run', made once: change what you like. docs/configuration.md has every option.

[server]
# For phones in your network: "0.0.0.0". Whoever reaches the port can log in, since everybody can
# read the demo's passwords in its source.
host = "127.0.0.1"
port = 5232

# With TLS; iPhones and Macs send no password without.
#tls_certificate = "tls.crt"
#tls_key = "tls.key"

[database]
url = "sqlite:///sharedbooks.db"
"""


@dataclass(frozen=True, slots=True)
class User:
    """An account of the demo, with what its member finds."""

    name: str
    display_name: str
    groups: tuple[str, ...]
    finds: str

    @property
    def password(self) -> str:
        """The same in every demo; only programs on this machine reach the server."""
        return f"{self.name}-demo"


@dataclass(frozen=True, slots=True)
class DemoBook:
    """A book of the demo: its grants, and how many cards each user has added."""

    name: str
    display_name: str
    description: str
    grants: tuple[tuple[str, str], ...]
    domain: str
    added_by: tuple[tuple[str, int], ...]


USERS = (
    User(
        "alice",
        "Alice Åkesson",
        ("sales", "office"),
        "Customers (write), Suppliers (edit-own), Company (read)",
    ),
    User(
        "bob",
        "Bob Müller",
        ("sales", "office"),
        "Customers (write), Suppliers (edit-own), Company (read)",
    ),
    User(
        "carol",
        "Carol Sánchez",
        ("office",),
        "Customers (read), Suppliers (edit-own), Company (manage)",
    ),
    User(
        "dave",
        "Dave Οικονόμου",
        ("office",),
        "Customers (read), Suppliers (edit-own), Company (read)",
    ),
)

GROUPS = (("sales", "Sales"), ("office", "Everyone in the office"))

BOOKS = (
    DemoBook(
        "customers",
        "Customers",
        "Sales writes, everyone reads.",
        (("group:sales", "write"), ("group:office", "read")),
        "example.com",
        (("alice", 90), ("bob", 60)),
    ),
    DemoBook(
        "suppliers",
        "Suppliers",
        "Everyone adds, and changes what they have added.",
        (("group:office", "edit-own"),),
        "example.net",
        (("alice", 20), ("carol", 20), ("dave", 20)),
    ),
    DemoBook(
        "company",
        "Company",
        "Who works here; Carol keeps it.",
        (("user:carol", "manage"), ("group:office", "read")),
        "example.org",
        (("carol", 90),),
    ),
)

_GROUP_CARD = ("customers", "Key accounts", 12)


def make_demo(folder: Path) -> bool:
    """Make configuration and database in ``folder`` where they are missing; return if any was.

    A database that an older version has made is brought up to the present schema.

    Raises:
        SharedbooksError: what is there cannot be used.
    """
    folder.mkdir(parents=True, exist_ok=True)
    database, config = folder / _DATABASE_NAME, folder / _CONFIG_NAME
    missing = [path for path in (database, config) if not path.exists()]
    if database in missing:
        _make_database(database)
    if config in missing:
        with replacing(config) as file:
            file.write(_CONFIG.encode())
    with closing(open_database(load_config(config))) as opened:
        upgrade_schema(opened)
    return bool(missing)


def _make_database(path: Path) -> None:
    # Under another name until it is complete: whoever interrupts us finds no half a demo.
    part = path.with_name("part.db")
    for leftover in path.parent.glob("part.db*"):
        leftover.unlink()
    url = URL.create("sqlite", database=str(part))
    with closing(Database(url)) as database:
        upgrade_schema(database)
        database.run_write(_populate)
    part.replace(path)


def _populate(connection: Connection) -> None:
    hasher = PasswordHasher(AuthConfig().password_scheme)
    groups = {
        name: add_principal(connection, PrincipalKind.GROUP, name, display_name=display_name)
        for name, display_name in GROUPS
    }
    actors = {}
    for user in USERS:
        made = add_principal(
            connection,
            PrincipalKind.USER,
            user.name,
            display_name=user.display_name,
            email=f"{user.name}@example.org",
        )
        set_password(connection, made, hasher.hash(user.password))
        actors[user.name] = Actor(made.id, made.name, "", "demo")
        for group in user.groups:
            add_member(connection, groups[group], made)
    for book in BOOKS:
        _add_book(connection, book, actors)


def _add_book(connection: Connection, book: DemoBook, actors: dict[str, Actor]) -> None:
    made = add_book(
        connection,
        parse_book_reference(book.name),
        display_name=book.display_name,
        description=book.description,
    )
    for grantee, privilege in book.grants:
        principal = get_grantee(connection, parse_grantee_reference(grantee))
        set_grant(connection, made, principal, PRIVILEGES_BY_NAME[privilege])
    contacts = make_contacts(book.name, sum(count for _, count in book.added_by), book.domain)
    start = 0
    for user, count in book.added_by:
        _store(connection, book, actors[user], contacts[start : start + count])
        start += count
    group_book, name, members = _GROUP_CARD
    if book.name == group_book:
        _store(
            connection,
            book,
            actors[book.added_by[0][0]],
            [make_group_card(book.name, name, contacts[:members])],
        )


def _store(
    connection: Connection, book: DemoBook, actor: Actor, contacts: Sequence[Contact]
) -> None:
    prepared = [prepare_card(each.octets, max_size=_MAX_CARD_SIZE) for each in contacts]
    stored = get_book(connection, parse_book_reference(book.name))
    store_cards(connection, stored.id, actor, prepared)


def welcome(config: Config, port: int) -> str:
    """Return what to do now: address, accounts, and what to type into each program."""
    scheme = "https" if config.server.tls_certificate else "http"
    host = "127.0.0.1" if config.server.host in _EVERY_ADDRESS else config.server.host
    place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    url = f"{scheme}://{place}{config.server.prefix}/"
    accounts = "\n".join(f"  {user.name:7} {user.password:11} {user.finds}" for user in (USERS))
    user = USERS[0]
    apple = _APPLE_WITH_TLS if config.server.tls_certificate else _APPLE_WITHOUT_TLS
    warning = "" if config.server.host in _LOOPBACK else _WARNING
    return _WELCOME.format(
        url=url,
        accounts=accounts,
        name=user.name,
        password=user.password,
        port=port,
        scheme=scheme,
        prefix=config.server.prefix,
        apple=apple.format(port=port, name=user.name, password=user.password),
        warning=warning,
    )


_WELCOME = """\

sharedbooks demo at {url}   Ctrl-C stops it; 'make run' goes on with the same data.
{warning}
  Account Password    Finds, beside a personal book "Contacts"
{accounts}

Thunderbird     Address Book > New Address Book > Add CardDAV Address Book
                Username {name}, Location {url}, Continue,
                password {password}, tick the books

Evolution       File > New > Address Book, Type: CardDAV
                URL {url}, User {name}, Find Address Books,
                password {password}; once for each book

KDE             KAddressBook: add an address book of the kind "DAV groupware resource"; cancel
                its assistant to configure by hand: Add, protocol CardDAV,
                URL {url}, user {name}, password {password}, Fetch

Outlook         with CalDav Synchronizer, on this machine: Synchronization Profiles > Add >
                Generic CalDAV/CardDAV. Choose an Outlook contacts folder,
                DAV URL {url}, Username {name}, Password {password},
                Test or discover settings; once for each book

DAVx5           + > Login with URL and user name: user {name}, password {password}, base URL
                in the emulator        {scheme}://10.0.2.2:{port}{prefix}/
                on a phone with a USB cable, after 'adb reverse tcp:{port} tcp:{port}'
                                       {scheme}://127.0.0.1:{port}{prefix}/
                then open the account and tick the books under CardDAV

{apple}
docs/clients.md tells more of each program, and how to let phones in your network reach the demo.

"""

_APPLE_WITHOUT_TLS = dedent("""\
    iPhone, iPad,   send no password over plain http, not even to this machine. Make a
    Mac             certificate and set host, tls_certificate and tls_key in
                    demo/sharedbooks.toml, as "Trying it with a phone" in docs/clients.md
                    shows, and start again. Then: Settings > Apps > Contacts > Contacts
                    Accounts > Add Account > Other > Add CardDAV Account, server
                    NAME-OF-THIS-MACHINE:{port}, user {name}, password {password}
    """)

_APPLE_WITH_TLS = dedent("""\
    iPhone, iPad    Settings > Apps > Contacts > Contacts Accounts > Add Account > Other > Add
                    CardDAV Account: server NAME-OF-THIS-MACHINE:{port}, user {name},
                    password {password}. The name must stand in the certificate, and the device
                    must trust it.
    Mac             System Settings > Internet Accounts > Add Account > Add Other Account >
                    CardDAV account, type Manual: user {name}, password {password}, server
                    NAME-OF-THIS-MACHINE:{port}. Contacts on a Mac shows one book of an account.
    """)

_WARNING = """
Not only this machine can reach the server, and everybody can know these passwords. Change them
with 'sharedbooks --config demo/sharedbooks.toml user password NAME', or go back to 127.0.0.1.
"""


@click.command()
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=_FOLDER,
    help="Where the demo is kept (default: demo in the project).",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    envvar="SHAREDBOOKS_DEMO_PORT",
    help="Port to serve on, instead of the one in its configuration.",
)
def main(folder: Path, port: int | None) -> None:
    """Make the demo organisation if it is not there yet, and serve it."""
    try:
        if make_demo(folder):
            click.echo(f"Made the demo organisation in {folder}.")
        config = load_config(folder / _CONFIG_NAME, serving=True)
        port = port or config.server.port
        _require_port(config.server.host, port)
    except SharedbooksError as error:
        click.echo(str(error), err=True)
        sys.exit(2 if isinstance(error, ConfigProblem) else 1)
    click.echo(welcome(config, port))
    sys.stdout.flush()
    _serve(folder / _CONFIG_NAME, port)


def _require_port(host: str, port: int) -> None:
    try:
        check_port_free(host, port)
    except ConfigProblem as error:
        advice = (
            "If that is a demo started before, it goes on serving; for a second one:"
            f" SHAREDBOOKS_DEMO_PORT={port % 65535 + 1} make run"
        )
        raise ConfigProblem([*error.problems, advice]) from error


def _serve(config: Path, port: int) -> NoReturn:
    """Become the server, so that Ctrl-C and signals reach it and nobody else."""
    # Beside this interpreter: the environment need not be activated.
    program = Path(sys.executable).with_name("sharedbooks")
    arguments = ["--config", str(config), "serve", "--port", str(port)]
    os.execv(program, [str(program), *arguments])  # noqa: S606 - no shell is what we want


if __name__ == "__main__":
    main()
