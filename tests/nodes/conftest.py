"""How often the nodes' databases break."""

import pytest


@pytest.fixture
def rounds(thorough: bool) -> int:  # noqa: FBT001 - a fixture
    """How often a test is to break something."""
    return 20 if thorough else 1
