"""Labels of tables (``Work Fax``, ``* Mobile``) and the TYPE of vCards."""

import re

from sharedbooks.exchange.contact import Entry

_WORDS = {
    "WORK": "Work",
    "HOME": "Home",
    "OTHER": "Other",
    "CELL": "Mobile",
    "FAX": "Fax",
    "PAGER": "Pager",
    "MAIN": "Main",
    "CAR": "Car",
    "ISDN": "ISDN",
    "VIDEO": "Video",
    "TEXT": "Text",
    "TEXTPHONE": "Textphone",
    "MSG": "Messages",
    "BBS": "BBS",
    "MODEM": "Modem",
}
_TYPES = {word.casefold(): types for types, word in _WORDS.items()} | {
    "business": "WORK",
    "personal": "HOME",
    "private": "HOME",
    "cell": "CELL",
    "handy": "CELL",
    "portable": "CELL",
}
# What a value is taken for anyway; programs write it or not.
_SAID_ANYWAY = frozenset({"VOICE", "INTERNET", "PREF", "DOM", "INTL", "POSTAL", "PARCEL", "X400"})
_APPLE = re.compile(r"_\$!<(.*)>!\$_")
_PREFERRED = "* "


def read_label(label: str) -> Entry:
    """Return an entry with the types and label that a table's label stands for, and no value.

    A label whose every word is a known one becomes types; any other stays a label. An asterisk
    before it marks the preferred value, as Google writes it.
    """
    text = label.strip()
    is_preferred = text.startswith("*")
    text = text.lstrip("* ").strip()
    types = [_TYPES.get(word.casefold(), "") for word in text.split()]
    if all(types):
        return Entry(types=tuple(dict.fromkeys(types)), is_preferred=is_preferred)
    return Entry(label=text, is_preferred=is_preferred)


def write_label(entry: Entry) -> str:
    """Return the label of an entry; ``read_label`` gives the same types and label again."""
    mark = _PREFERRED if entry.is_preferred else ""
    if entry.label:
        return mark + entry.label
    words = [_WORDS.get(each, each.capitalize()) for each in known_types(entry.types)]
    return (mark + " ".join(words)).strip() if words else mark.strip()


def known_types(types: tuple[str, ...]) -> list[str]:
    """Return those types that say something, in a fixed order."""
    order = list(_WORDS)
    said = {each.upper() for each in types} - _SAID_ANYWAY
    return sorted(said, key=lambda each: (order.index(each) if each in order else 99, each))


def plain_label(text: str) -> str:
    """Return a label without Apple's brackets: ``_$!<Home>!$_`` is ``Home``."""
    match = _APPLE.fullmatch(text)
    return match[1] if match else text
