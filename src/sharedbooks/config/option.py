"""One option of the configuration file, as a field of a dataclass."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sharedbooks.config.values import Kind

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Option:
    """One option of the configuration file.

    Attributes:
        section: name of its table in the file.
        key: its name there.
        kind: what may be written, and how it is read.
        default: the default as written in the file; None when there is none.
        meaning: what it does, for people, as one or more sentences.
        example: for an option without default, a value as written in the file.
        mask: for a secret, how its value is shown; None for what anybody may see.
        without: what holds when an option without default is not set, as a sentence.
    """

    section: str
    key: str
    kind: Kind[Any]
    default: object
    meaning: str
    example: object
    mask: Callable[[str], str] | None
    without: str

    def __str__(self) -> str:
        return f"[{self.section}] {self.key}"


def option(
    default: object,
    kind: Kind[T],
    meaning: str,
    *,
    example: object = None,
    mask: Callable[[str], str] | None = None,
    without: str = "Not set by default.",
) -> T:
    """Return a dataclass field for one option; see ``Option`` for the arguments."""
    value = None if default is None else kind.read(default)
    columns = {
        "kind": kind,
        "default": default,
        "meaning": meaning,
        "example": example,
        "mask": mask,
        "without": without,
    }
    return cast("T", field(default=value, repr=mask is None, metadata=columns))
