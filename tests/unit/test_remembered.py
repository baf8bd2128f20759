"""What a process remembers of things that others send stays small, whatever they send."""

import tracemalloc
from collections.abc import Callable

import pytest

from sharedbooks.domain.prepared_cards import prepare_card
from sharedbooks.vcard.convert import to_version
from sharedbooks.watching.clients import client_family
from tests.support.factories import vcard

MIB = 2**20
TIMES = 40
LONG = 50_000


def _long_parameter_name(number: int) -> None:
    _convert(f"TEL;TYPE=PREF;X{number:09}-{'A' * LONG}=1:1")


def _long_parameter_value(number: int) -> None:
    _convert(f"TEL;TYPE=PREF;TYPE=X{number:09}{'A' * LONG}:1")


def _long_name(number: int) -> None:
    _convert(f"X-{number:09}-{'A' * 240}.X-{'B' * 240}:{'C' * LONG}")


def _long_value(number: int) -> None:
    _convert(f"TEL:{number}{'1' * LONG}")


def _user_agent(number: int) -> None:
    client_family(f"{number:09}{'A' * LONG}")


def _convert(line: str) -> None:
    card = vcard("ann", "Ann", line)
    prepare_card(card, max_size=10 * MIB)
    to_version(to_version(card, "4.0"), "3.0")


@pytest.mark.parametrize(
    "send",
    [
        _long_parameter_name,
        _long_parameter_value,
        _long_name,
        _long_value,
        _user_agent,
    ],
)
def test_memory_does_not_grow_with_what_is_sent(send: Callable[[int], None]) -> None:
    send(0)
    tracemalloc.start()
    try:
        for number in range(1, TIMES):
            send(number)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < MIB, f"{kept} octets are kept of {TIMES * LONG}"
