"""How well duplicates are found: precision, recall and F1 on cards of which the truth is known."""

import argparse
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

from benchmarks.labelled_cards import Labelled, Pair, febrl1, febrl4, make_labelled
from sharedbooks.matching.candidates import Candidates
from sharedbooks.matching.features import read_features
from sharedbooks.matching.scoring import DEFAULT_THRESHOLD, compare

COUNTRY = "CH"
TUNING_SEED = 1
HELD_OUT_SEED = 20_261_121
PEOPLE = 3000


class Quality(NamedTuple):
    """How the pairs that were found compare with those there are."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def score_pairs(cards: Iterable[bytes]) -> dict[Pair, float]:
    """Return the score of every pair that was compared."""
    with Candidates() as candidates:
        for number, card in enumerate(cards):
            candidates.add(number, read_features(card, COUNTRY))
        rarity = candidates.rarity()
        candidates.pair_up()
        return {
            (left, right): compare(one, other, rarity).score
            for left, one, right, other in candidates.pairs()
        }


def quality(found: set[Pair], labelled: Labelled) -> Quality:
    """Return how good ``found`` is."""
    right = len(found & labelled.pairs)
    return Quality(right / max(1, len(found)), right / len(labelled.pairs))


def measure(labelled: Labelled, threshold: float = DEFAULT_THRESHOLD) -> Quality:
    """Return how well the pairs of ``labelled`` are found."""
    scores = score_pairs(labelled.cards)
    return quality({pair for pair, score in scores.items() if score >= threshold}, labelled)


SETS: dict[str, Callable[[], Labelled]] = {
    "febrl1": febrl1,
    "febrl4": febrl4,
    "made up, tuned on": lambda: make_labelled(TUNING_SEED, PEOPLE),
    "made up, held out": lambda: make_labelled(HELD_OUT_SEED, PEOPLE),
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threshold", type=float, default=DEFAULT_THRESHOLD)
    threshold = parser.parse_args().threshold
    print("| set | cards | pairs | compared | precision | recall | F1 | s |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, load in SETS.items():
        labelled = load()
        start = time.perf_counter()
        scores = score_pairs(labelled.cards)
        seconds = time.perf_counter() - start
        got = quality({pair for pair, score in scores.items() if score >= threshold}, labelled)
        print(
            f"| {name} | {len(labelled.cards):,} | {len(labelled.pairs):,} | {len(scores):,} "
            f"| {got.precision:.4f} | {got.recall:.4f} | {got.f1:.4f} | {seconds:.1f} |"
        )


if __name__ == "__main__":
    main()
