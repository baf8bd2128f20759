"""The ``filter`` of an addressbook-query (RFC 6352, section 10.5)."""

import xml.etree.ElementTree as ET
from enum import StrEnum
from typing import TypeVar

from sharedbooks.vcard.filters import (
    CardFilter,
    Collation,
    MatchType,
    ParamFilter,
    PropFilter,
    TextMatch,
)
from sharedbooks_radicale.failures import BadRequest, Refused
from sharedbooks_radicale.protocol.xml import carddav

_FILTER = carddav("filter")
_PROP_FILTER = carddav("prop-filter")
_PARAM_FILTER = carddav("param-filter")
_TEXT_MATCH = carddav("text-match")
_NOT_DEFINED = carddav("is-not-defined")

_MAX_CONDITIONS = 200
"""Each condition costs time for each card; no client sends more than a few."""

E = TypeVar("E", bound=StrEnum)


def read_filter(query: ET.Element) -> CardFilter:
    """Return the filter of an ``addressbook-query``; without one every card matches.

    Raises:
        BadRequest: an attribute has a value that is not defined, or a name is missing.
        Refused: an element that is not supported (``supported-filter``), or a collation
            (``supported-collation``).
    """
    node = query.find(_FILTER)
    if node is None:
        return CardFilter()
    if sum(1 for _ in node.iter()) > _MAX_CONDITIONS:
        raise _unsupported("The filter has too many conditions.")
    return CardFilter(
        tuple(_prop_filter(_expect(child, _PROP_FILTER)) for child in node), _all_of(node)
    )


def _prop_filter(node: ET.Element) -> PropFilter:
    prop_group, _, name = _name(node).rpartition(".")
    texts: list[TextMatch] = []
    params: list[ParamFilter] = []
    for child in node:
        if child.tag == _TEXT_MATCH:
            texts.append(_text_match(child))
        elif child.tag == _PARAM_FILTER:
            params.append(_param_filter(child))
        else:
            _expect(child, _NOT_DEFINED)
    return PropFilter(
        name=name,
        prop_group=prop_group or None,
        defined=node.find(_NOT_DEFINED) is None,
        all_of=_all_of(node),
        texts=tuple(texts),
        params=tuple(params),
    )


def _param_filter(node: ET.Element) -> ParamFilter:
    text = node.find(_TEXT_MATCH)
    return ParamFilter(
        name=_name(node),
        defined=node.find(_NOT_DEFINED) is None,
        text=None if text is None else _text_match(text),
    )


def _text_match(node: ET.Element) -> TextMatch:
    collation = node.get("collation", "default")
    if collation == "default":
        collation = Collation.UNICODE
    if collation not in set(Collation):
        raise Refused(
            f"The collation {collation!r} is not known here.",
            element="<CARD:supported-collation/>",
        )
    return TextMatch(
        text="".join(node.itertext()),
        collation=Collation(collation),
        match_type=_choice(node, "match-type", MatchType, MatchType.CONTAINS),
        negate=_choice(node, "negate-condition", _YesNo, _YesNo.NO) is _YesNo.YES,
    )


class _YesNo(StrEnum):
    YES = "yes"
    NO = "no"


class _Test(StrEnum):
    ANY_OF = "anyof"
    ALL_OF = "allof"


def _all_of(node: ET.Element) -> bool:
    return _choice(node, "test", _Test, _Test.ANY_OF) is _Test.ALL_OF


def _choice(node: ET.Element, attribute: str, choices: type[E], default: E) -> E:
    value = node.get(attribute, default.value)
    if value not in set(choices):
        raise BadRequest(f"{attribute}={value!r} is not defined.")
    return choices(value)


def _name(node: ET.Element) -> str:
    name = node.get("name", "").strip()
    if not name:
        raise BadRequest("A filter names its property or parameter.")
    group, dot, local = name.rpartition(".")
    return f"{group}{dot}{local.upper()}"


def _expect(node: ET.Element, tag: str) -> ET.Element:
    if node.tag != tag:
        raise _unsupported(f"{node.tag} has no place in a filter here.")
    return node


def _unsupported(message: str) -> Refused:
    return Refused(message, element="<CARD:supported-filter/>")
