"""Whether a card matches a filter (RFC 6352, section 10.5), decided on its octets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sharedbooks.vcard.contentlines import (
    ContentLine,
    content_lines,
    text_value,
    text_values,
)
from sharedbooks.vcard.index import fold_text


class Collation(StrEnum):
    """How texts are compared (RFC 4790)."""

    ASCII = "i;ascii-casemap"
    UNICODE = "i;unicode-casemap"
    OCTET = "i;octet"


class MatchType(StrEnum):
    """Where in a value the text has to be (RFC 6352, section 10.5.4)."""

    EQUALS = "equals"
    CONTAINS = "contains"
    STARTS_WITH = "starts-with"
    ENDS_WITH = "ends-with"


@dataclass(frozen=True, slots=True)
class TextMatch:
    """A text that a value has to hold, or with ``negate`` must not hold."""

    text: str
    collation: Collation = Collation.UNICODE
    match_type: MatchType = MatchType.CONTAINS
    negate: bool = False

    def accepts(self, values: Sequence[str]) -> bool:
        """True if one of ``values``, the ways to read one instance, is as wished."""
        fold = _FOLDS[self.collation]
        compare = _COMPARES[self.match_type]
        wanted = fold(self.text)
        return any(compare(fold(value), wanted) for value in values) is not self.negate


@dataclass(frozen=True, slots=True)
class ParamFilter:
    """A condition on a parameter of the same instance: undefined, defined, or with some text."""

    name: str
    defined: bool = True
    text: TextMatch | None = None

    def accepts(self, line: ContentLine) -> bool:
        """True if the instance's parameters are as wished."""
        values = line.param_values(self.name)
        if not self.defined:
            return not values
        if self.text is None:
            return bool(values)
        return bool(values) and self.text.accepts(values)


@dataclass(frozen=True, slots=True)
class PropFilter:
    """A condition on the instances of one property.

    Attributes:
        name: property name in upper case.
        prop_group: group the instance must be in (``item1``), or None for any.
        defined: False if there must be no such instance; the rest is then empty.
        all_of: whether every text and parameter condition, or any, must hold, always on the same
            instance.
    """

    name: str
    prop_group: str | None = None
    defined: bool = True
    all_of: bool = False
    texts: tuple[TextMatch, ...] = ()
    params: tuple[ParamFilter, ...] = ()

    def is_met_by(self, line: ContentLine) -> bool:
        """True if ``line``, an instance of this property, is one that there must, or must not, be.

        So a card is as wished if one of its lines does, and ``defined``, or none does and not.
        """
        return self._in_group(line) and self._accepts_instance(line)

    def _in_group(self, line: ContentLine) -> bool:
        if self.prop_group is None:
            return True
        return (line.prop_group or "").upper() == self.prop_group.upper()

    def _accepts_instance(self, line: ContentLine) -> bool:
        if not self.texts and not self.params:
            return True
        verdicts = [param.accepts(line) for param in self.params]
        if self.texts:
            values = _readings(line)
            verdicts += [text.accepts(values) for text in self.texts]
        return all(verdicts) if self.all_of else any(verdicts)


@dataclass(frozen=True, slots=True)
class CardFilter:
    """Conditions on several properties, of which all or any must hold; none matches every card."""

    props: tuple[PropFilter, ...] = ()
    all_of: bool = False

    def accepts(self, octets: bytes) -> bool:
        """True if the card with those octets matches.

        Raises:
            InvalidCard: the octets are no card.
        """
        if not self.props:
            return True
        unmet = list(self.props)
        names = {prop.name for prop in unmet}
        for line in content_lines(octets):
            if line.name not in names:
                continue
            met = [prop for prop in unmet if prop.name == line.name and prop.is_met_by(line)]
            # One that holds settles "any", one that does not settles "all".
            if any(prop.defined is not self.all_of for prop in met):
                return not self.all_of
            unmet = [prop for prop in unmet if prop not in met]
        verdicts = (prop.defined for prop in unmet)
        return not any(verdicts) if self.all_of else not all(verdicts)


_LISTS = frozenset({"CATEGORIES", "NICKNAME"})


def _readings(line: ContentLine) -> list[str]:
    """Return the value as a whole and, of a list, each element too."""
    if line.is_base64:
        # Nobody looks for text in a photo, and decoding it would cost more than all the rest.
        return []
    whole = text_value(line)
    return [whole, *text_values(line)] if line.name in _LISTS else [whole]


def _fold_ascii(text: str) -> str:
    return text.translate(_ASCII_UPPER)


_ASCII_UPPER = {code: code - 32 for code in range(ord("a"), ord("z") + 1)}

_FOLDS: dict[Collation, Callable[[str], str]] = {
    Collation.ASCII: _fold_ascii,
    # Takes all for equal that RFC 5051 does, and "ß" for "SS" as people expect.
    Collation.UNICODE: fold_text,
    Collation.OCTET: str,
}
_COMPARES: dict[MatchType, Callable[[str, str], bool]] = {
    MatchType.EQUALS: str.__eq__,
    MatchType.CONTAINS: str.__contains__,
    MatchType.STARTS_WITH: str.startswith,
    MatchType.ENDS_WITH: str.endswith,
}
