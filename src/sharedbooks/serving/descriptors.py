"""How many connections a worker may hold open: as many as there are file descriptors for."""

import resource

FEWEST_CONNECTIONS = 512
MOST_CONNECTIONS = 8192
"""An idle one costs a worker some 11 kB."""
_SPARE_FILES = 64
"""Files that a worker has open beside connections: libraries, pipes, the log, the database's."""


def files_beside_connections(pool_size: int, threads: int) -> int:
    """Return how many descriptors a worker may need beside connections of clients.

    Args:
        pool_size: database connections for reading, and as many again for writing.
        threads: requests at a time.
    """
    return 2 * pool_size + threads + _SPARE_FILES


def connections_allowed(beside: int) -> int:
    """Return how many connections each worker may hold, between the bounds above.

    The limit of descriptors of this process, which its workers inherit, is raised to what that
    needs, as far as the system lets it be.

    Args:
        beside: descriptors that a worker needs for all else.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_CONNECTIONS + beside
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    left = wanted if soft == resource.RLIM_INFINITY else soft
    return max(FEWEST_CONNECTIONS, min(MOST_CONNECTIONS, left - beside))
