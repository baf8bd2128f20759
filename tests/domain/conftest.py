import pytest

from sharedbooks.db.engine import Database
from tests.support.factories import Device, make_device


@pytest.fixture
def device(database: Database) -> Device:
    """A device of a user who may write in the organisation's book ``sales``."""
    return make_device(database)
