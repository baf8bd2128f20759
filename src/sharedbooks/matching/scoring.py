"""How likely two cards are of one person or company, and what speaks for and against it.

Evidence is weighed in bits, as Fellegi and Sunter do: the logarithm of how much likelier it is
between cards of one person than between cards of two. A rare value tells more than a common one.
What households and colleagues share counts for little where the persons themselves differ.
"""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from rapidfuzz import fuzz

from sharedbooks.matching.comparing_names import compare_names
from sharedbooks.matching.features import Features, Place
from sharedbooks.matching.keys import (
    BIRTHDAY,
    LOCALITY,
    MAIL,
    ORGANISATION,
    POSTCODE,
    STREET,
    Rarity,
    phone_key,
)
from sharedbooks.matching.phones import are_same_phone
from sharedbooks.matching.text import is_misspelt

DEFAULT_THRESHOLD = 0.8
"""Score from which on a pair is taken for a duplicate."""

DUPLICATES_A_CARD = 0.2
"""How many duplicates a card has before anything is known of it."""

_NOT_A_WORD = re.compile(r"[^a-z]")

_OF_ONE_PERSON = 3
"""A number or mail that more cards have is not one person's."""

_MOST_BITS = 60.0
_SHARED_AT_MOST = 7.0
"""Bits that household and firm may give where the persons differ."""

_ROLES = frozenset(
    [
        "accounting",
        "accounts",
        "admin",
        "administration",
        "bestellung",
        "billing",
        "booking",
        "bookings",
        "buchhaltung",
        "bureau",
        "buero",
        "commercial",
        "compta",
        "comptabilite",
        "contact",
        "contacto",
        "contatti",
        "customerservice",
        "einkauf",
        "empfang",
        "enquiries",
        "finance",
        "hallo",
        "hello",
        "help",
        "helpdesk",
        "hr",
        "info",
        "infos",
        "inquiries",
        "invoice",
        "invoices",
        "jobs",
        "kontakt",
        "mail",
        "marketing",
        "noreply",
        "office",
        "order",
        "orders",
        "post",
        "postmaster",
        "praxis",
        "presse",
        "press",
        "reception",
        "rechnung",
        "reservation",
        "reservations",
        "sales",
        "sekretariat",
        "secretariat",
        "segreteria",
        "service",
        "shop",
        "support",
        "team",
        "vendite",
        "verkauf",
        "vente",
        "ventes",
        "verwaltung",
        "webmaster",
        "welcome",
        "zentrale",
    ]
)


class Kind(StrEnum):
    """What evidence is about."""

    NAME = "name"
    BIRTHDAY = "birthday"
    PHONE = "phone"
    MAIL = "mail"
    ADDRESS = "address"
    ORGANISATION = "organisation"


class Evidence(NamedTuple):
    """One thing that speaks for (``bits`` above 0) or against two cards being of one person."""

    kind: Kind
    text: str
    bits: float


class Comparison(NamedTuple):
    """What comparing two cards gave.

    Attributes:
        score: how likely they are of one person, 0 to 1.
        evidence: for what reasons, the weightiest first.
    """

    score: float
    evidence: tuple[Evidence, ...]


class _Contact(NamedTuple):
    """A number or mail that both cards have, and whether still others have it."""

    evidence: Evidence
    is_common: bool


_NO_PHONE = _Contact(Evidence(Kind.PHONE, "no phone in common", -1.0), is_common=False)
_NO_MAIL = _Contact(Evidence(Kind.MAIL, "no mail in common", -0.5), is_common=False)


def compare(one: Features, other: Features, rarity: Rarity) -> Comparison:
    """Return how likely two cards are of one person or company, and why."""
    identity = _compare_identity(one, other, rarity)
    birthday = _compare_birthdays(one.birthday, other.birthday, rarity)
    if _are_two(identity, birthday):
        # What they share is what families and colleagues share.
        return _weighed([*identity.evidence, *birthday], rarity)
    contacts = [*_compare_phones(one, other, rarity), *_compare_mails(one, other, rarity)]
    shared = [
        *_compare_places(one.places, other.places, rarity),
        *_compare_organisations(one, other, rarity),
        *(each.evidence for each in contacts if each.is_common),
    ]
    around = _sum(shared)
    if identity.other_family:
        # A married name, or a colleague: what the whole firm has cannot tell them apart.
        around = min(around, _SHARED_AT_MOST)
    unlimited = [each.evidence for each in contacts if not each.is_common]
    evidence = [*identity.evidence, *birthday, *unlimited]
    surplus = _sum(shared) - around
    return _weighed([*evidence, *shared], rarity, surplus)


