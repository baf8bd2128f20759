"""What is wrong with a configuration file, collected with the line of each problem."""

from pathlib import Path

from sharedbooks.errors import ConfigProblem


class Problems:
    """Collects sentences, with file and line put in front of each.

    Args:
        source: the file.
        lines: line of each name in it, as in ``Document``.
    """

    def __init__(self, source: Path, lines: dict[tuple[str, ...], int]) -> None:
        self._source = source
        self._lines = lines
        self._found: list[tuple[int, str]] = []
        self.refused: set[tuple[str, str]] = set()

    def add(self, sentence: str, *places: tuple[str, ...]) -> None:
        """Add a sentence about the first of ``places`` that stands in the file."""
        sections = [place[:-1] for place in places]
        line = next((self._lines[at] for at in [*places, *sections] if at in self._lines), None)
        where = f"{self._source}, line {line}" if line else f"{self._source}"
        self._found.append((line or 0, f"{where}: {sentence}"))

    def add_value(self, option: tuple[str, str], complaint: str) -> None:
        """Add that an option's value cannot be used, and so no rule over it can be checked."""
        section, key = option
        self.add(f"[{section}] {key} {complaint}.", place_of(section, key))
        self.refused.add(option)

    def raise_if_any(self) -> None:
        """Raise ``ConfigProblem`` with all problems in the order of the file, if there are any."""
        if self._found:
            raise ConfigProblem([sentence for _, sentence in sorted(self._found)])


def place_of(section: str, key: str) -> tuple[str, ...]:
    """Return where an option stands in the file; dots in a section part tables."""
    return (*section.split("."), key)
