"""Texts made comparable: without case, accents and scripts, and how like two words are."""

import re
from functools import lru_cache

from anyascii import anyascii
from rapidfuzz.distance import OSA

_NOT_A_LETTER = re.compile(r"[^a-z0-9]+")
_APOSTROPHE = re.compile(r"(?<=\w)['\u2019`](?=\w)")
# What people write, or hear, for one another: Müller and Mueller, Stefan and Stephan, Aleksei and
# Alexey. In this order.
_SOUNDS = (
    ("tsch", "c"), ("tch", "c"), ("sch", "s"), ("sh", "s"), ("ch", "c"), ("zh", "s"),
    ("ph", "f"), ("th", "t"), ("dt", "t"), ("ck", "k"), ("tz", "s"), ("ts", "s"), ("x", "ks"),
    ("ae", "a"), ("oe", "o"), ("ue", "u"), ("ou", "u"), ("ai", "ei"), ("ay", "ei"), ("ey", "ei"),
    ("y", "i"), ("j", "i"), ("w", "v"), ("q", "k"), ("z", "s"), ("c", "k"), ("h", ""),
)  # fmt: skip
_DOUBLED = re.compile(r"(.)\1+")
_VOWELS = re.compile(r"(?<=.)[aeiou]+")
_REMEMBERED = 16384


@lru_cache(_REMEMBERED)
def fold_words(text: str) -> str:
    """Return ``text`` as words of ASCII letters and digits, one space between two.

    Other scripts are transliterated, accents and case go: ``Łódź`` is ``lodz``.
    """
    text = _APOSTROPHE.sub("", text)
    plain = text if text.isascii() else anyascii(text)
    return _NOT_A_LETTER.sub(" ", plain.lower()).strip()


@lru_cache(_REMEMBERED)
def sound(word: str) -> str:
    """Return how a folded word sounds, roughly and in many languages: ``mueler`` for Müller too."""
    heard_word = word
    for written, heard in _SOUNDS:
        if written in heard_word:
            heard_word = heard_word.replace(written, heard)
    # An initial H is all there is of some words.
    return _DOUBLED.sub(r"\1", heard_word) or word


@lru_cache(_REMEMBERED)
def bones(word: str) -> str:
    """Return the sound of a folded word without the vowels after its first letter."""
    return _VOWELS.sub("", sound(word))


def is_misspelt(one: str, other: str) -> bool:
    """Tell whether two words differ by no more than a slip or two, by their length."""
    shorter = min(len(one), len(other))
    if shorter < 4:
        return shorter == 3 and sorted(one) == sorted(other)
    allowed = 1 if shorter < 7 else 2
    return OSA.distance(one, other, score_cutoff=allowed) <= allowed
