"""What the checks of ``sharedbooks doctor`` are made of."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from sharedbooks.cli.store import Store
from sharedbooks.errors import SharedbooksError


class Result(Enum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; the remedy is empty when there is nothing to mend."""

    check: str
    result: Result
    detail: str
    remedy: str = ""


class BadError(Exception):
    """What was found is bad.

    Attributes:
        remedy: what to do, where that is not what the check says anyway.
    """

    def __init__(self, detail: str, remedy: str = "") -> None:
        super().__init__(detail)
        self.remedy = remedy


class DoubtfulError(BadError):
    """What was found needs attention some day."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at.

    Attributes:
        name: what is looked at.
        look: returns what was found; raises when that is bad.
        remedy: what to do then.
        needs: a check without which this one says nothing.
    """

    name: str
    look: Callable[[Store], str]
    remedy: str
    needs: str = ""


def make(name: str, remedy: str, look: Callable[[], str]) -> Finding:
    """Return what ``look`` finds, whatever happens to it.

    Args:
        name: what is looked at.
        remedy: what to do where that is bad.
        look: returns what was found; raises when that is bad.
    """
    try:
        return Finding(name, Result.OK, look())
    except BadError as error:
        result = Result.WARNING if isinstance(error, DoubtfulError) else Result.FAILED
        return Finding(name, result, _line(error), error.remedy or remedy)
    except SharedbooksError as error:
        return Finding(name, Result.FAILED, _line(error), remedy)
    except Exception as error:  # noqa: BLE001 - whatever it is, the other checks are to be made
        return Finding(name, Result.FAILED, f"{type(error).__name__}: {_line(error)}", remedy)


def _line(error: Exception) -> str:
    return " ".join(str(error).split())
