"""A folder in which Radicale keeps its collections: owners, address books, cards.

``collection-root/USER/BOOK/`` holds a file for each card and ``.Radicale.props``, JSON with the
type and the properties of the collection.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sharedbooks.errors import (
    CardTooLarge,
    InvalidCard,
    InvalidName,
    InvalidSource,
    UnsupportedCard,
)
from sharedbooks.exchange.records import BadRecord, Place, Record
from sharedbooks.exchange.vcf import read_card
from sharedbooks.identifiers import (
    BookReference,
    parse_card_name,
    parse_principal_name,
    parse_resource_name,
)

_ROOT = "collection-root"
_PROPS = ".Radicale.props"
_ADDRESS_BOOK = "VADDRESSBOOK"
_MAX_PROPS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoredBook:
    """An address book in such a folder.

    Attributes:
        folder: where its cards are.
        reference: owner and name; without an owner if it lies beside the users.
        display_name: what people call it; may be empty.
        description: what it is for; may be empty.
    """

    folder: Path
    reference: BookReference
    display_name: str
    description: str


def find_stored_books(folder: Path) -> list[StoredBook]:
    """Return the address books of a folder; calendars and what else there is are passed over.

    Args:
        folder: Radicale's ``filesystem_folder``, or the ``collection-root`` in it.

    Raises:
        InvalidSource: it is no such folder, or a name in it cannot be used here.
    """
    root = folder / _ROOT if (folder / _ROOT).is_dir() else folder
    if folder.name != _ROOT and root == folder:
        raise InvalidSource(f"{folder} is no folder of Radicale's storage: no {_ROOT} is in it.")
    books = []
    for first in _folders(root):
        if _props(first).get("tag") == _ADDRESS_BOOK:
            books.append(_book(first, None))
        books += [
            _book(second, first.name)
            for second in _folders(first)
            if _props(second).get("tag") == _ADDRESS_BOOK
        ]
    return books


def _folders(folder: Path) -> list[Path]:
    return sorted(
        each
        for each in folder.iterdir()
        if each.is_dir() and not each.is_symlink() and not each.name.startswith(".Radicale")
    )


def _props(folder: Path) -> dict[str, str]:
    path = folder / _PROPS
    try:
        with path.open("rb") as file:
            props = json.loads(file.read(_MAX_PROPS))
    except FileNotFoundError:
        return {}
    except ValueError:
        raise InvalidSource(f"{path} is not what Radicale writes.") from None
    return {str(key): str(value) for key, value in props.items()} if isinstance(props, dict) else {}


def _book(folder: Path, owner: str | None) -> StoredBook:
    props = _props(folder)
    try:
        reference = BookReference(
            None if owner is None else parse_principal_name(owner), parse_resource_name(folder.name)
        )
    except InvalidName as error:
        raise InvalidSource(f"{folder}: {error}") from None
    return StoredBook(
        folder,
        reference,
        props.get("D:displayname", "").strip(),
        props.get("CR:addressbook-description", "").strip(),
    )


def count_stored(book: StoredBook) -> int:
    """Return how many cards a book has."""
    return sum(1 for _ in _files(book.folder))


def read_stored(book: StoredBook, *, max_card_size: int) -> Iterator[Record | BadRecord]:
    """Yield the cards of a book, by name, with the names they have there."""
    for path in _files(book.folder):
        place = Place("file", path.name)
        if path.stat().st_size > max_card_size:
            yield BadRecord(place, f"The card is larger than {max_card_size} octets.")
            continue
        try:
            name = parse_card_name(path.name)
            octets = path.read_bytes()
            yield read_card(octets, place, max_card_size=max_card_size, resource_name=name)
        except (InvalidCard, InvalidName, CardTooLarge, UnsupportedCard) as error:
            yield BadRecord(place, str(error))


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and not path.is_symlink() and not path.name.startswith(".Radicale"):
            yield path
