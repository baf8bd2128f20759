"""docs/configuration.md and the example file say what the table of options says."""

import re
import tomllib
from pathlib import Path

import pytest

from sharedbooks.config import (
    DIRECTORY_OPTIONS,
    OPTIONS,
    Config,
    DirectoryPreset,
    complete_directory,
    example_config_text,
    load_config,
)
from sharedbooks.errors import ConfigProblem

PROJECT = Path(__file__).parents[2]
MANUAL = (PROJECT / "docs/configuration.md").read_text(encoding="utf-8")
EXAMPLE = (PROJECT / "config/sharedbooks.toml.example").read_text(encoding="utf-8")

TABLE = {(option.section, option.key): option for option in OPTIONS} | {
    ("directory.NAME", option.key): option for option in DIRECTORY_OPTIONS
}
DEFAULTS = {name: option.default for name, option in TABLE.items()}


def manual_entries() -> dict[tuple[str, str], str]:
    """The text of each option's heading, by section and key."""
    entries = {}
    for section, chapter in re.findall(
        r"^## \[([\w.]+)\]\n(.*?)(?=^## |\Z)", MANUAL, re.MULTILINE | re.DOTALL
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
    for secret in ("database-password", "directory-password", "directory.crt", "directory.key"):
        (tmp_path / secret).write_text("pw")
    (tmp_path / "directory-ca.crt").touch()
    example = re.search(r"```toml\n(.*?)```", manual_entries()[name], re.DOTALL)
    assert example
    text = example[1].replace("/etc/sharedbooks/directory", f"{tmp_path}/directory")
    file = tmp_path / "sharedbooks.toml"
    section, key = name
    if section == "directory.NAME":
        required = {"servers": '["ldap://other"]', "base": '"dc=other"'}
        lines = [f"{other} = {value}\n" for other, value in required.items() if other != key]
        file.write_text(f"[directory.corp]\n{''.join(lines)}{text}")
        loaded = load_config(file)
        assert ("directory.corp", key) in loaded.set_in_file
        default = complete_directory("corp", {})
        assert getattr(loaded.directories[0], key) != getattr(default, key)
    else:
        file.write_text(f"[{section}]\n{text}")
        loaded = load_config(file)
        assert name in loaded.set_in_file
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


def test_manual_shows_the_values_of_presets() -> None:
    table = MANUAL.split("| | openldap | active-directory | freeipa | lldap |")[1].split("\n###")[0]
    rows = re.findall(r"^\| (\w+) \| `(.+)` \|$", table, re.MULTILINE)
    shown = {key: row.replace("\\|", "|").split("` | `") for key, row in rows}
    for at, preset in enumerate(DirectoryPreset):
        directory = complete_directory("corp", {"preset": preset})
        for key, cells in shown.items():
            value = getattr(directory, key)
            assert cells[at] == (value if isinstance(value, str) else ", ".join(value))
    assert {*shown, "card"} == {o.key for o in DIRECTORY_OPTIONS if "preset" in o.without}


def test_manual_shows_problems() -> None:
    assert len(problem_examples()) == 2


def test_example_file_is_the_generated_one() -> None:
    assert example_config_text() == EXAMPLE


def test_example_file_has_every_option_with_its_true_default() -> None:
    tables = tomllib.loads(re.sub(r"^#(?=[\w[])", "", EXAMPLE, flags=re.MULTILINE))
    tables["directory.NAME"] = tables.pop("directory")["corp"]
    found = {
        (section, key): value for section, table in tables.items() for key, value in table.items()
    }
    without_default = {name for name, default in DEFAULTS.items() if default is None}
    assert list(found) == list(TABLE)
    assert {name: value for name, value in found.items() if name not in without_default} == {
        name: default for name, default in DEFAULTS.items() if name not in without_default
    }
    for name in without_default:
        section = EXAMPLE.split(f"[{name[0].replace('NAME', 'corp')}]\n")[1]
        entry = section.split(f"\n#{name[1]} = ")[0].rsplit("\n\n", 1)[1]
        assert TABLE[name].without in re.sub(r"\s+#?\s*", " ", entry)


def test_example_file_as_it_stands_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "sharedbooks.toml"
    file.write_text(EXAMPLE)
    assert load_config(file).set_in_file == frozenset()
