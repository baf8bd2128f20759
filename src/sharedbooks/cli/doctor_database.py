"""What the doctor asks a database server: its clock, and whether it keeps what it acknowledges."""

import time

from sqlalchemy import Connection, text

from sharedbooks.cli.findings import BadError, Check, DoubtfulError
from sharedbooks.cli.store import Store

_A_SERVER_ALONE = "the database is a file"
_SECONDS_APART, _TOO_FAR_APART = 2, 30
_OTHERS = 10
"""Connections left for backup, maintenance and people."""

_CLOCKS = {
    "postgresql": "SELECT extract(epoch FROM clock_timestamp())",
    "mariadb": "SELECT unix_timestamp(sysdate(6))",
}
_WANTED = {
    "postgresql": {
        "fsync": ("on", "the machine may lose what was stored, and the whole database"),
        "synchronous_commit": ("on", "a crash may lose what was stored"),
        "full_page_writes": ("on", "a crash may destroy the database"),
    },
    "mariadb": {
        "innodb_flush_log_at_trx_commit": ("1", "a crash may lose what was stored"),
        "innodb_doublewrite": ("ON", "a crash may destroy the database"),
    },
}
"""Settings, the value that keeps what is acknowledged, and what happens with another."""

_STRONGER = {("synchronous_commit", value) for value in ("remote_write", "remote_apply")}


def _dialect(store: Store) -> str:
    return "mariadb" if store.database.dialect == "mysql" else store.database.dialect


def _look_at_clock(store: Store) -> str:
    question = _CLOCKS.get(_dialect(store))
    if question is None:
        return _A_SERVER_ALONE

    def ask(connection: Connection) -> float:
        before = time.time()
        found = float(connection.execute(text(question)).scalar_one())
        # Halfway between question and answer.
        return found - (before + time.time()) / 2

    apart = store.database.run_read(ask)
    if abs(apart) < _SECONDS_APART:
        return f"as this machine's, within {_SECONDS_APART} s"
    detail = f"{abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's"
    raise (BadError if abs(apart) > _TOO_FAR_APART else DoubtfulError)(detail)


def _look_at_durability(store: Store) -> str:
    wanted = _WANTED.get(_dialect(store))
    if wanted is None:
        return "kept by sharedbooks itself"
    found = store.database.run_read(lambda connection: _settings(connection, _dialect(store)))
    bad = [
        f"{name} is {found[name]}: {trouble}"
        for name, (value, trouble) in wanted.items()
        if name in found and found[name] != value and (name, found[name]) not in _STRONGER
    ]
    if not bad:
        return "what is acknowledged is kept"
    remedy = "; ".join(f"set {name} to {value}" for name, (value, _) in wanted.items())
    # Nodes of a Galera cluster have each other: a crash of one loses nothing.
    if found.get("wsrep_on") == "ON" and all("doublewrite" not in each for each in bad):
        raise DoubtfulError(f"{'; '.join(bad)}, if all nodes crash at once", f"At best {remedy}.")
    raise BadError("; ".join(bad), f"In the configuration of the database server {remedy}.")


def _look_at_connections(store: Store) -> str:
    if _dialect(store) not in _WANTED:
        return _A_SERVER_ALONE
    found = store.database.run_read(lambda connection: _settings(connection, _dialect(store)))
    allowed = int(found["max_connections"])
    needed = 2 * store.config.server.workers * store.config.database.pool_size + _OTHERS
    detail = f"the database takes {allowed}; this node may want {needed}"
    if allowed < needed:
        raise DoubtfulError(detail)
    return detail


def _look_at_packet(store: Store) -> str:
    if _dialect(store) != "mariadb":
        return "every card fits"
    found = store.database.run_read(lambda connection: _settings(connection, "mariadb"))
    packet, card = int(found["max_allowed_packet"]), store.config.books.max_card_size
    # Octets of a card may be escaped on the way.
    if packet < 2 * card:
        raise DoubtfulError(f"max_allowed_packet is {packet}; a card may have {card} octets")
    return "every card fits"


def _settings(connection: Connection, dialect: str) -> dict[str, str]:
    if dialect == "postgresql":
        rows = connection.execute(text("SELECT name, setting FROM pg_settings"))
    else:
        rows = connection.execute(text("SHOW VARIABLES"))
    return {str(name): str(value) for name, value in rows}


DATABASE_CHECKS = (
    Check(
        "clock of the database",
        _look_at_clock,
        "Keep the clocks of both machines right by NTP.",
        needs="database",
    ),
    Check("durability", _look_at_durability, "", needs="database"),
    Check(
        "connections of the database",
        _look_at_connections,
        "Raise max_connections there, or lower [server] workers or [database] pool_size here.",
        needs="database",
    ),
    Check(
        "size of a card",
        _look_at_packet,
        "Set max_allowed_packet of MariaDB to twice [books] max_card_size, or lower that.",
        needs="database",
    ),
)
