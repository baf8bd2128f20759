"""The entries that belong to a directory book, as far as it takes to see which have changed.

Every sync reads the id, the name and the stamp of each entry, a small part of what there is. That
finds who left the directory or the filter as well as who changed, on any server and for any
account: deleted objects and DirSync of Active Directory tell neither of the filter nor, without
rights of an administrator, anything, and syncrepl needs an overlay that few servers have.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sharedbooks.config.card_mapping import CardLine, merge_card_mappings, parse_card_mapping
from sharedbooks.config.values import BadValueError
from sharedbooks.directory.cards import Relation, card_uid, entry_name
from sharedbooks.directory.connection import Directory
from sharedbooks.directory.entries import Entry, identity_filter
from sharedbooks.directory.filters import all_of, any_of
from sharedbooks.directory.groups import GroupGraph, belonging_attributes
from sharedbooks.directory.names import first_value, normalise_dn
from sharedbooks.directory.stamps import stamp_attributes, stamp_of, unsettled
from sharedbooks.directory.values import BadEntry
from sharedbooks.domain.directory_books import DirectoryBook
from sharedbooks.domain.prepared_cards import hash_content
from sharedbooks.errors import Conflict, NotFound
from sharedbooks.identifiers import MAX_NAME_LENGTH

Advance = Callable[[int], None]
"""Told how many more entries have been read."""

_NAMING = frozenset({"FN", "N"})
_IDS_A_SEARCH = 50
_FEW = 1000
"""Up to so many entries are asked for by id; for more, all of them are read again."""


@dataclass(frozen=True, slots=True)
class ScannedEntry:
    """An entry of a book; the fields mean what they mean in ``DirectoryEntry``.

    ``name`` is empty where there is none, or none that can be read.
    """

    source_id: str
    dn_hash: str
    name: str
    stamp: str


@dataclass(slots=True)
class Scan:
    """The entries of a book as the directory has them now.

    Attributes:
        entries: by stable id.
        ids_by_dn: stable ids by the hash of the DN.
        problems: (DN, sentence) of entries that have no usable id.
    """

    entries: dict[str, ScannedEntry] = field(default_factory=dict)
    ids_by_dn: dict[str, str] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a directory that a book shows, and how its entries become cards."""

    directory: Directory
    base: str
    filter: str
    lines: tuple[CardLine, ...]

    @property
    def attributes(self) -> tuple[str, ...]:
        """All attributes that cards are made of, and the id."""
        return self._wanted(self.lines)

    @property
    def naming_attributes(self) -> tuple[str, ...]:
        """The attributes that names are made of, and the id."""
        return self._wanted(line for line in self.lines if line.name in _NAMING)

    def _wanted(self, lines: Iterable[CardLine]) -> tuple[str, ...]:
        named = {attribute for line in lines for attribute in line.attributes}
        return (self.directory.config.id_attribute, *sorted(named))


def part_of(directory: Directory, book: DirectoryBook) -> Part:
    """Return what ``book`` shows; what it leaves open is as the directory's configuration says.

    Raises:
        Conflict: its mapping cannot be used.
    """
    config = directory.config
    try:
        lines = parse_card_mapping(merge_card_mappings(config.card, book.mapping.items()))
    except BadValueError as error:
        raise Conflict(f"The mapping of {str(book.book.reference)!r} {error}.") from error
    return Part(directory, book.base or config.user_base, book.filter or config.user_filter, lines)


@lru_cache(maxsize=16384)
def hash_dn(dn: str) -> str:
    """Return 32 hex digits that stand for a DN, however it is written."""
    return hash_content(normalise_dn(dn).encode(errors="surrogatepass"))


def scan(part: Part, advance: Advance, graph: GroupGraph | None = None) -> Scan:
    """Return the entries that belong to a book, and add them to ``graph`` if there is one.

    Raises:
        DirectoryUnavailable: no server answers, or one stopped in the middle.
        NotFound: there is no entry to look below.
    """
    found = Scan()
    config = part.directory.config
    wanted = {*part.naming_attributes, *stamp_attributes(config)}
    if graph is not None:
        wanted |= {*belonging_attributes(config)}
    for entry in part.directory.search(part.base, part.filter, sorted(wanted)):
        advance(1)
        source_id = usable_id(part, entry)
        if source_id is None or source_id in found.entries:
            what = "no usable" if source_id is None else "the same"
            found.problems.append((entry.dn, f"It has {what} {config.id_attribute}."))
            continue
        scanned = ScannedEntry(
            source_id, hash_dn(entry.dn), _name(entry, part.lines), stamp_of(config, entry)
        )
        found.entries[source_id] = scanned
        found.ids_by_dn[scanned.dn_hash] = source_id
        if graph is not None:
            graph.add_person(source_id, entry)
    if not found.entries and part.base and part.directory.read(part.base, ["1.1"]) is None:
        raise NotFound(f"The directory {part.directory} has no entry {part.base!r} to look below.")
    _unsettle(found)
    return found


def usable_id(part: Part, entry: Entry) -> str | None:
    """Return the stable id of an entry, or None if it has none that can be kept."""
    source_id = entry.identity(part.directory.config.id_attribute)
    return source_id if source_id and len(source_id) <= MAX_NAME_LENGTH else None


def _name(entry: Entry, lines: Sequence[CardLine]) -> str:
    try:
        return entry_name(entry, lines)[:MAX_NAME_LENGTH]
    except BadEntry:
        return ""


def _unsettle(found: Scan) -> None:
    """Take the stamps away that a further change could leave as they are."""
    doubtful = unsettled(entry.stamp for entry in found.entries.values())
    for source_id, entry in found.entries.items():
        if entry.stamp in doubtful:
            found.entries[source_id] = ScannedEntry(source_id, entry.dn_hash, entry.name, "")


def fetch(part: Part, wanted: set[str]) -> Iterator[tuple[str, Entry]]:
    """Yield the entries with those ids whole, each with its id; those that are gone are left out.

    Raises:
        DirectoryUnavailable: no server answers, or one stopped in the middle.
    """
    if len(wanted) > _FEW:
        filters = [part.filter]
    else:
        name, ids = part.directory.config.id_attribute, sorted(wanted)
        filters = [
            all_of(part.filter, any_of(*(identity_filter(name, each) for each in some)))
            for some in (ids[at : at + _IDS_A_SEARCH] for at in range(0, len(ids), _IDS_A_SEARCH))
        ]
    left = set(wanted)
    for search_filter in filters:
        for entry in part.directory.search(part.base, search_filter, part.attributes):
            source_id = usable_id(part, entry)
            if source_id in left:
                left.discard(source_id)
                yield source_id, entry


class Relations:
    """Tells whom entries name by DN: someone in the book, or else anybody in the directory."""

    def __init__(self, part: Part, found: Scan) -> None:
        self._part = part
        self._scan = found
        self._outside: dict[str, Relation] = {}

    def resolve(self, dn: str) -> Relation:
        """Return who that is, called by their DN if there is nothing better.

        Raises:
            DirectoryUnavailable: no server answers.
        """
        key = hash_dn(dn)
        source_id = self._scan.ids_by_dn.get(key)
        if source_id is not None:
            name = self._scan.entries[source_id].name or first_value(dn)
            return Relation(name, card_uid(source_id))
        if key not in self._outside:
            entry = self._part.directory.read(dn, self._part.naming_attributes)
            name = "" if entry is None else _name(entry, self._part.lines)
            self._outside[key] = Relation(name or first_value(dn), None)
        return self._outside[key]