def _weighed(evidence: list[Evidence], rarity: Rarity, surplus: float = 0.0) -> Comparison:
    """Return what the evidence amounts to, ``surplus`` bits of which do not count."""
    bits = max(-_MOST_BITS, min(_MOST_BITS, _sum(evidence) - surplus))
    odds = DUPLICATES_A_CARD / rarity.size * 2.0**bits
    ranked = sorted(evidence, key=lambda each: -abs(each.bits))
    return Comparison(odds / (1 + odds), tuple(ranked))


def _sum(evidence: Iterable[Evidence]) -> float:
    return sum([each.bits for each in evidence])


def _are_two(identity: "_Identity", birthday: Sequence[Evidence]) -> bool:
    """Tell whether what is of the persons alone says that they are two."""
    if identity.suffix_differs or _sum(birthday) < -1:
        return True
    # A birthday that both have outweighs a given name that was replaced.
    return identity.differ and _sum(birthday) < 4


class _Identity(NamedTuple):
    """What names say: see ``NameComparison``."""

    evidence: list[Evidence]
    differ: bool = False
    other_family: bool = False
    suffix_differs: bool = False


def _compare_identity(one: Features, other: Features, rarity: Rarity) -> _Identity:
    if one.company and other.company:
        return _compare_companies(one.organisation, other.organisation, rarity)
    if one.company != other.company and (one.names or other.names):
        against = Evidence(Kind.NAME, "one is a company, the other a person", -8.0)
        return _Identity([against], differ=True)
    found = [compare_names(left, right, rarity) for left in one.names for right in other.names]
    if not found:
        return _Identity([])
    best = max(found, key=lambda each: each.bits)
    evidence = [Evidence(Kind.NAME, best.text, best.bits)]
    suffix_differs = one.suffix != other.suffix and (
        bool(one.suffix and other.suffix) or best.is_same
    )
    if suffix_differs:
        text = f"{one.suffix or 'no suffix'} and {other.suffix or 'no suffix'}"
        bits = -8.0 if one.suffix and other.suffix else -4.0
        evidence.append(Evidence(Kind.NAME, text, bits))
    return _Identity(evidence, best.differ, best.other_family, suffix_differs)


def _compare_companies(one: str, other: str, rarity: Rarity) -> _Identity:
    key = f"{ORGANISATION}:{one}"
    if one == other:
        return _Identity([Evidence(Kind.NAME, "same company", rarity.bits(key, 0.02))])
    likeness = fuzz.token_sort_ratio(one, other)
    if likeness >= 88 or one.replace(" ", "") == other.replace(" ", ""):
        return _Identity([Evidence(Kind.NAME, "similar company", rarity.bits(key, 0.2))])
    if fuzz.token_set_ratio(one, other) == 100:
        return _Identity([Evidence(Kind.NAME, "company in part", 4.0)])
    return _Identity([Evidence(Kind.NAME, "different companies", -6.0)], differ=True)


def _compare_birthdays(one: str, other: str, rarity: Rarity) -> list[Evidence]:
    if not (one and other):
        return []
    if one == other:
        most = 7.5 if one.startswith("-") else 12.0
        bits = min(most, rarity.bits(f"{BIRTHDAY}:{one}"))
        return [Evidence(Kind.BIRTHDAY, "same birthday", bits)]
    if one[-4:] == other[-4:] and "-" in one[0] + other[0]:
        return [Evidence(Kind.BIRTHDAY, "same birthday, one without year", 7.5)]
    if len(one) == len(other) and _is_one_slip(one, other):
        return [Evidence(Kind.BIRTHDAY, "similar birthday", 5.0)]
    if (one[:4], one[4:6], one[6:]) == (other[:4], other[6:], other[4:6]):
        return [Evidence(Kind.BIRTHDAY, "same birthday, day and month swapped", 7.0)]
    return [Evidence(Kind.BIRTHDAY, "different birthdays", -6.0)]


def _is_one_slip(one: str, other: str) -> bool:
    """Tell whether two dates differ in one digit, or in two that changed places."""
    differing = [place for place, digit in enumerate(one) if digit != other[place]]
    if len(differing) == 1:
        return True
    first, last = differing[0], differing[-1]
    swapped = one[first] == other[last] and one[last] == other[first]
    return swapped and len(differing) == 2 and last == first + 1


