"""Sockets that the service manager opened for the server (sd_listen_fds(3))."""

import os
import socket
from collections.abc import MutableMapping

from sharedbooks.errors import ConfigProblem

_FIRST = 3


def take_inherited_sockets(environ: MutableMapping[str, str]) -> tuple[socket.socket, ...]:
    """Return the listening sockets handed over to this process, and remove their variables.

    Raises:
        ConfigProblem: one of them is no listening TCP socket.
    """
    count = environ.pop("LISTEN_FDS", "")
    receiver = environ.pop("LISTEN_PID", "")
    environ.pop("LISTEN_FDNAMES", None)
    if receiver != str(os.getpid()) or not count.isdecimal():
        return ()
    return tuple(_adopt(number) for number in range(_FIRST, _FIRST + int(count)))


def _adopt(number: int) -> socket.socket:
    try:
        os.set_inheritable(number, False)  # noqa: FBT003 - it has no keyword
        adopted = socket.socket(fileno=number)
        listens = adopted.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        listens, adopted = 0, None
    families = {socket.AF_INET, socket.AF_INET6}
    if adopted is None or not listens or adopted.family not in families:
        problem = (
            f"Descriptor {number} from the service manager is no listening TCP socket; give "
            "sharedbooks.socket only ListenStream= with a port."
        )
        raise ConfigProblem([problem])
    return adopted
