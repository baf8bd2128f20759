"""Rules for the properties a card must have: ``ORG and (TEL or EMAIL)``."""

import re
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from typing import NamedTuple

from sharedbooks.errors import InvalidRule
from sharedbooks.vcard.contentlines import ContentLine

MAX_RULE_LENGTH = 500
"""Longest rule in characters; it may have 50 pairs of parentheses."""

_KNOWN = (
    *("FN", "N", "NICKNAME", "PHOTO", "BDAY", "ANNIVERSARY", "GENDER", "ADR", "TEL", "EMAIL"),
    *("IMPP", "LANG", "TZ", "GEO", "TITLE", "ROLE", "LOGO", "ORG", "MEMBER", "RELATED", "KIND"),
    *(
        "CATEGORIES",
        "NOTE",
        "PRODID",
        "REV",
        "SOUND",
        "UID",
        "URL",
        "KEY",
        "LABEL",
        "SOCIALPROFILE",
    ),
)
_MAX_GROUPS = 50
_TOKEN = re.compile(r"\s*([()]|[A-Za-z0-9-]+)")
_SEPARATORS = b" \t;,"


class Rule(NamedTuple):
    """What a card must have; a text of the rule is what ``str`` gives.

    Attributes:
        word: ``"and"``, ``"or"``, or the name of a property, which then is the whole rule.
        parts: what ``word`` joins.
    """

    word: str
    parts: "tuple[Rule, ...]" = ()

    def __str__(self) -> str:
        texts = [f"({part})" if part.parts else str(part) for part in self.parts]
        return f" {self.word} ".join(texts) if self.parts else self.word


_Reader = Callable[[Sequence[str]], tuple[Rule, Sequence[str]]]


def parse_rule(text: str) -> Rule | None:
    """Return the rule in ``text``, or None if it is blank: nothing is required.

    Names of properties are joined with ``and`` and ``or``, and grouped with parentheses; ``and``
    binds closer. Case does not matter.

    Raises:
        InvalidRule: it is no such rule, or names a property that no vCard has.
    """
    if len(text) > MAX_RULE_LENGTH or text.count("(") > _MAX_GROUPS:
        raise InvalidRule(
            f"A rule has at most {MAX_RULE_LENGTH} characters and {_MAX_GROUPS} parentheses."
        )
    tokens = _split(text)
    if not tokens:
        return None
    rule, rest = _read_any(tokens)
    if rest:
        raise InvalidRule(_expected("'and', 'or' or the end", rest))
    return rule


def present_names(lines: Iterable[ContentLine]) -> set[str]:
    """Return the names of the properties that say something."""
    return {line.name for line in lines if line.raw_value.strip(_SEPARATORS)}


def missing_parts(rule: Rule, present: AbstractSet[str]) -> list[Rule]:
    """Return what a card with those properties lacks of ``rule``; nothing if it is kept."""
    if _is_kept(rule, present):
        return []
    if rule.word == "and":
        return [missing for part in rule.parts for missing in missing_parts(part, present)]
    return [rule]


def _is_kept(rule: Rule, present: AbstractSet[str]) -> bool:
    if not rule.parts:
        return rule.word in present
    judge = all if rule.word == "and" else any
    return judge(_is_kept(part, present) for part in rule.parts)


def _split(text: str) -> list[str]:
    tokens = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidRule(
                f"{text[position:].strip()[:1]!r} has no place in a rule such as "
                "'ORG and (TEL or EMAIL)'."
            )
        tokens.append(match[1])
        position = match.end()
    return tokens


def _read_any(tokens: Sequence[str]) -> tuple[Rule, Sequence[str]]:
    return _read_joined("or", _read_all, tokens)


def _read_all(tokens: Sequence[str]) -> tuple[Rule, Sequence[str]]:
    return _read_joined("and", _read_one, tokens)


def _read_joined(word: str, read: _Reader, tokens: Sequence[str]) -> tuple[Rule, Sequence[str]]:
    part, rest = read(tokens)
    parts = [part]
    while rest and rest[0].lower() == word:
        part, rest = read(rest[1:])
        parts.append(part)
    return (Rule(word, tuple(parts)) if len(parts) > 1 else part), rest


def _read_one(tokens: Sequence[str]) -> tuple[Rule, Sequence[str]]:
    if not tokens or tokens[0] == ")" or tokens[0].lower() in {"and", "or"}:
        raise InvalidRule(_expected("a property or '('", tokens))
    if tokens[0] != "(":
        return Rule(_checked(tokens[0].upper())), tokens[1:]
    rule, rest = _read_any(tokens[1:])
    if not rest or rest[0] != ")":
        raise InvalidRule(_expected("')'", rest))
    return rule, rest[1:]


def _checked(name: str) -> str:
    if name in _KNOWN or name.startswith("X-"):
        return name
    near = get_close_matches(name, _KNOWN, n=1)
    hint = f"; did you mean {near[0]}?" if near else ", such as FN, ORG, TEL or EMAIL."
    raise InvalidRule(f"{name!r} is no property of a contact{hint}")


def _expected(what: str, tokens: Sequence[str]) -> str:
    found = repr(tokens[0]) if tokens else "the end"
    return (
        f"In the rule {what} should stand where {found} is; write as in 'ORG and (TEL or EMAIL)'."
    )
