"""Mappings of columns as they are typed: ``Téléphone=TEL;TYPE=work``."""

from collections.abc import Sequence

from sharedbooks.exchange.columns import fold_heading, meaning_of

KEY_MARK = "KEY"
"""The target of the column that tells rows apart, where a mapping is kept."""


def parse_assignments(assignments: Sequence[str]) -> tuple[dict[str, str], str | None]:
    """Return the target of each column by its heading, and the column that tells rows apart.

    The last equals sign before a target divides: a heading may hold one.

    Raises:
        ValueError: an assignment is none; the sentence says why.
    """
    mapping: dict[str, str] = {}
    key = None
    for each in assignments:
        heading, target = _divide(each)
        if target == KEY_MARK:
            key = heading
            continue
        if target:
            meaning_of(target, fold_heading(heading))
        mapping[heading] = target
    return mapping, key


def _divide(assignment: str) -> tuple[str, str]:
    head, *params = assignment.split(";")
    heading, equals, target = head.rpartition("=")
    if not equals or not heading.strip():
        raise ValueError(f"{assignment!r} is no assignment: write COLUMN=TARGET.")
    return heading.strip(), ";".join([target.strip(), *params])
