import pytest
from tests.support.factories import Device, make_device

from sharedbooks.db.engine import Database


@pytest.fixture
def device(database: Database) -> Device:
    """A device of a user who may write in the organisation's book ``sales``."""
    return make_device(database)
