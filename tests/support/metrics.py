"""What a server tells Prometheus, read as Prometheus reads it."""

import re

_LINE = re.compile(r"(?P<name>[a-z_]+)(?:\{(?P<labels>.*)\})? (?P<number>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Metrics:
    """The samples of one answer to ``/-/metrics``.

    Raises:
        AssertionError: a line is not of the format.
    """

    def __init__(self, text: str) -> None:
        self._numbers: dict[tuple[str, frozenset[tuple[str, str]]], float] = {}
        self.families = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.MULTILINE))
        for line in text.splitlines():
            if line.startswith("# "):
                continue
            found = _LINE.fullmatch(line)
            assert found, line
            labels = frozenset(_LABEL.findall(found["labels"] or ""))
            assert (found["name"], labels) not in self._numbers, f"twice: {line}"
            self._numbers[found["name"], labels] = float(found["number"])

    def __call__(self, name: str, **labels: str) -> float:
        """The sum of all samples of that name with these labels, whatever others they have."""
        wanted = set(labels.items())
        return sum(
            number
            for (each, its_labels), number in self._numbers.items()
            if each == name and wanted <= its_labels
        )

    @property
    def names(self) -> set[str]:
        """The names of all samples."""
        return {name for name, _ in self._numbers}

    def values(self, name: str, label: str) -> set[str]:
        """The values of a label that some sample has."""
        return {dict(labels)[label] for each, labels in self._numbers if each == name}
