"""Radicale's configuration, made from ours: our plugins, and nothing of its own."""

from functools import partial
from typing import Any

from radicale import config as radicale_config

from sharedbooks.runtime import Runtime
from sharedbooks_radicale.auth import Auth
from sharedbooks_radicale.rights import Rights
from sharedbooks_radicale.storage import Storage


def radicale_configuration(runtime: Runtime) -> radicale_config.Configuration:
    """Return a configuration whose auth, rights and storage work on ``runtime``."""
    configuration = radicale_config.load()
    values: dict[str, dict[str, Any]] = {
        "auth": {"type": partial(Auth, runtime=runtime), "delay": "0"},
        "rights": {"type": partial(Rights, runtime=runtime)},
        "storage": {"type": partial(Storage, runtime=runtime)},
        "sharing": {"type": "none"},
        "web": {"type": "none"},
        # Names are checked by ours; Radicale's list would refuse O'Brien.
        "server": {"validate_path_value": "none", "validate_user_value": "none"},
        "logging": {"level": "warning"},
    }
    configuration.update(values, "sharedbooks", privileged=True)
    return configuration
