"""An edit of a client that knows vCard 3.0 only, brought into the 4.0 card it was made of."""

import re
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass

from sharedbooks.vcard.contentlines import ContentLine
from sharedbooks.vcard.convert import Piece, convert_lines, stated_version
from sharedbooks.vcard.properties import (
    PARAMS_ONLY_IN_40,
    Property,
    card_lines,
    read_property,
    write_property,
)
from sharedbooks.vcard.surroundings import Surroundings, look_around
from sharedbooks.vcard.units import COMPANIONS, Unit, is_companion, read_units

# Parameters that describe the old value, and say nothing of a new one.
_ABOUT_THE_VALUE = frozenset(
    {
        *("CALSCALE", "CC", "DERIVED", "GEO", "JSCOMPS", "LABEL", "MEDIATYPE", "PHONETIC"),
        *("SCRIPT", "SORT-AS", "TZ", "USERNAME"),
    }
)
_ONE_IN_40 = frozenset({"ANNIVERSARY", "BDAY", "GENDER", "KIND", "N", "PRODID", "REV", "UID"})
_MARK = ("PREF", ("1",))
_WORD = re.compile(r"\w+")


@dataclass(slots=True)
class _Edit:
    """What a client did to the card it was shown.

    Attributes:
        shown: what the client was shown, said in 4.0 again; ``line`` is that of the stored card,
            0 for what the stored card has not.
        kept: units of the edit by the line of the stored card they left as it is.
        changed: pairs of units, as shown and as edited, by the line of the stored card.
        added: units of the edit that are new.
    """

    shown: list[Unit]
    kept: dict[int, Unit]
    changed: dict[int, tuple[Unit, Unit]]
    added: list[Unit]


def merge_edit(stored: bytes, edited: bytes) -> bytes:
    """Return the stored 4.0 card with the edits of a client that got it as 3.0 and sent it back.

    This is for one case: the stored card is 4.0, and a client puts a 3.0 card over it, which it
    made from ``to_version(stored, "3.0")``. In every other case (same version, a new card, a 4.0
    card over a 3.0 one) what the client sent is stored as it is; this returns it unchanged.

    What the client left as it was shown keeps its stored line, octet for octet. Order, folding, the
    case of TYPE, defaults such as ``TYPE=VOICE``, names of groups, parameters the client dropped,
    and Apple's own FN and ``pref`` do not count as changes. What it changed is taken from the edit,
    with those parameters of the stored line that 3.0 could not show and that still hold. What it
    removed goes, what it added comes last. What it was never shown stays.

    Raises:
        InvalidCard: either is not one vCard.
        UnsupportedCard: either is vCard 2.1.
    """
    stored_lines = card_lines(stored)
    edited_lines = card_lines(edited)
    if stated_version(stored_lines) != "4.0" or stated_version(edited_lines) != "3.0":
        return edited
    shown = _shown(stored_lines)
    given_lines = _joined(convert_lines(edited_lines, "4.0"))
    given = read_units(given_lines)
    if any(_is_by_apple(unit.prop) for unit in given):
        _undo_apple(shown, given)
    edit = _compare(shown, given)
    return _written(stored_lines, edit, look_around([*stored_lines, *given_lines]))


def _joined(pieces: Iterable[Piece]) -> list[ContentLine]:
    return card_lines(b"".join(piece.octets for piece in pieces))


def _shown(stored: Sequence[ContentLine]) -> list[Unit]:
    """Return what a client that asks for 3.0 is shown, said in 4.0 as its edit will be."""
    there = convert_lines(stored, "3.0")
    lines_there = _joined(there)
    back = convert_lines(lines_there, "4.0")
    lines_back = _joined(back)
    line_there = _line_of_each(lines_back, back)
    stored_line = _line_of_each(lines_there, there)
    units = read_units(lines_back)
    for unit in units:
        unit.line = stored_line.get(line_there[unit.line], 0)
    return units


def _line_of_each(lines: Sequence[ContentLine], pieces: Sequence[Piece]) -> dict[int, int]:
    """Return, for the lines the pieces consist of, the number of the line each was made of."""
    sources = {}
    start = end = 0
    remaining = iter(pieces)
    source = None
    for line in lines:
        while start >= end:
            source, octets = next(remaining)
            end += len(octets)
        sources[line.line] = source.line if source else 0
        start += len(line.octets)
    return sources


def _is_by_apple(prop: Property) -> bool:
    return prop.name == "PRODID" and prop.value.startswith("-//Apple")


