"""Whatever comes in: an answer or a typed refusal, in time; never a crash, a hang or a 500."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharedbooks.errors import InvalidSource
from tests.attacks.fuzz.mutation import inputs
from tests.attacks.fuzz.targets import TARGETS
from tests.attacks.shapes import card

_ROOT = Path(__file__).parents[2]
_EXAMPLES = 60
_THOROUGH_EXAMPLES = 5000
_SECONDS = 600
"""How long each target is fuzzed with coverage in the long form."""


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_that_comes_in_is_more_than_refused(name: str, thorough: bool) -> None:  # noqa: FBT001
    target = TARGETS[name]

    @settings(
        max_examples=_THOROUGH_EXAMPLES if thorough else _EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(inputs(target) | st.binary(max_size=200))
    def run(octets: bytes) -> None:
        target.run(octets)

    run()


FOUND = {
    "a control character in a sheet": ("export", card(b"TEL:+41 44 0\x140 00")),
    "a character that XML has not": ("export", card(b"NOTE:\xef\xbf\xbe")),
    "a photo that is no base64": ("export", card(b"PHOTO;ENCODING=b;TYPE=JPEG:/9j/D")),
    "a birthday of 5,000 digits": (
        "ldif",
        b"dn: cn=a\ncn: Ann\nbirthmonth: " + b"9" * 5000 + b"\nbirthday: 1\n",
    ),
    "a status of 5,000 digits": (
        "multistatus",
        b'<D:multistatus xmlns:D="DAV:"><D:response><D:status>HTTP/1.1 ' + b"9" * 5000
        + b"</D:status></D:response></D:multistatus>",
    ),
    "an encoding that does not exist": ("multistatus", b'<?xml version="1.0" encoding="x"?><a/>'),
    "a well of declarations": (
        "request",
        b"member PROPFIND /\n\n<?xml " + b"encoding='a'" * 60_000,
    ),
    "a destination that is no URL": (
        "request",
        b"member MOVE {book}ann.vcf\nDestination: //[\n\n",
    ),
    "a property as deep as a well": (
        "request",
        b'member PROPPATCH {book}\n\n<D:propertyupdate xmlns:D="DAV:"><D:set><D:prop>'
        + b"<a>" * 5000 + b"</a>" * 5000 + b"</D:prop></D:set></D:propertyupdate>",
    ),
}  # fmt: skip
"""What fuzzing found once."""


@pytest.mark.parametrize("found", FOUND)
def test_what_was_found_stays_mended(found: str) -> None:
    name, octets = FOUND[found]
    TARGETS[name].run(octets)


def test_a_damaged_sheet_is_told_to_be_one() -> None:
    sheet = TARGETS["xlsx"].seeds[0]
    refused = 0
    for at in range(30, len(sheet), 97):
        try:
            TARGETS["xlsx"].parse(sheet[:at] + b"\xff" + sheet[at + 1 :])
        except InvalidSource:
            refused += 1
    assert refused > 10


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.timeout(_SECONDS + 300)
def test_no_branch_is_reached_that_fails(name: str, thorough: bool) -> None:  # noqa: FBT001
    """Fuzz with coverage."""
    if not thorough:
        pytest.skip("in the long form only")
    if importlib.util.find_spec("atheris") is None:
        pytest.skip("atheris is missing (where it has a wheel: pip install --editable '.[fuzz]')")
    command = [sys.executable, "-m", "tests.attacks.fuzz", name, f"--seconds={_SECONDS}"]
    done = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-5000:]
    print(re.findall(r"Done \d+ runs.*", done.stderr))  # noqa: T201 - what the documentation states
