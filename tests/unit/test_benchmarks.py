"""What the measurements rest on: the corpus, the client, and what counts as a good answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from benchmarks.client import Address, Client, NoAnswer, Reply
from benchmarks.corpus import SHARE, make_book, make_card, search_term
from benchmarks.measuring import Sample, summarise
from benchmarks.operations import hrefs, token_of
from benchmarks.report import markdown
from sharedbooks.domain.prepared_cards import prepare_card

TOTAL = 400
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x\r\nlo\r\n0\r\n\r\n"


def test_cards_are_the_same_every_time_and_can_be_stored() -> None:
    for number in range(60):
        card = make_card(number, TOTAL)
        assert card == make_card(number, TOTAL)
        assert card != make_card(number, TOTAL, revision=1)
        prepare_card(card, max_size=1_000_000)


def test_a_search_finds_its_share_whatever_the_size() -> None:
    for total in (100, TOTAL):
        cards = [make_card(number, total).decode().lower() for number in range(total)]
        for choice in range(total // SHARE):
            term = search_term(choice, total)
            assert sum(term in card for card in cards) == SHARE


def test_cards_beside_the_book_are_not_found() -> None:
    new = make_card(10_000_001, TOTAL).decode().lower()
    assert not any(search_term(choice, TOTAL) in new for choice in range(TOTAL))


def test_a_book_is_its_cards() -> None:
    assert make_book(3) == b"".join(make_card(number, 3) for number in range(3))


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello"),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", b""),
        (CHUNKED, b"hello"),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_the_client_reads_answers_in_any_pieces(answer: bytes, body: bytes, piece: int) -> None:
    async def ask(client: Client) -> Reply:
        return await client.request("PROPFIND", "/", b"x")

    assert asyncio.run(_answered(answer, piece, ask)).body == body


def test_a_closed_connection_is_no_answer() -> None:
    async def ask(client: Client) -> Reply:
        return await client.request("GET", "/")

    with pytest.raises(NoAnswer):
        asyncio.run(_answered(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", 1000, ask))


async def _answered(answer: bytes, piece: int, ask: Callable[[Client], Awaitable[Reply]]) -> Reply:
    """Return what the client makes of an answer that comes in pieces."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for start in range(0, len(answer), piece):
            writer.write(answer[start : start + piece])
            await writer.drain()
            await asyncio.sleep(0)
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        client = Client(Address(server.sockets[0].getsockname()[1]))
        try:
            return await ask(client)
        finally:
            client.close()


def test_hrefs_and_tokens_are_found_whatever_the_prefix() -> None:
    body = b"<D:href>http://host/a.vcf</D:href><href> /b.vcf </href><x:sync-token>t</x:sync-token>"
    reply = Reply(207, b"", body)
    assert hrefs(reply) == ["/a.vcf", "/b.vcf"]
    assert token_of(reply) == "t"


def test_figures_are_medians_over_the_rounds() -> None:
    rounds = [
        Sample(times=[0.001, 0.002, 0.003], seconds=1.0, cpu=0.003),
        Sample(times=[0.004] * 3, seconds=1.0, cpu=0.006),
        Sample(times=[0.001] * 3, seconds=1.0, cpu=0.009),
    ]
    figures = summarise(rounds)
    assert figures is not None
    assert figures.median == pytest.approx(2.0)
    assert figures.cpu == pytest.approx(2.0)
    assert figures.rate == pytest.approx(3.0)
    assert summarise([Sample(failures=1)]) is None


def test_the_ratio_is_to_the_best_peer_without_failures() -> None:
    common = {"cards": 1000, "operation": "GET, one card", "clients": 1, "p99": 1.0, "cpu": 1.0}
    rows = [
        common | {"server": "sharedbooks, SQLite", "median": 1.0},
        common | {"server": "Cyrus", "median": 3.0},
        common | {"server": "Radicale", "median": 2.0, "failures": 1},
        common | {"server": "SQLite alone", "median": 0.1},
    ]
    assert "3.0 : 1" in markdown(rows)
