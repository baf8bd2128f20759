"""How many duplicates are found, and how many of those found are some."""

import pytest

from benchmarks.duplicates import HELD_OUT_SEED, measure
from benchmarks.labelled_cards import febrl1, febrl4, make_labelled

GOOD_F1 = 0.95
ALMOST_ALL = 0.98

pytestmark = pytest.mark.filterwarnings("ignore")


def test_febrl1() -> None:
    found = measure(febrl1())
    assert found.f1 >= GOOD_F1
    assert found.precision >= ALMOST_ALL


def test_febrl4() -> None:
    found = measure(febrl4())
    assert found.f1 >= GOOD_F1
    assert found.precision >= ALMOST_ALL


def test_made_up_people_of_a_seed_that_nothing_was_tuned_on() -> None:
    found = measure(make_labelled(HELD_OUT_SEED + 1, 1000))
    assert found.f1 >= GOOD_F1
    assert found.precision >= ALMOST_ALL


def test_made_up_people_are_the_same_every_time() -> None:
    assert make_labelled(7, 50) == make_labelled(7, 50)
    assert make_labelled(7, 50) != make_labelled(8, 50)
