"""Groups of a directory and who is in them, those in groups within them too."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice

from sharedbooks.config import DirectoryConfig
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.entries import Entry
from sharedbooks.directory.filters import any_of, equals
from sharedbooks.directory.names import first_value, is_below, normalise_dn, split_dn
from sharedbooks.directory.people import one_line, qualified, stable_id
from sharedbooks.directory.sids import primary_group_sid, relative_id
from sharedbooks.domain.directory_principals import DirectoryPrincipal
from sharedbooks.errors import InvalidName
from sharedbooks.identifiers import parse_principal_name

_BY_LOGIN_NAME = "memberuid"
_OF_THE_PERSON = "memberof"
_SID = "objectSid"
_PRIMARY = "primaryGroupID"
_LOGIN_NAME = "uid"

_VALUES_A_FILTER = 50


def belonging_attributes(config: DirectoryConfig) -> tuple[str, ...]:
    """Return the attributes of a person that tell their groups, beside those of the groups."""
    own = [name for name in config.member_attributes if name.lower() == _OF_THE_PERSON]
    return (_LOGIN_NAME, _PRIMARY, _SID, *own)


def group_attributes(config: DirectoryConfig) -> tuple[str, ...]:
    """Return the attributes that ``read_group`` and ``GroupGraph.add_group`` want to see."""
    named = (config.id_attribute, config.group_name_attribute, _SID)
    return tuple(dict.fromkeys((*named, *naming_members(config))))


def naming_members(config: DirectoryConfig) -> tuple[str, ...]:
    """Return the attributes by which a group names its members."""
    return tuple(name for name in config.member_attributes if name.lower() != _OF_THE_PERSON)


def read_group(config: DirectoryConfig, entry: Entry) -> DirectoryPrincipal:
    """Return the group that ``entry`` describes, called by its short name as far as that is safe.

    Raises:
        InvalidName: it has no stable id, or no short name.
    """
    short = one_line(entry.text(config.group_name_attribute) or "")
    if not short:
        raise InvalidName(f"{entry.dn} has no {config.group_name_attribute} to be called by.")
    return DirectoryPrincipal(
        source_id=stable_id(config, entry),
        name=_safe_name(qualified(config, short)),
        display_name=short,
        email="",
        dn=entry.dn,
        qualifier=_safe_name(first_value(",".join(split_dn(entry.dn)[1:]))),
    )


def _safe_name(text: str) -> str:
    """Return ``text`` without what a principal's name may not have."""
    name = one_line(text.translate({ord("/"): "_", ord(":"): "_"})).lstrip(".- ").rstrip()
    try:
        return parse_principal_name(name)
    except InvalidName:
        return "group"


class GroupGraph:
    """Who is in which group, directly and through other groups; cycles do no harm.

    People have to be added before groups. Groups count by DN, whether they become principals here
    or only stand between.
    """

    def __init__(self, config: DirectoryConfig) -> None:
        self._config = config
        self._people_by_dn: dict[str, str] = {}
        self._people_by_login: dict[str, str] = {}
        self._primary: dict[str, list[str]] = {}
        self._members: dict[str, set[str]] = {}
        self._inner: dict[str, set[str]] = {}
        self._dn_of: dict[str, str] = {}

    def add_person(self, source_id: str, entry: Entry) -> None:
        """Add somebody who may be a member."""
        self._people_by_dn[normalise_dn(entry.dn)] = source_id
        login_name = entry.text(_LOGIN_NAME)
        if login_name is not None:
            self._people_by_login[login_name.lower()] = source_id
        rid = entry.text(_PRIMARY)
        if rid is not None:
            self._primary.setdefault(rid, []).append(source_id)
        if _OF_THE_PERSON in {name.lower() for name in self._config.member_attributes}:
            for dn in entry.texts("memberOf"):
                self._members.setdefault(normalise_dn(dn), set()).add(source_id)

    def add_group(self, entry: Entry, source_id: str | None = None) -> None:
        """Add a group; ``source_id`` if it is to be a principal."""
        dn = normalise_dn(entry.dn)
        members = self._members.setdefault(dn, set())
        inner = self._inner.setdefault(dn, set())
        if source_id is not None:
            self._dn_of[source_id] = dn
        for attribute in naming_members(self._config):
            for value in entry.texts(attribute):
                if attribute.lower() == _BY_LOGIN_NAME:
                    person = self._people_by_login.get(value.lower())
                else:
                    member = normalise_dn(value)
                    person = self._people_by_dn.get(member)
                    if person is None:
                        inner.add(member)
                if person is not None:
                    members.add(person)
        rid = relative_id(entry.octets(_SID))
        if rid is not None:
            members.update(self._primary.get(rid, ()))

    def members_of(self, source_id: str) -> set[str]:
        """Return the stable ids of all people in the group with that stable id."""
        first = self._dn_of[source_id]
        reached, ahead = {first}, [first]
        while ahead and self._config.nested:
            inner = self._inner.get(ahead.pop(), set()) - reached
            reached |= inner
            ahead += inner
        return {person for dn in reached for person in self._members.get(dn, ())}


