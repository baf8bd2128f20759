"""What programs ask that watch over the server: whether it lives, can work, and its numbers."""

from ipaddress import ip_address

from sharedbooks.db.schema_state import SchemaState, schema_status
from sharedbooks.runtime import Runtime
from sharedbooks.watching.exposition import CONTENT_TYPE, exposition
from sharedbooks.watching.metrics import DIRECTORY_STATES
from sharedbooks_radicale.failures import MethodNotAllowed
from sharedbooks_radicale.gauges import Census, gauges
from sharedbooks_radicale.request import Request
from sharedbooks_radicale.response import Response, text_response

_METRICS = ("-", "metrics")
_HEALTH = ("-", "health")
_READY = ("-", "ready")
PROBES = frozenset({_HEALTH, _READY, _METRICS})
"""The paths that are answered without a login."""


class Probes:
    """Answers for everything in ``PROBES``."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._census = Census(runtime)

    def answer(self, request: Request) -> Response:
        """Return the answer.

        Raises:
            MethodNotAllowed: it is neither GET nor HEAD.
            StoreBusy: the database cannot be reached.
        """
        if request.method not in {"GET", "HEAD"}:
            raise MethodNotAllowed("This can only be read.", allowed=["GET", "HEAD"])
        if request.segments == _READY:
            return self._ready(request)
        return text_response(200, "ok") if request.segments == _HEALTH else self._metrics(request)

    def _ready(self, request: Request) -> Response:
        """Tell whether requests can be answered; who may see the numbers is told more."""
        if schema_status(self._runtime.database).state is not SchemaState.CURRENT:
            sentence = "The database has another schema than this program."
            return text_response(503, sentence, {"Retry-After": "60"})
        lines = ["ready", *(self._directories() if self._may_see(request) else ())]
        return text_response(200, "\n".join(lines))

    def _directories(self) -> list[str]:
        lines = []
        for directory, state in zip(self._runtime.directories, DIRECTORY_STATES, strict=False):
            asked_at, up = state.read()
            standing = ("up" if up else "down") if asked_at else "not asked yet"
            lines.append(f"directory {directory.config.name}: {standing}")
        return lines

    def _metrics(self, request: Request) -> Response:
        if not self._may_see(request):
            return text_response(404, "There is nothing here.")
        self._census.renew()
        body = exposition(gauges(self._runtime)).encode()
        return Response(200, {"Content-Type": CONTENT_TYPE}, body)

    def _may_see(self, request: Request) -> bool:
        try:
            address = ip_address(request.origin.address)
        except ValueError:
            return False
        return any(address in network for network in self._runtime.config.monitoring.allow)
