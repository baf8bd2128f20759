"""Guessing names and passwords: neither answers nor their time tell which names exist."""

import time
from collections.abc import Callable
from itertools import count, cycle, islice
from statistics import median

import pytest

from sharedbooks.domain import principals
from sharedbooks.domain.credentials import PasswordHasher, set_password
from tests.attacks.conftest import Stage
from tests.attacks.in_process import InProcess
from tests.http.client import basic
from tests.http.world import World, fresh

_numbers = count(1)
_GUESSES = (
    "guess {}",
    "abcd-efgh-jkmn-pqrs-{:04}",
    "{}" + "x" * 500,
    "{} ",
    "\N{LATIN SMALL LETTER E WITH ACUTE}{}",
)
_CHEAP = 0.01
"""Seconds of CPU."""
_LEAST, _LEAST_OF_MANY = 0.75, 0.9
"""Ratio of two CPU times that are taken for the same, of few guesses and of many."""


def _with_password(world: World, *, enabled: bool = True) -> str:
    user = world.user("known")
    with world.database.write() as connection:
        set_password(connection, user, PasswordHasher("argon2").hash("the right password"))
        if not enabled:
            principals.set_enabled(connection, user, enabled=False)
    return user.name


def _with_device(world: World) -> str:
    user = world.user("phone")
    world.device(user)
    return user.name


WHO: dict[str, Callable[[World], str]] = {
    "a password": _with_password,
    "a password, and disabled": lambda world: _with_password(world, enabled=False),
    "an app password only": _with_device,
    "no way to log in": lambda world: world.user("nothing").name,
}


def _guess(client: InProcess, name: str, password: str) -> float:
    """Return the CPU time of a login that fails, in seconds."""
    started = time.process_time()
    answer = client.request("PROPFIND", "/", b"", {"Authorization": basic(name, password)})
    taken = time.process_time() - started
    assert answer.status == 401
    assert answer.body == b"Wrong name or password.\n"
    return taken


@pytest.mark.parametrize("kind", WHO)
def test_a_name_that_exists_takes_as_long_as_one_that_does_not(
    stage: Stage,
    kind: str,
    thorough: bool,  # noqa: FBT001
) -> None:
    rounds, least = (200, _LEAST_OF_MANY) if thorough else (len(_GUESSES), _LEAST)
    client = stage.client(address="203.0.113.5")
    known = WHO[kind](stage.world)
    times: dict[str, list[float]] = {known: [], fresh("absent"): []}
    for guess in islice(cycle(_GUESSES), rounds):
        for name, taken in times.items():
            taken.append(_guess(client, name, guess.format(next(_numbers))))
    one, other = (median(taken) for taken in times.values())
    assert least < one / other < 1 / least, (kind, one, other)


def test_a_wrong_guess_costs_what_a_slow_hash_does(stage: Stage) -> None:
    """Else guesses would be cheap, and the times above would be alike for nothing."""
    client = stage.client(address="203.0.113.6")
    taken = [_guess(client, "absent", f"guess {next(_numbers)}") for _ in range(3)]
    assert median(taken) > _CHEAP