def _undo_apple(shown: Sequence[Unit], given: Sequence[Unit]) -> None:
    """Take back what Apple's programs write without being told to.

    They make FN anew from N or ORG, and mark the first of several values as preferred.
    """
    was = {unit.prop.name: unit for unit in reversed(shown)}
    now = {unit.prop.name: unit for unit in reversed(given)}
    if "FN" in was and "FN" in now and _is_made_fn(was, now):
        now["FN"].value = was["FN"].value
    marked = {unit.prop.name for unit in shown if _MARK in unit.prop.params}
    were = _by_key(shown, _name)
    for name, unit in now.items():
        if _MARK in unit.prop.params and name not in marked:
            later = were.get(name, [])[1:]
            if unit.value not in [other.value for other in later]:
                unit.is_preferred = False
                unit.prop = unit.prop._replace(params=unit.prop.without("PREF"))


def _is_made_fn(was: dict[str, Unit], now: dict[str, Unit]) -> bool:
    for name in ("N", "ORG"):
        if name in was and name in now and was[name].value == now[name].value:
            organisation = now[name].prop.value.partition(";")[0]
            source = now[name].prop.value if name == "N" else organisation
            if _letters(source) == _letters(now["FN"].prop.value):
                return True
    return False


def _letters(value: str) -> list[str]:
    # The order of given and family name, and the space between, depend on the language.
    return sorted("".join(_WORD.findall(value)))


def _compare(shown: Sequence[Unit], given: Sequence[Unit]) -> _Edit:
    edit = _Edit(list(shown), {}, {}, [])
    were = _by_key(shown, _name)
    matched = set()
    for name, units in _by_key(given, _name).items():
        for before, after in _pairs(were.get(name, []), units):
            matched.add(after)
            if _is_same(before, after):
                edit.kept[before.line] = after
            elif before.line:
                edit.changed[before.line] = (before, after)
            else:
                edit.added.append(after)
    edit.added += [unit for unit in given if unit not in matched]
    edit.added.sort(key=lambda unit: unit.line)
    return edit


def _is_same(before: Unit, after: Unit) -> bool:
    return _meaning(before) == _meaning(after) and not after.differing_params(before)


def _name(unit: Unit) -> str:
    return unit.prop.name


def _meaning(unit: Unit) -> Hashable:
    return (unit.value, unit.types, unit.notes, unit.is_preferred)


def _pairs(before: Sequence[Unit], after: Sequence[Unit]) -> list[tuple[Unit, Unit]]:
    """Pair the units of one name: the same ones, then those alike, as far as that is clear."""
    pairs: list[tuple[Unit, Unit]] = []
    left, right = list(before), list(after)
    steps: list[tuple[Callable[[Unit], Hashable], bool]] = [
        (_meaning, False),
        (lambda unit: unit.value, False),
        (lambda unit: (unit.types, unit.notes), True),
        (lambda _: None, True),
    ]
    for key, is_guess in steps:
        lefts, rights = _by_key(left, key), _by_key(right, key)
        for found, units in lefts.items():
            others = rights.get(found, [])
            # Of several like ones, of which some are gone, nobody knows which became which.
            if not is_guess or len(units) == len(others):
                pairs += zip(units, others, strict=False)
        paired = {unit for pair in pairs for unit in pair}
        left = [unit for unit in left if unit not in paired]
        right = [unit for unit in right if unit not in paired]
    return pairs


def _by_key(units: Iterable[Unit], key: Callable[[Unit], Hashable]) -> dict[Hashable, list[Unit]]:
    found: dict[Hashable, list[Unit]] = defaultdict(list)
    for unit in units:
        found[key(unit)].append(unit)
    return found


def _written(stored: Sequence[ContentLine], edit: _Edit, around: Surroundings) -> bytes:
    """Return the stored card with the edit: its lines in their order, then what is new."""
    hidden = _hidden(stored, edit)
    groups = _Groups(around, {line.prop_group.lower() for line in stored if line.prop_group})
    for line in stored:
        if line.line in hidden:
            groups.stay(line.prop_group)
        elif line.line in edit.kept:
            groups.stay(line.prop_group, edit.kept[line.line])
        elif line.line in edit.changed and _has_same_companions(*edit.changed[line.line]):
            groups.stay(line.prop_group, edit.changed[line.line][1])
    inhabited = _inhabited(stored)
    written = []
    for line in stored[:-1]:
        if line.line in edit.changed:
            written.append(_changed(line, *edit.changed[line.line], groups))
        elif is_companion(line, inhabited):
            if groups.stays(line.prop_group):
                written.append(line.octets)
        elif line.line in edit.kept or line.line in hidden:
            written.append(line.octets)
    written += [groups.write(unit.prop, unit) for unit in edit.added]
    return b"".join([*written, stored[-1].octets])


