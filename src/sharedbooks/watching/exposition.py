"""The numbers as text for Prometheus (exposition format 0.0.4)."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from sharedbooks.watching.board import BOARD
from sharedbooks.watching.instruments import Labels, Sample
from sharedbooks.watching.metrics import INSTRUMENTS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Gauge:
    """Numbers that are found out when they are asked for.

    Attributes:
        name: as Prometheus is told.
        meaning: a sentence.
        numbers: with their labels; none where nothing is known.
    """

    name: str
    meaning: str
    numbers: list[tuple[Labels, float]] = field(default_factory=list)
    kind: str = "gauge"

    def samples(self) -> Iterator[Sample]:
        """Yield the numbers."""
        return (("", labels, number) for labels, number in self.numbers)


def exposition(gauges: Iterable[Gauge]) -> str:
    """Return everything that was counted, and ``gauges``."""
    totals = BOARD.totals()
    lines: list[str] = []
    for instrument in INSTRUMENTS:
        lines += _family(instrument.name, instrument.kind, instrument.meaning)
        lines += (_line(instrument.name, sample) for sample in instrument.samples(totals))
    for gauge in gauges:
        lines += _family(gauge.name, gauge.kind, gauge.meaning)
        lines += (_line(gauge.name, sample) for sample in gauge.samples())
    return "\n".join([*lines, ""])


def _family(name: str, kind: str, meaning: str) -> list[str]:
    return [f"# HELP {name} {_escaped(meaning)}", f"# TYPE {name} {kind}"]


def _line(name: str, sample: Sample) -> str:
    suffix, labels, number = sample
    inner = ",".join(f'{label}="{_quoted(value)}"' for label, value in labels.items())
    shown = int(number) if number == int(number) else repr(number)
    return f"{name}{suffix}{{{inner}}} {shown}" if inner else f"{name}{suffix} {shown}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
