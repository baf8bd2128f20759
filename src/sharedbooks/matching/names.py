"""Names of persons and companies as cards write them: which words are given and which family."""

from collections.abc import Sequence
from typing import NamedTuple

from sharedbooks.matching.text import fold_words

MAX_NAMES = 4
"""So many ways to say a name are looked at."""

_MAX_WORDS = 4

_TITLES = frozenset(
    """
    mr mrs ms miss mx sir dr drs prof professor dipl ing med phd md mba msc bsc herr frau hr fr
    mme mlle monsieur madame maitre me sig signor signora signorina dott dottssa avv sr sra srta
    lic rev hon mag lord lady jur rer nat habil
    """.split()  # noqa: SIM905
)
_SUFFIXES = {
    "jr": "jr", "junior": "jr", "jun": "jr", "jnr": "jr", "sr": "sr", "senior": "sr", "sen": "sr",
    "snr": "sr", "ii": "ii", "iii": "iii", "iv": "iv",
}  # fmt: skip
_PARTICLES = frozenset(
    """
    von van de der den del della di da do dos das du la le el al zu zum zur ten ter af av of y e the
    bin ibn abu ben des
    """.split()  # noqa: SIM905
)
_LEGAL_FORMS = frozenset(
    """
    gmbh ag kg ohg ug mbh co kgaa ev eg se ltd limited llc llp plc inc incorporated corp
    corporation company sa sas sarl srl spa snc sas sl bv nv ab oy as aps kft doo sro spzoo sp zoo
    pty pte cie and und et the a s z o
    """.split()  # noqa: SIM905
)


class Name(NamedTuple):
    """One way to say a person's name, in folded words.

    Attributes:
        given: given names, the one used first; initials are words of one letter.
        family: family names, without ``von``, ``de`` and the like where others are there.
    """

    given: Sequence[str]
    family: Sequence[str]


class Names(NamedTuple):
    """All that a card says of a person's name; see ``Features``."""

    names: list[Name]
    suffix: str


def names_of(
    components: Sequence[str],
    shown: str,
    *,
    nickname: str = "",
    maiden_name: str = "",
    phonetic: tuple[str, str] = ("", ""),
) -> Names:
    """Return the ways a card says a name.

    Args:
        components: of N, unescaped: family, given, additional, prefixes, suffixes.
        shown: FN.
        nickname: taken for a given name.
        maiden_name: taken for another family name.
        phonetic: given and family name as they are spoken; those of Japanese names, mostly.
    """
    family, given, additional, _, suffix = [*components, *[""] * 5][:5]
    found: list[Name] = []
    shown_name, shown_suffix = _from_one_text(shown)
    if family or given:
        main = Name(_words(f"{given} {additional}"), _family_words(family))
        if not (main.family and main.given):
            # A program that knows one field only has put the whole name into it.
            main, _ = _from_one_text(f"{given} {family}")
        found.append(main)
    if any(shown_name) and shown_name not in found:
        found.append(shown_name)
    if found and nickname:
        found.append(Name(_words(nickname), found[0].family))
    if found and maiden_name:
        found.append(Name(found[0].given, _family_words(maiden_name)))
    if any(phonetic):
        found.append(Name(_words(phonetic[0]), _family_words(phonetic[1])))
    found = [name for name in found if any(name)]
    return Names(found[:MAX_NAMES], _suffix(fold_words(suffix).split()) or shown_suffix)


def read_company(text: str) -> str:
    """Return the name of a company as folded words, without its legal form."""
    words = fold_words(text).split()
    # "S.p.A." and "e. V." have become single letters.
    telling = [word for word in words if word not in _LEGAL_FORMS and len(word) > 1]
    return " ".join(telling or words)


def _from_one_text(text: str) -> tuple[Name, str]:
    """Take a name apart that stands in one field: ``Ann B. Meier`` or ``Meier, Ann``."""
    before, comma, after = text.partition(",")
    suffix = _suffix(fold_words(text).split())
    if comma and _words(before) and _words(after):
        return Name(_words(after), _family_words(before)), suffix
    # Words joined by a hyphen stay together.
    pieces = [piece for piece in text.split() if _words(piece)]
    if len(pieces) < 2:
        return Name(_words(text), []), suffix
    cut = _family_start(pieces)
    return Name(_words(" ".join(pieces[:cut])), _family_words(" ".join(pieces[cut:]))), suffix


def _family_start(pieces: Sequence[str]) -> int:
    """Return where the family name begins: at its particle, else at the last piece."""
    for position in range(1, len(pieces) - 1):
        if fold_words(pieces[position]) in _PARTICLES:
            return position
    return len(pieces) - 1


def _words(text: str) -> list[str]:
    words = [
        word for word in fold_words(text).split() if word not in _TITLES and word not in _SUFFIXES
    ]
    return words[:_MAX_WORDS]


def _family_words(text: str) -> list[str]:
    words = _words(text)
    return [word for word in words if word not in _PARTICLES] or words


def _suffix(words: Sequence[str]) -> str:
    return next((_SUFFIXES[word] for word in words[1:] or words if word in _SUFFIXES), "")