def _inhabited(stored: Iterable[ContentLine]) -> set[str]:
    return {
        line.prop_group.lower()
        for line in stored
        if line.prop_group and line.name not in COMPANIONS
    }


def _hidden(stored: Sequence[ContentLine], edit: _Edit) -> set[int]:
    """Return the stored lines that the client was not shown and that stay."""
    shown = {unit.line for unit in edit.shown}
    added = {unit.prop.name for unit in edit.added} & _ONE_IN_40
    gone = shown - edit.kept.keys() - edit.changed.keys()
    gone_alternatives = {
        (line.name, *line.param_values("ALTID")) for line in stored if line.line in gone
    }
    inhabited = _inhabited(stored)
    hidden = set()
    for line in stored:
        if line.name == "UID" and line.line in gone and "UID" not in added:
            hidden.add(line.line)
        if line.line in shown or line.name in added or is_companion(line, inhabited):
            continue
        alternative = line.param_values("ALTID")
        if not alternative or (line.name, *alternative) not in gone_alternatives:
            hidden.add(line.line)
    return hidden


def _has_same_companions(before: Unit, after: Unit) -> bool:
    # A label that only says what TYPE says is not worth a group.
    return before.notes == after.notes and (
        before.types == after.types or not (before.companions or after.companions)
    )


def _changed(line: ContentLine, before: Unit, after: Unit, groups: "_Groups") -> bytes:
    stored = read_property(line, "4.0")
    if before.value == after.value:
        prop = _with_old_value(stored, before, after)
    else:
        prop = _with_new_value(stored, after)
    if _has_same_companions(before, after):
        return write_property(prop._replace(prop_group=stored.prop_group), "4.0")
    if after.companions:
        return groups.write(prop, after)
    return write_property(prop._replace(prop_group=None), "4.0")


def _with_old_value(stored: Property, before: Unit, after: Unit) -> Property:
    """Return the stored property with what the client changed of its parameters."""
    changes = after.differing_params(before)
    params = [
        (name, values)
        for name, values in stored.params
        if name not in changes
        and not (name == "TYPE" and before.types != after.types)
        and not (name == "PREF" and after.is_preferred != (values == ("1",)))
    ]
    types = tuple(after.prop.types())
    if before.types != after.types and types:
        params.append(("TYPE", types))
    params += changes.items()
    if after.is_preferred and _MARK not in params:
        params.append(_MARK)
    return stored._replace(params=tuple(params))


def _with_new_value(stored: Property, after: Unit) -> Property:
    """Return the edited property with what of the stored parameters it could not say."""
    own = {name for name, _ in after.prop.params}
    unsaid = PARAMS_ONLY_IN_40 - _ABOUT_THE_VALUE - own
    kept = tuple(
        (name, values)
        for name, values in stored.params
        if name in unsaid and (name, values) != _MARK
    )
    return after.prop._replace(params=(*after.prop.params, *kept))


class _Groups:
    """The groups of the merged card: those of the stored card stay, new ones get free names."""

    def __init__(self, around: Surroundings, used: set[str]) -> None:
        self._around = around
        self._used = used
        self._staying: set[str] = set()
        self._names: dict[str, str] = {}

    def stay(self, stored_group: str | None, after: Unit | None = None) -> None:
        """Keep a group of the stored card, which is that of ``after`` in the edit."""
        if stored_group is None:
            return
        self._staying.add(stored_group.lower())
        if after and after.prop.prop_group:
            self._names[after.prop.prop_group.lower()] = stored_group

    def stays(self, stored_group: str | None) -> bool:
        """Tell whether a group of the stored card stays, and so what Apple says of it."""
        return stored_group is not None and stored_group.lower() in self._staying

    def write(self, prop: Property, after: Unit) -> bytes:
        """Return a property in the group of ``after``, with what that group says of it."""
        edited_group = after.prop.prop_group
        if edited_group is None:
            return write_property(prop._replace(prop_group=None), "4.0")
        known = self._names.get(edited_group.lower())
        name = known or self._new_name(edited_group)
        companions = [] if known else after.companions
        return b"".join(
            write_property(each._replace(prop_group=name), "4.0") for each in (prop, *companions)
        )

    def _new_name(self, edited_group: str) -> str:
        is_used = edited_group.lower() in self._used
        name = self._around.free_group() if is_used else edited_group
        self._names[edited_group.lower()] = name
        return name
