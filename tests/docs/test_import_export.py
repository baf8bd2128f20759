"""The page about import and export can be followed, and what it says comes out."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from sharedbooks.cli.commands import Invocation
from sharedbooks.cli.program import program
from sharedbooks.exchange.exporting import ENDINGS, OutputFormat
from tests.docs.test_docs import PROJECT, example_calls, read

PAGE = PROJECT / "docs/import-export.md"


def test_the_page_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(PROJECT / "tests/samples", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHAREDBOOKS_CONFIG", raising=False)
    runner = CliRunner()
    assert runner.invoke(program, ["init"], obj=Invocation()).exit_code == 0
    # A connection without a name is in the sample; servers and their storage are not there.
    calls = [
        each for each in example_calls(PAGE) if not {"--from-url", "--from-radicale"} & set(each)
    ]
    assert len(calls) > 12
    for arguments in calls:
        done = runner.invoke(program, arguments, obj=Invocation())
        expected = 1 if "linkedin.csv" in arguments else 0
        assert done.exit_code == expected, (arguments, done.output, done.exception)
    assert "'Remise'" not in done.output
    assert (tmp_path / "left-out.csv").read_text().count("\n") == 2
    for name in ("everything.vcf", "customers.xlsx", "found.json", "for-thunderbird.ldif"):
        assert (tmp_path / name).stat().st_size > 200


def test_every_format_and_ending_is_on_the_page() -> None:
    text = read(PAGE)
    for word in (*(each.value for each in OutputFormat), *ENDINGS):
        assert f"`{word}`" in text
