"""Lines of the log: text for people or JSON for programs, which nothing in them can forge."""

import json
import logging
import re
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from datetime import UTC, datetime

Facts = Mapping[str, str | int | float]

request_facts: ContextVar[Callable[[], Facts] | None] = ContextVar("request_facts", default=None)
"""Tells about the request that this thread is answering; None outside of one."""

# Controls, line ends of Unicode, and marks that turn the direction of what follows.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def configure(level: str, *, as_json: bool) -> None:
    """Send the log of every ``sharedbooks`` logger to standard error, and warnings of others.

    Args:
        level: least important of our own lines.
        as_json: one JSON object a line.
    """
    for name, least in (("sharedbooks", level), (None, logging.WARNING)):
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(JsonFormatter() if as_json else TextFormatter())
        handler.setLevel(least)
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(least)
        logger.propagate = False


class TextFormatter(logging.Formatter):
    """Moment, level, logger and message on one line; the lines of a traceback are set in below."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """Return the line, control characters written out."""
        return _written_out(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 - logging's name
        """Return a traceback that nobody takes for lines of the log."""
        text = super().formatException(ei)  # type: ignore[arg-type] # logging's own tuple
        return "\n".join(f"    {_written_out(line)}" for line in text.split("\n"))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, in ASCII, with what is known about the request."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        told = request_facts.get()
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "time": moment,
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **({} if told is None else told()),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _written_out(text: str) -> str:
    return _UNSAFE.sub(lambda found: ascii(found[0])[1:-1], text)
