"""sharedbooks: shared address books of an organisation, served over CardDAV."""

from importlib.metadata import version

__version__ = version("sharedbooks")
