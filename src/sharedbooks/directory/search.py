"""Finding the one person of a directory whom a login means."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

from sharedbooks.config import DirectoryConfig
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.filters import all_of, any_of, equals
from sharedbooks.directory.groups import belonging_attributes
from sharedbooks.directory.people import person_attributes

_logger = logging.getLogger("sharedbooks.directory")

STAMPS = ("pwdLastSet", "krbLastPwdChange", "pwdChangedTime", "modifyTimestamp", "whenChanged")
"""What changes when a password does: the first that an entry has."""


@dataclass(frozen=True, slots=True)
class Route:
    """Which directory a login belongs to, and the names to look for there.

    Attributes:
        directory: the one to ask.
        names: as typed, then without the part that names the directory.
    """

    directory: Directory
    names: tuple[str, ...]


def find_route(
    directories: Sequence[Directory], login_name: str, source: str | None = None
) -> Route | None:
    """Return where to look for ``login_name``, or None if no directory is responsible.

    A login with a realm and a backslash in front belongs to the directory of that realm, one with
    a suffix behind an "@" to the one with that suffix, anything else to the one without a suffix,
    or to the only one.

    Args:
        directories: all that are configured.
        login_name: as typed.
        source: the directory that the user of that name comes from, if there is one.
    """
    realm, backslash, plain = login_name.partition("\\")
    name, sign, domain = login_name.rpartition("@")
    for directory in directories:
        config = directory.config
        if backslash and plain and realm.lower() == (config.realm or "").lower():
            return Route(directory, (plain,))
        if sign and name and domain.lower() == config.suffix:
            return Route(directory, (login_name, name))
    for directory in directories:
        known = source == directory.config.name
        if known or (source is None and (directory.config.suffix is None or len(directories) == 1)):
            return Route(directory, (login_name,))
    return None


def find_people(route: Route) -> list[tuple[int, Entry]]:
    """Return every entry that fits a login, with its rank; the lowest comes first and counts most.

    Raises:
        DirectoryUnavailable: no server answers.
    """
    config = route.directory.config
    found = route.directory.search(config.user_base, login_filter(route), _attributes(config))
    return sorted(((_rank(config, route, entry), entry) for entry in found), key=itemgetter(0))


def find_person(route: Route) -> Entry | None:
    """Return the entry of the person who logs in, or None if there is none, or no telling which.

    An attribute named earlier in ``login_attributes`` counts more: nobody can keep another out by
    taking that one's name for a mail address.

    Raises:
        DirectoryUnavailable: no server answers.
    """
    ranked = find_people(route)
    if len(ranked) > 1 and ranked[0][0] == ranked[1][0]:
        _logger.warning(
            "directory %s: %r is the login of %s and of %s",
            route.directory,
            route.names[0],
            ranked[0][1].dn,
            ranked[1][1].dn,
        )
        return None
    return ranked[0][1] if ranked else None


def login_filter(route: Route) -> str:
    """Return the filter that finds the person who logs in."""
    config = route.directory.config
    matching = [equals(each, name) for each in config.login_attributes for name in route.names]
    return all_of(config.user_filter, any_of(*matching))


def password_stamp(entry: Entry) -> str:
    """Return what of ``entry`` changes when its password does; empty if it tells nothing."""
    return next((f"{name}={text}"[:64] for name in STAMPS if (text := entry.text(name))), "")


def _attributes(config: DirectoryConfig) -> tuple[str, ...]:
    wanted = (
        *person_attributes(config),
        *belonging_attributes(config),
        *config.login_attributes,
        *STAMPS,
    )
    return tuple({name.lower(): name for name in wanted}.values())


def _rank(config: DirectoryConfig, route: Route, entry: Entry) -> int:
    names = {name.casefold() for name in route.names}
    for place, attribute in enumerate(config.login_attributes):
        if any(text.casefold() in names for text in entry.texts(attribute)):
            return place
    # It fits by a rule of the directory's, such as one that passes over accents.
    return len(config.login_attributes)
