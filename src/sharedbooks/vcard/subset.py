"""Some properties of a card: what ``address-data`` with ``prop`` elements asks for."""

from collections.abc import Sequence
from typing import NamedTuple

from sharedbooks.vcard.contentlines import ContentLine, fold
from sharedbooks.vcard.properties import card_lines

# Without UID a client cannot tell which of its cards it got.
_ALWAYS = frozenset({"BEGIN", "VERSION", "END", "FN", "UID"})
_ALWAYS_WHOLE = frozenset({"BEGIN", "VERSION", "END"})


class PropertyChoice(NamedTuple):
    """A property asked for (RFC 6352, section 10.4.2).

    Attributes:
        name: ``TEL`` for that property in any group and in none, ``item1.TEL`` for that group only;
            case does not matter.
        novalue: whether only name and parameters are wanted.
    """

    name: str
    novalue: bool = False


def select_properties(octets: bytes, names: Sequence[PropertyChoice]) -> bytes:
    """Return a card with only some of its properties (RFC 6352, section 10.4).

    They stay in order and keep their octets. BEGIN, VERSION, END, FN, UID, and N of a 3.0 card are
    always there, as the result has to be a valid card. One that is asked for with and without value
    comes with it. A group is not followed: ``item1.X-ABLabel`` comes only if it is asked for.

    Raises:
        InvalidCard: the octets are not one vCard.
    """
    lines = card_lines(octets)
    choices: dict[str, bool] = {}
    for name, novalue in names:
        choices[name.upper()] = choices.get(name.upper(), True) and novalue
    is_40 = any(line.name == "VERSION" and line.raw_value.strip() == b"4.0" for line in lines)
    always = _ALWAYS if is_40 else _ALWAYS | {"N"}
    selected = []
    for line in lines:
        is_bare = _choice(line, choices)
        if is_bare and line.name not in _ALWAYS_WHOLE:
            selected.append(_without_value(line))
        elif is_bare is not None or line.name in always:
            selected.append(line.octets)
    return b"".join(selected)


def _choice(line: ContentLine, choices: dict[str, bool]) -> bool | None:
    """Return whether a line is wanted without its value; None if it is not wanted."""
    novalues = [choices[line.name]] if line.name in choices else []
    if line.prop_group:
        novalue = choices.get(f"{line.prop_group.upper()}.{line.name}")
        novalues += [] if novalue is None else [novalue]
    return all(novalues) if novalues else None


def _without_value(line: ContentLine) -> bytes:
    group = f"{line.prop_group}." if line.prop_group else ""
    return fold(f"{group}{line.name}".encode() + line.head + b":") + b"\r\n"
