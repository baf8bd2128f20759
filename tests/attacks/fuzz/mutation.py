"""Inputs made of a target's seeds and tokens, as Hypothesis strategies."""

from hypothesis import strategies as st

from tests.attacks.fuzz.target import Target

_LONGEST = 40


def inputs(target: Target) -> st.SearchStrategy[bytes]:
    """Return inputs for a target: its tokens in any order, and its seeds changed here and there."""
    pieces = st.sampled_from(target.tokens) | st.binary(max_size=4)
    made = st.lists(pieces, max_size=_LONGEST).map(b"".join)
    if not target.seeds:
        return made
    edits = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 30), pieces), max_size=6)
    return made | st.builds(_edited, st.sampled_from(target.seeds), edits)


def _edited(seed: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    """Return the seed with some octets, at a share of its length, replaced by others."""
    octets = bytearray(seed)
    for share, removed, piece in edits:
        at = int(share * len(octets))
        octets[at : at + removed] = piece
    return bytes(octets)
