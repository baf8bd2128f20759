import itertools
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sharedbooks.vcard.card import inspect_card
from sharedbooks.vcard.stream import RawCard, split_cards

A = b"BEGIN:VCARD\r\nVERSION:3.0\r\nFN:A\r\nEND:VCARD\r\n"
B = b"begin:vcard \nVERSION:4.0\nFN:B\nend:VCard\t\n"
AGENT = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN:Boss\r\nAGENT:\r\n\r\n"
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN:Agent\r\nEND:VCARD\r\nTEL:1\r\nEND:VCARD\r\n"
)


def split(octets: bytes) -> list[RawCard]:
    return list(split_cards([octets]))


def test_cards_come_with_their_octets_and_first_line() -> None:
    assert split(A + b"\r\n\r\n" + B + A) == [
        RawCard(A, 1, None),
        RawCard(B, 7, None),
        RawCard(A, 11, None),
    ]


@pytest.mark.parametrize("octets", [b"", b"\xef\xbb\xbf", b"\r\n \t\r\n"])
def test_a_blank_file_has_no_cards(octets: bytes) -> None:
    assert split(octets) == []


def test_an_open_file_can_be_given_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "cards.vcf"
    path.write_bytes(A * 3)
    with path.open("rb") as file:
        assert [card.line for card in split_cards(file)] == [1, 5, 9]


def test_a_byte_order_mark_is_no_part_of_a_card() -> None:
    bom = b"\xef\xbb\xbf"
    assert split(bom + A + bom + B) == [RawCard(A, 1, None), RawCard(B, 5, None)]


def test_the_last_line_needs_no_line_end() -> None:
    assert split(A.rstrip()) == [RawCard(A.rstrip(), 1, None)]


def test_a_missing_end_costs_only_its_own_card() -> None:
    broken = A.removesuffix(b"END:VCARD\r\n")
    first, second = split(broken + B)
    assert (first.octets, first.line) == (broken, 1)
    assert "no END:VCARD" in (first.problem or "")
    assert second == RawCard(B, 4, None)


def test_a_card_cut_off_by_the_end_of_the_file_is_told() -> None:
    first, second = split(A + A[:30])
    assert first.problem is None
    assert (second.octets, second.line) == (A[:30], 5)
    assert "no END:VCARD" in (second.problem or "")


def test_text_between_cards_is_told() -> None:
    first, text, second = split(A + b"\nhello\n\nEND:VCARD\n" + B)
    assert (first.problem, second.problem) == (None, None)
    assert (text.octets, text.line) == (b"hello\n\nEND:VCARD\n", 6)
    assert "outside" in (text.problem or "")


def test_frame_lines_inside_a_folded_value_do_not_count() -> None:
    card = A.replace(b"FN:A", b"FN:A\r\nNOTE:x\r\n BEGIN:VCARD\r\n END:VCARD")
    assert split(card + B) == [RawCard(card, 1, None), RawCard(B, 8, None)]


def test_an_agent_is_part_of_its_card() -> None:
    assert split(AGENT + A) == [RawCard(AGENT, 1, None), RawCard(A, 12, None)]


def test_an_agent_without_end_does_not_swallow_the_next_card() -> None:
    broken = AGENT.replace(b"END:VCARD\r\nTEL", b"TEL")
    first, second = split(broken + A)
    assert first.octets == broken
    assert "no END:VCARD" in (first.problem or "")
    assert second == RawCard(A, 11, None)


def test_memory_is_bounded_by_the_largest_card() -> None:
    huge = A.replace(b"FN:A", b"NOTE:" + b"a\r\n " * 5000)
    first, second = split_cards([huge, B], max_octets=1000)
    assert len(first.octets) <= 1000
    assert huge.startswith(first.octets)
    assert "1000 octets" in (first.problem or "")
    assert second.problem is None


def zeros_then_a_card() -> Iterator[bytes]:
    for _ in range(300):
        yield bytes(10_000)
    yield b"\n" + A


def test_a_file_without_lines_is_not_kept() -> None:
    tracemalloc.start()
    garbage, card = split_cards(zeros_then_a_card(), max_octets=20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 500_000
    assert (garbage.octets, garbage.line) == (b"", 1)
    assert garbage.problem is not None
    assert card == RawCard(A, 2, None)


def test_a_byte_order_mark_inside_an_agent_is_kept() -> None:
    octets = AGENT.replace(b"\r\nBEGIN", b"\r\n\xef\xbb\xbfBEGIN")
    assert split(octets) == [RawCard(octets, 1, None)]


def test_a_card_of_exactly_the_limit_is_kept() -> None:
    assert list(split_cards([A], max_octets=len(A))) == [RawCard(A, 1, None)]


PIECES = st.lists(
    st.sampled_from(
        [
            *(A, B, AGENT, b"BEGIN:VCARD\r\n", b"END:VCARD\r\n", b"END:VCARD", b"AGENT:\r\n"),
            *(b"hello", b"NOTE:x\r\n BEGIN:VCARD\r\n", b"\xef\xbb\xbf", b"\0\xff"),
            *(b"\r\n", b"\n", b"\r", b" "),
        ]
    ),
    max_size=14,
).map(b"".join)


@given(PIECES, st.lists(st.integers(0, 400)), st.integers(20, 2000))
@settings(max_examples=400, deadline=None)
def test_chunk_boundaries_change_nothing(octets: bytes, cuts: list[int], limit: int) -> None:
    edges = [0, *sorted(cut for cut in cuts if cut < len(octets)), len(octets)]
    chunks = [octets[low:high] for low, high in itertools.pairwise(edges)]
    whole = list(split_cards([octets], max_octets=limit))
    assert list(split_cards(chunks, max_octets=limit)) == whole
    single = [octets[at : at + 1] for at in range(len(octets))]
    assert list(split_cards(single, max_octets=limit)) == whole


@given(PIECES | st.binary(max_size=100))
@settings(max_examples=400, deadline=None)
def test_nothing_but_blanks_is_lost(octets: bytes) -> None:
    rest = octets
    for card in split(octets):
        before, found, rest = rest.partition(card.octets)
        assert found
        assert not before.strip(b"\xef\xbb\xbf \t\r\n")
        assert card.octets.strip(b" \t\r\n")
    assert not rest.strip(b"\xef\xbb\xbf \t\r\n")


@given(st.lists(st.sampled_from([A, B]), max_size=20), st.sampled_from([b"", b"\r\n", b"\n\n"]))
def test_good_cards_come_out_as_they_went_in(cards: list[bytes], between: bytes) -> None:
    found = split(between.join(cards))
    assert [card.octets for card in found] == cards
    assert all(card.problem is None for card in found)
    for card in found:
        inspect_card(card.octets)
