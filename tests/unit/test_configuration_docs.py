"""docs/configuration.md and the example file say what the table of options says."""

import re
import tomllib
from pathlib import Path

import pytest

from sharedbooks.config import OPTIONS, Config, example_config_text, load_config
from sharedbooks.errors import ConfigProblem

PROJECT = Path(__file__).parents[2]
MANUAL = (PROJECT / "docs/configuration.md").read_text(encoding="utf-8")
EXAMPLE = (PROJECT / "config/sharedbooks.toml.example").read_text(encoding="utf-8")

TABLE = {(option.section, option.key): option for option in OPTIONS}
DEFAULTS = {name: option.default for name, option in TABLE.items()}


def manual_entries() -> dict[tuple[str, str], str]:
    """The text of each option's heading, by section and key."""
    entries = {}
    for section, chapter in re.findall(
        r"^## \[(\w+)\]\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL
    ):
        for key, entry in re.findall(
            r"^### (\w+)\n(.*?)(?=^### |\Z)", chapter, re.MULTILINE | re.DOTALL
        ):
            entries[section, key] = entry
    return entries


def documented_default(entry: str) -> object:
    default = re.search(r"^Default: (.+)$", entry, re.MULTILINE)
    assert default, f"no default in {entry!r}"
    if default[1] == "none":
        return None
    return tomllib.loads(f"value = {default[1].strip('`')}")["value"]


def problem_examples() -> list[tuple[str, str]]:
    return re.findall(r"```toml\n([^`]+)```\n\ngives\n\n```text\n([^`]+)```", MANUAL)


def test_manual_has_every_option_in_the_order_of_the_table() -> None:
    assert list(manual_entries()) == list(TABLE)


def test_manual_has_the_true_defaults() -> None:
    assert {name: documented_default(text) for name, text in manual_entries().items()} == DEFAULTS


@pytest.mark.parametrize("name", TABLE, ids=".".join)
def test_example_in_manual_can_be_used(
    name: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "database-password").write_text("pw")
    example = re.search(r"```toml\n(.*?)```", manual_entries()[name], re.DOTALL)
    assert example
    file = tmp_path / "sharedbooks.toml"
    file.write_text(f"[{name[0]}]\n{example[1]}")
    loaded = load_config(file)
    assert name in loaded.set_in_file
    section, key = name
    assert getattr(getattr(loaded, section), key) != getattr(getattr(Config(), section), key)


@pytest.mark.parametrize(("text", "output"), problem_examples())
def test_problems_in_manual_are_what_the_program_says(
    text: str, output: str, tmp_path: Path
) -> None:
    file = tmp_path / "sharedbooks.toml"
    file.write_text(text)
    with pytest.raises(ConfigProblem) as caught:
        load_config(file)
    assert "\n".join(caught.value.problems) + "\n" == output.replace(
        "/etc/sharedbooks/sharedbooks.toml", str(file)
    )


def test_manual_shows_problems() -> None:
    assert len(problem_examples()) == 2


def test_example_file_is_the_generated_one() -> None:
    assert example_config_text() == EXAMPLE


def test_example_file_has_every_option_with_its_true_default() -> None:
    tables = tomllib.loads(re.sub(r"^#(?=\w)", "", EXAMPLE, flags=re.MULTILINE))
    found = {
        (section, key): value for section, table in tables.items() for key, value in table.items()
    }
    without_default = {name for name, default in DEFAULTS.items() if default is None}
    assert list(found) == list(TABLE)
    assert {name: value for name, value in found.items() if name not in without_default} == {
        name: default for name, default in DEFAULTS.items() if name not in without_default
    }
    for _, key in without_default:
        entry = EXAMPLE.split(f"\n#{key} = ")[0].rsplit("\n\n", 1)[1]
        assert "Not set by default." in re.sub(r"\s+#?\s*", " ", entry)


def test_example_file_as_it_stands_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "sharedbooks.toml"
    file.write_text(EXAMPLE)
    assert load_config(file).set_in_file == frozenset()
