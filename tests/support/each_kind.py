"""Fixtures that hold one thing for a whole run on each kind of database."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import pytest

from tests.support.databases import KINDS, Databases

T = TypeVar("T")
Make = Callable[[pytest.TempPathFactory, Databases], AbstractContextManager[T]]


def on_each_kind(name: str, make: Make[T]) -> list[Any]:
    """Return fixtures ``sqlite_NAME`` and so on, each of which holds what ``make`` gives."""

    def on(kind: str) -> Any:
        @pytest.fixture(scope="session", name=f"{kind}_{name}")
        def held(
            tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
        ) -> Iterator[T]:
            with make(tmp_path_factory, request.getfixturevalue(f"{kind}_databases")) as made:
                yield made

        return held

    return [on(kind) for kind in KINDS]
