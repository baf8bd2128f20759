"""What differs between two states of a card, property by property, in words for people."""

from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter
from typing import NamedTuple

from sharedbooks.errors import InvalidCard
from sharedbooks.vcard.contentlines import ContentLine, content_lines, unescape_text

_FRAME = frozenset({"BEGIN", "END"})
_MADE_BY_PROGRAMS = frozenset({"REV", "PRODID"})
"""Properties that programs change with every edit; told last."""

_OF_THE_CARD = _MADE_BY_PROGRAMS | {"UID", "VERSION"}
_NAMES = ("FN", "N")

_LONGEST_SHOWN = 2000
"""Characters of a value that are shown; a longer one is cut."""


_Identity = tuple[str, bytes, bytes]


class PropertyChange(NamedTuple):
    """One property of a card before and after.

    Attributes:
        name: in upper case, with the types that tell it from others of the name: ``TEL (work)``.
        before: the value as people read it; None if the property was not there.
        after: the same; None if the property is gone.
    """

    name: str
    before: str | None
    after: str | None


class _Shown(NamedTuple):
    name: str
    label: str
    value: str
    params: str


def differences(before: bytes | None, after: bytes | None) -> list[PropertyChange]:
    """Return what is different in ``after``; None stands for no card at all.

    Properties of one name are paired, first those of the same types. Photos and other binary values
    are shown by their size alone. The order of properties does not count, nor how lines are folded.
    Octets that are no card count as one without properties.
    """
    was, now = _without_common(_lines(before), _lines(after))
    pairs = _paired([_show(line) for line in was], [_show(line) for line in now])
    return sorted(
        (_change(old, new) for old, new in pairs),
        key=lambda change: change.name in _MADE_BY_PROGRAMS,
    )


def side_by_side(one: bytes, other: bytes) -> list[PropertyChange]:
    """Return what two cards say, property by property; both texts are equal where they agree.

    Names come first. What speaks of the card and not of the person is left out.
    """
    left, right = (
        [_show(line) for line in _lines(octets) if line.name not in _OF_THE_CARD]
        for octets in (one, other)
    )
    agreed, left, right = _match(left, right, attrgetter("label", "value"))
    pairs = [*agreed, *_paired(left, right)]
    rows = [PropertyChange(*_labelled(was, now)) for was, now in pairs]
    return sorted(rows, key=lambda row: (not row.name.startswith(_NAMES), row.name))


def _labelled(was: _Shown | None, now: _Shown | None) -> tuple[str, str | None, str | None]:
    label = was.label if was is not None else now.label if now is not None else ""
    return label, None if was is None else was.value, None if now is None else now.value


def _lines(octets: bytes | None) -> list[ContentLine]:
    if octets is None:
        return []
    try:
        return [line for line in content_lines(octets) if line.name not in _FRAME]
    except InvalidCard:
        return []


def _without_common(
    before: Sequence[ContentLine], after: Sequence[ContentLine]
) -> tuple[list[ContentLine], list[ContentLine]]:
    common = Counter(map(_identity, before)) & Counter(map(_identity, after))
    return _without(before, common.copy()), _without(after, common)


def _without(lines: Sequence[ContentLine], common: Counter[_Identity]) -> list[ContentLine]:
    rest = []
    for line in lines:
        key = _identity(line)
        if common[key] > 0:
            common[key] -= 1
        else:
            rest.append(line)
    return rest


def _identity(line: ContentLine) -> _Identity:
    return line.name, line.head, line.raw_value


def _show(line: ContentLine) -> _Shown:
    types = [part for value in line.param_values("TYPE") for part in value.split(",") if part]
    label = f"{line.name} ({', '.join(types).lower()})" if types else line.name
    return _Shown(line.name, label, _value(line), line.head.decode(errors="replace").lstrip(";"))


def _value(line: ContentLine) -> str:
    value = line.raw_value
    if line.is_base64 or value[:5].lower() == b"data:":
        payload = value.rpartition(b",")[2].rstrip(b"=")
        return f"({len(payload) * 3 // 4} octets)"
    text = unescape_text(line.text)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _paired(
    before: Sequence[_Shown], after: Sequence[_Shown]
) -> list[tuple[_Shown | None, _Shown | None]]:
    """Pair what was with what is: of the same label, then of the same name."""
    by_label, old, new = _match(before, after, attrgetter("label"))
    by_name, old, new = _match(old, new, attrgetter("name"))
    gone: list[tuple[_Shown | None, _Shown | None]] = [(was, None) for was in old]
    return [*by_label, *by_name, *gone, *((None, now) for now in new)]


def _match(
    before: Sequence[_Shown], after: Sequence[_Shown], key: Callable[[_Shown], Hashable]
) -> tuple[list[tuple[_Shown, _Shown]], list[_Shown], list[_Shown]]:
    """Return the pairs with equal keys, and what is left of both sides."""
    waiting: defaultdict[Hashable, deque[_Shown]] = defaultdict(deque)
    for now in after:
        waiting[key(now)].append(now)
    pairs, left = [], []
    for was in before:
        queue = waiting[key(was)]
        if queue:
            pairs.append((was, queue.popleft()))
        else:
            left.append(was)
    return pairs, left, [now for queue in waiting.values() for now in queue]


def _change(was: _Shown | None, now: _Shown | None) -> PropertyChange:
    label = now.label if now is not None else was.label if was is not None else ""
    if was is not None and now is not None and was.value == now.value:
        # Only a parameter differs, or a photo of the same size.
        return PropertyChange(label, f"{was.value} {was.params}", f"{now.value} {now.params}")
    return PropertyChange(
        label, None if was is None else was.value, None if now is None else now.value
    )
