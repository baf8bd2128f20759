"""All fuzz targets by name."""

from tests.attacks.fuzz.cards import CARD_TARGETS
from tests.attacks.fuzz.files import FILE_TARGETS
from tests.attacks.fuzz.requests import REQUEST_TARGET

TARGETS = {target.name: target for target in (*CARD_TARGETS, *FILE_TARGETS, REQUEST_TARGET)}
