"""How attributes of a directory become properties of a vCard: pairs of text, checked here.

A pair is a property with its parameters, and where its value comes from::

    "TEL;TYPE=work" = "telephoneNumber"
    "FN" = "displayName|cn"
    "ORG" = "'Example Ltd';department|ou"

``|`` stands between attributes of which the first that has a value counts, ``;`` between the
components of N, ADR and ORG, and text in single quotes for itself. An empty value leaves the
property out.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

from sharedbooks.config.values import BadValueError

CardMapping = tuple[tuple[str, str], ...]
"""Pairs of a property and where its value comes from, both as they are written."""

COMPONENTS: Mapping[str, int] = {"N": 5, "ADR": 7, "ORG": 10}
"""Most components of the properties that have any (RFC 6350, sections 6.2.2, 6.3.1 and 6.6.4)."""

_PROPERTIES = (
    *("FN", "N", "NICKNAME", "PHOTO", "BDAY", "ANNIVERSARY", "ADR", "TEL", "EMAIL", "IMPP", "LANG"),
    *("TITLE", "ROLE", "ORG", "RELATED", "CATEGORIES", "NOTE", "URL"),
)
_ONLY_ONCE = frozenset({"FN", "N", "BDAY", "ANNIVERSARY", "RELATED", "PHOTO"})
_EXTENSION = re.compile(r"X-[A-Z0-9-]{1,60}")
_WORD = re.compile(r"[A-Za-z0-9-]{1,60}")
_PREFERENCE = re.compile(r"[1-9][0-9]?|100")
_ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+")
_LITERAL = re.compile(r"'([^'\x00-\x1f\x7f]+)'")
_COMPONENT = re.compile(r"((?:'[^']*'|[^;'])*)(;|\Z)")
_WRITTEN_PAIR = re.compile(r"([^=;]*(?:;[^=;]*=[^=;]*)*)=(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value may come from: an ``attribute``, in lower case, or a ``text``."""

    attribute: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class CardLine:
    """A property of every card.

    Attributes:
        name: of the property, in upper case.
        params: TYPE and PREF with their values, in order.
        components: of each component (most properties have one) the sources in the order in which
            they are asked; a component without sources stays empty.
    """

    name: str
    params: tuple[tuple[str, tuple[str, ...]], ...]
    components: tuple[tuple[Source, ...], ...]

    @property
    def attributes(self) -> frozenset[str]:
        """The attributes that are asked for, in lower case."""
        sources = (source for component in self.components for source in component)
        return frozenset(source.attribute for source in sources if source.attribute)


def parse_card_mapping(pairs: Iterable[tuple[str, str]]) -> tuple[CardLine, ...]:
    """Return the properties that pairs ask for, without those left out, in the same order.

    Raises:
        BadValueError: a pair is wrong, or a property that a card has once is there twice.
    """
    lines = [_parse_line(written, value) for written, value in pairs]
    kept = [line for line in lines if line.components]
    for name in sorted(_ONLY_ONCE):
        if sum(line.name == name for line in kept) > 1:
            raise BadValueError(f"maps {name} more than once")
    return tuple(kept)


def merge_card_mappings(*mappings: Iterable[tuple[str, str]]) -> CardMapping:
    """Return pairs in which later mappings override earlier ones, property by property.

    Two are of the same property if they have the same name and parameters, however they are
    written; of FN and others that a card has once, parameters do not count.

    Raises:
        BadValueError: a pair is wrong.
    """
    merged: dict[object, tuple[str, str]] = {}
    for mapping in mappings:
        for written, value in mapping:
            line = _parse_line(written, value)
            params = () if line.name in _ONLY_ONCE else line.params
            merged[line.name, params] = (written, value)
    return tuple(pair for pair in merged.values() if pair[1].strip())


def split_written_pair(text: str) -> tuple[str, str]:
    """Return the two halves of ``TEL;TYPE=work=telephoneNumber``.

    Raises:
        BadValueError: it has no halves.
    """
    match = _WRITTEN_PAIR.fullmatch(text)
    if match is None:
        raise BadValueError(f'is "{text}"; write PROPERTY=ATTRIBUTE')
    return match[1].strip(), match[2].strip()


def _parse_line(written: str, value: str) -> CardLine:
    shown, *params = (part.strip() for part in written.split(";"))
    name = shown.upper()
    if name not in _PROPERTIES and not _EXTENSION.fullmatch(name):
        near = get_close_matches(name, _PROPERTIES, n=1)
        hint = f'did you mean "{near[0]}"?' if near else f"there are {', '.join(_PROPERTIES)}"
        raise BadValueError(f'maps "{shown}", which is no vCard property to map to; {hint}')
    return CardLine(
        name,
        tuple(sorted(_parse_param(name, param) for param in params)),
        _parse_components(name, written, value),
    )


def _parse_param(name: str, param: str) -> tuple[str, tuple[str, ...]]:
    key, _, written = param.partition("=")
    key = key.strip().upper()
    if key == "TYPE":
        values = tuple(sorted({value.strip().lower() for value in written.split(",")}))
        if not all(_WORD.fullmatch(value) for value in values):
            raise BadValueError(
                f'gives {name} the parameter "{param}"; write TYPE=work or the like'
            )
        # What a telephone is for if nothing else is said.
        return key, tuple(value for value in values if name != "TEL" or value != "voice")
    if key == "PREF" and _PREFERENCE.fullmatch(written.strip()):
        return key, (written.strip(),)
    raise BadValueError(
        f'gives {name} the parameter "{param}"; there are TYPE=… and PREF=1 to PREF=100'
    )


def _parse_components(name: str, written: str, value: str) -> tuple[tuple[Source, ...], ...]:
    if not value.strip():
        return ()
    texts = _split_components(written, value)
    if len(texts) > COMPONENTS.get(name, 1):
        most = COMPONENTS.get(name, 1)
        what = f"{most} components" if name in COMPONENTS else 'one component, without ";"'
        raise BadValueError(f'maps "{written}" to more than {name} has: {what}')
    components = tuple(_parse_component(written, text) for text in texts)
    if not any(components):
        raise BadValueError(f'maps "{written}" to "{value}", which names no attribute')
    return components


def _split_components(written: str, value: str) -> list[str]:
    texts = []
    position, more = 0, True
    while more:
        match = _COMPONENT.match(value, position)
        if match is None:
            raise BadValueError(f'maps "{written}" to a text whose quote is not closed')
        texts.append(match[1].strip())
        position, more = match.end(), bool(match[2])
    return texts


def _parse_component(written: str, text: str) -> tuple[Source, ...]:
    if not text:
        return ()
    sources = []
    for alternative in re.findall(r"(?:'[^']*'|[^|'])+|(?<=\|)(?=\||\Z)|\A(?=\|)", text):
        stripped = alternative.strip()
        literal = _LITERAL.fullmatch(stripped)
        if literal is not None:
            sources.append(Source(text=literal[1]))
        elif _ATTRIBUTE.fullmatch(stripped):
            sources.append(Source(attribute=stripped.lower()))
        else:
            raise BadValueError(f'maps "{written}" to "{stripped}", which is no attribute')
    return tuple(sources)