def roots(config: DirectoryConfig) -> tuple[str, ...]:
    """Return where groups are that may stand between a person and a group of ours."""
    if is_below(config.group_base, config.base):
        return (config.base,)
    return (config.base, config.group_base)


def find_group_ids(directory: Directory, person: Entry) -> frozenset[str]:
    """Return the stable ids of all groups that a person is in, whether they are known here or not.

    One search for each step from group to group; it walks as ``GroupGraph`` does.

    Args:
        directory: is asked.
        person: an entry with the ``belonging_attributes``.

    Raises:
        DirectoryUnavailable: no server answers.
    """
    found: dict[str, str | None] = {}
    ahead = _collect(found, directory, _first_groups(directory, person))
    while ahead and directory.config.nested:
        ahead = _collect(found, directory, _groups_with(directory, ahead))
    return frozenset(each for each in found.values() if each is not None)


def _collect(
    found: dict[str, str | None], directory: Directory, groups: Iterable[Entry]
) -> list[str]:
    """Add groups by DN; return the DNs of those that are new."""
    new = []
    for group in groups:
        dn = normalise_dn(group.dn)
        if dn not in found:
            found[dn] = group.identity(directory.config.id_attribute)
            new.append(group.dn)
    return new


def _first_groups(directory: Directory, person: Entry) -> Iterator[Entry]:
    config = directory.config
    yield from _groups_with(directory, [person.dn], person.text(_LOGIN_NAME))
    sid = primary_group_sid(person.octets(_SID), person.text(_PRIMARY))
    if sid is not None:
        yield from _search(directory, equals(_SID, sid))
    if len(naming_members(config)) < len(config.member_attributes):
        for dn in person.texts("memberOf"):
            group = directory.read(dn, [config.id_attribute])
            if group is not None:
                yield group


def _groups_with(
    directory: Directory, dns: Collection[str], login_name: str | None = None
) -> Iterator[Entry]:
    """Yield the groups that name one of those DNs, or the login name, as a member."""
    attributes = naming_members(directory.config)
    by_dn = [name for name in attributes if name.lower() != _BY_LOGIN_NAME]
    some = iter(dns)
    while chunk := list(islice(some, _VALUES_A_FILTER)):
        terms = [equals(name, dn) for name in by_dn for dn in chunk]
        if login_name is not None and len(by_dn) < len(attributes):
            terms.append(equals(_BY_LOGIN_NAME, login_name))
        if terms:
            yield from _search(directory, any_of(*terms))


def _search(directory: Directory, search_filter: str) -> Iterator[Entry]:
    wanted: Sequence[str] = [directory.config.id_attribute]
    for root in roots(directory.config):
        yield from directory.search(root, search_filter, wanted)
