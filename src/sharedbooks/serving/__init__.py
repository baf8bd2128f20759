"""Serve a WSGI application over HTTP with several worker processes, and probe a running server.

Granian answers the requests. Where it falls short of our promises, this module makes up for it:

* Its workers open a listening socket each; connections that wait there are reset when the worker
  stops. Here the main process opens the sockets, and a new worker takes over its predecessor's.
* A worker told to stop closes at once every connection on which it has not yet seen a request,
  even when one is on its way. Here it first lingers: no new connections, old ones end with their
  next answer.
* It takes a new worker for ready after a fixed time, stops the old one even if the new one is
  broken, and may start workers that die at start for ever. Here workers report that they are ready.
* It waits without limit for a client to fetch an answer. Here the kernel limits that.

A body that arrives slowly keeps a thread busy, without limit of time: the threads bound how many
such clients a worker bears, and a proxy that buffers requests takes them off it altogether.
"""

from sharedbooks.serving.activation import take_inherited_sockets
from sharedbooks.serving.descriptors import (
    FEWEST_CONNECTIONS,
    connections_allowed,
    files_beside_connections,
)
from sharedbooks.serving.listening import check_port_free
from sharedbooks.serving.options import ServeOptions
from sharedbooks.serving.probe import probe
from sharedbooks.serving.supervisor import serve

__all__ = [
    "FEWEST_CONNECTIONS",
    "ServeOptions",
    "check_port_free",
    "connections_allowed",
    "files_beside_connections",
    "probe",
    "serve",
    "take_inherited_sockets",
]
