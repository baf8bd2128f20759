"""Where the configuration file is looked for."""

import os
from collections.abc import Iterator
from pathlib import Path

from sharedbooks.errors import ConfigProblem

FILE_NAME = "sharedbooks.toml"
ENVIRONMENT_VARIABLE = "SHAREDBOOKS_CONFIG"
SYSTEM_FOLDER = Path("/etc/sharedbooks")


def find_config(explicit: Path | None) -> Path:
    """Return the absolute path of the configuration file to use.

    A file asked for by name, with ``--config`` (``explicit``) or in ``SHAREDBOOKS_CONFIG``, is
    the only one considered. Otherwise the first that exists is taken: in the working folder, in
    the user's configuration folder, in ``/etc/sharedbooks``.

    Raises:
        ConfigProblem: there is none; names the places looked at and the next step.
    """
    named = os.environ.get(ENVIRONMENT_VARIABLE)
    if explicit is not None:
        return _asked_for(explicit, "--config")
    if named:
        return _asked_for(Path(named), ENVIRONMENT_VARIABLE)
    looked_at = []
    for place in _usual_places():
        try:
            if place.is_file():
                return place.absolute()
            looked_at.append(str(place))
        except PermissionError:
            # A service user started from root's home may not look there, and need not.
            looked_at.append(f"{place} (no permission to look)")
    problem = (
        f"No configuration file found; looked for {', '.join(looked_at)}. Create one with "
        f"'sharedbooks init', or name yours with --config FILE or in {ENVIRONMENT_VARIABLE}."
    )
    raise ConfigProblem([problem])


def _asked_for(path: Path, origin: str) -> Path:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        problem = (
            f"The configuration file {path}, named by {origin}, does not exist; correct the path, "
            "or create the file with 'sharedbooks init'."
        )
        raise ConfigProblem([problem]) from None
    except OSError:
        # load_config finds the same obstacle and says what to do about it.
        pass
    return path.absolute()


def _usual_places() -> Iterator[Path]:
    yield Path() / FILE_NAME
    folder = _user_folder()
    if folder is not None:
        yield folder / "sharedbooks" / FILE_NAME
    yield SYSTEM_FOLDER / FILE_NAME


def _user_folder() -> Path | None:
    """Return the user's configuration folder, or None for a user without a home."""
    folder = Path(os.environ.get("XDG_CONFIG_HOME", ""))
    # The XDG specification has a relative path ignored.
    if folder.is_absolute():
        return folder
    try:
        return Path.home() / ".config"
    except RuntimeError:
        return None
