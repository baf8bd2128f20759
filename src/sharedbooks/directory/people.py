"""People of a directory, and the users they are here."""

import unicodedata
from datetime import UTC, datetime

from sqlalchemy import Connection

from sharedbooks.config import DirectoryConfig
from sharedbooks.directory.accounts import ACCOUNT_ATTRIBUTES, account_bar
from sharedbooks.directory.entries import Entry
from sharedbooks.domain.directory_principals import DirectoryPrincipal, put_user
from sharedbooks.domain.principals import Principal
from sharedbooks.errors import InvalidName
from sharedbooks.identifiers import MAX_NAME_LENGTH, parse_principal_name


def person_attributes(config: DirectoryConfig) -> tuple[str, ...]:
    """Return the attributes that ``read_person`` and ``ensure_user`` want to see."""
    named = (
        config.id_attribute,
        config.name_attribute,
        config.display_name_attribute,
        config.mail_attribute,
    )
    return tuple(dict.fromkeys((*named, *ACCOUNT_ATTRIBUTES)))


def read_person(config: DirectoryConfig, entry: Entry) -> DirectoryPrincipal:
    """Return the user that ``entry`` describes.

    Raises:
        InvalidName: it has no stable id, or no name that can be used here.
    """
    source_id = stable_id(config, entry)
    name = entry.text(config.name_attribute)
    if name is None:
        raise InvalidName(f"{entry.dn} has no {config.name_attribute} to be called by.")
    return DirectoryPrincipal(
        source_id=source_id,
        name=parse_principal_name(qualified(config, name.strip())),
        display_name=one_line(entry.text(config.display_name_attribute) or name),
        email=one_line(entry.text(config.mail_attribute) or ""),
        dn=entry.dn,
        bar=account_bar(entry, datetime.now(UTC)),
    )


def ensure_user(connection: Connection, config: DirectoryConfig, entry: Entry) -> Principal:
    """Return the user for ``entry``, made or brought up to date; write only what differs.

    Who was renamed or moved in the directory is found by their stable id and keeps their home.

    Raises:
        InvalidName: it has no stable id, or no name that can be used here.
        Conflict: the name belongs to somebody else.
    """
    return put_user(connection, config.name, read_person(config, entry))


def stable_id(config: DirectoryConfig, entry: Entry) -> str:
    """Return the id that the entry keeps for as long as it exists.

    Raises:
        InvalidName: it has none.
    """
    found = entry.identity(config.id_attribute)
    if not found or len(found) > MAX_NAME_LENGTH:
        raise InvalidName(f"{entry.dn} has no {config.id_attribute} to be known by.")
    return found


def qualified(config: DirectoryConfig, name: str) -> str:
    """Return ``name`` as a principal of this directory is called."""
    return f"{name}@{config.suffix}" if config.qualified_names else name


def one_line(text: str) -> str:
    """Return ``text`` as a column takes it: no control characters, of bounded length."""
    clean = "".join(" " if unicodedata.category(each) in {"Cc", "Cs"} else each for each in text)
    return " ".join(clean.split())[:MAX_NAME_LENGTH]