def _compare_phones(one: Features, other: Features, rarity: Rarity) -> list[_Contact]:
    found = []
    for phone in _shared_phones(one.phones, other.phones):
        key = phone_key(phone)
        evidence = Evidence(Kind.PHONE, f"same phone {phone}", rarity.identifier_bits(key))
        found.append(_Contact(evidence, rarity.count(key) > _OF_ONE_PERSON))
    if not found and one.phones and other.phones:
        return [_NO_PHONE]
    return _strongest(found)


def _shared_phones(ones: Sequence[str], others: Sequence[str]) -> list[str]:
    same = [phone for phone in ones if phone in others]
    if same or all(phone[0] == "+" for phone in (*ones, *others)):
        return same
    return [one for one in ones if any(are_same_phone(one, other) for other in others)]


def _compare_mails(one: Features, other: Features, rarity: Rarity) -> list[_Contact]:
    found = []
    for mail in one.mails:
        if mail in other.mails:
            key = f"{MAIL}:{mail}"
            bits = rarity.identifier_bits(key)
            is_role = _NOT_A_WORD.sub("", mail.partition("@")[0]) in _ROLES
            evidence = Evidence(Kind.MAIL, f"same mail {mail}", min(bits, 4.0) if is_role else bits)
            found.append(_Contact(evidence, is_role or rarity.count(key) > _OF_ONE_PERSON))
    if not found and one.mails and other.mails:
        return [_NO_MAIL]
    return _strongest(found)


def _strongest(found: list[_Contact]) -> list[_Contact]:
    """Return the strongest and, for a little more, the next."""
    if len(found) < 2:
        return found
    ranked = sorted(found, key=lambda each: -each.evidence.bits)
    return [*ranked[:1], *(_weakened(each) for each in ranked[1:2])]


def _weakened(contact: _Contact) -> _Contact:
    evidence = contact.evidence
    return contact._replace(evidence=evidence._replace(bits=evidence.bits / 4))


def _compare_places(
    ones: Iterable[Place], others: Iterable[Place], rarity: Rarity
) -> list[Evidence]:
    found = [_compare_place(one, other, rarity) for one in ones for other in others]
    return [max(found, key=lambda each: each.bits)] if found else []


def _compare_place(one: Place, other: Place, rarity: Rarity) -> Evidence:
    street = _street_bits(one, other, rarity)
    town = _town_bits(one, other, rarity)
    if town < 0:
        # A street of that name is in every town.
        street = min(street, 0.0)
    bits = max(-3.0, min(14.0, street + town))
    if street > 3 and town > 0:
        return Evidence(Kind.ADDRESS, "same address", bits)
    if bits > 0:
        return Evidence(Kind.ADDRESS, "similar address" if street > 3 else "same town", bits)
    return Evidence(Kind.ADDRESS, "different addresses", bits)


def _street_bits(one: Place, other: Place, rarity: Rarity) -> float:
    bits = 0.0
    if one.street and other.street:
        if one.street == other.street:
            bits = min(8.0, rarity.bits(f"{STREET}:{one.street}"))
        elif fuzz.ratio(one.street, other.street) >= 80:
            bits = min(7.0, rarity.bits(f"{STREET}:{one.street}") - 1)
        else:
            return -2.0
    if one.number and other.number:
        bits = bits + 3.0 if one.number == other.number else min(bits, 3.0)
    return bits


def _town_bits(one: Place, other: Place, rarity: Rarity) -> float:
    bits = -1.0 if one.postcode and other.postcode else 0.0
    if one.postcode and one.postcode == other.postcode:
        bits = min(5.0, rarity.bits(f"{POSTCODE}:{one.postcode}"))
    elif bits and is_misspelt(one.postcode, other.postcode):
        bits = 1.0
    if one.locality and other.locality:
        if fuzz.ratio(one.locality, other.locality) >= 80:
            bits += min(3.0, rarity.bits(f"{LOCALITY}:{one.locality}"))
        else:
            bits -= 1.0
    return bits


def _compare_organisations(one: Features, other: Features, rarity: Rarity) -> list[Evidence]:
    left, right = one.organisation, other.organisation
    if one.company or other.company or not (left and right):
        return []
    if left == right or fuzz.token_set_ratio(left, right) >= 92:
        bits = min(5.0, rarity.bits(f"{ORGANISATION}:{left}"))
        return [Evidence(Kind.ORGANISATION, "same organisation", bits)]
    return [Evidence(Kind.ORGANISATION, "different organisations", -1.5)]
