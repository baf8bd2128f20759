"""The documentation says what the program does: commands, errors, privileges, links."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from sharedbooks import errors
from sharedbooks.cli.commands import Invocation
from sharedbooks.cli.program import program
from sharedbooks.domain.privileges import PRIVILEGES_BY_NAME
from sharedbooks_radicale import failures
from sharedbooks_radicale.protocol import errors as protocol_errors
from sharedbooks_radicale.protocol import privileges
from sharedbooks_radicale.request import Edge, Request
from tests.support.factories import vcard

PROJECT = Path(__file__).parents[2]
GUIDE = PROJECT / "docs/admin-guide.md"
PAGES = sorted([*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md")])
UNIT = PROJECT / "systemd/sharedbooks.service"

COMMON_OPTIONS = {"--config", "--json", "--debug", "--help"}
SHELL_EXAMPLES = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


# Commands


def shell_commands(page: Path) -> list[list[str]]:
    """Every simple command in the page's shell examples, as words."""
    found = []
    for block in SHELL_EXAMPLES.findall(read(page)):
        for line in block.replace("\\\n", " ").splitlines():
            lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
            lexer.whitespace_split = True
            words: list[str] = []
            for word in [*lexer, ";"]:
                if word and set(word) <= set("();<>|&"):
                    # The file behind "<" and ">" becomes a command of one word, and harms nobody.
                    found.append(words)
                    words = []
                else:
                    words.append(word)
    return [words for words in found if words]


def example_calls(page: Path) -> list[list[str]]:
    """The arguments of every call of ``sharedbooks`` in the page's shell examples."""
    commands = [
        words[3 if words[:2] == ["sudo", "-u"] else words[:1] == ["sudo"] :]
        for words in shell_commands(page)
    ]
    return [words[1:] for words in commands if words[:1] == ["sharedbooks"]]


def mentioned_calls(page: Path) -> list[list[str]]:
    """The arguments of every call of ``sharedbooks`` in the page's sentences."""
    text = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    codes = re.findall(r"`([^`]+)`", text.replace("\n", " "))
    return [shlex.split(code)[1:] for code in codes if code.startswith("sharedbooks ")]


def parse(arguments: list[str]) -> str:
    """Parse a call as the program does, without doing it; return the command it gives.

    Raises:
        click.UsageError, InvalidName: the program would refuse it.
    """
    command: click.Command = program
    parent: click.Context | None = None
    path: list[str] = []
    # What an example names at the root is in the folder of the test, not on this machine.
    rest = [argument.removeprefix("/") for argument in arguments]
    while True:
        context = command.make_context("sharedbooks", list(rest), parent=parent)
        with context:
            if not isinstance(command, click.Group):
                return " ".join(path)
            left = [*context._protected_args, *context.args]
            name, found, rest = command.resolve_command(context, left)
        assert found is not None
        assert name is not None
        command, parent = found, context
        path.append(name)


def leaves(group: click.Group, *path: str) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its name as it is typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield " ".join((*path, name)), command


LEAVES = dict(leaves(program))
ROOT = click.Context(program)


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files that calls name, so that they can be parsed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SHAREDBOOKS_CONFIG", raising=False)
    (tmp_path / "customers.vcf").write_bytes(vcard())
    shutil.copytree(PROJECT / "tests/samples", tmp_path, dirs_exist_ok=True)
    (tmp_path / "password").write_text("secret")
    (tmp_path / "srv/image").mkdir(parents=True)
    (tmp_path / "var/lib/radicale/collections").mkdir(parents=True)


def calls(finder: Callable[[Path], list[list[str]]]) -> list[Any]:
    return [
        pytest.param(arguments, id=f"{page.name}: {shlex.join(arguments)}")
        for page in PAGES
        for arguments in finder(page)
    ]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("arguments", calls(example_calls))
def test_examples_are_calls_the_program_takes(arguments: list[str]) -> None:
    assert parse(arguments) in LEAVES


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("arguments", calls(mentioned_calls))
def test_commands_in_sentences_are_the_programs(arguments: list[str]) -> None:
    # There a command may stand without its arguments, and a group without a command.
    name = " ".join(arguments)
    if name != "--version" and name not in LEAVES and name not in program.list_commands(ROOT):
        assert parse(arguments) in LEAVES


@pytest.mark.usefixtures("files")
def test_every_command_has_an_example_in_the_guide() -> None:
    assert LEAVES.keys() - {parse(arguments) for arguments in example_calls(GUIDE)} == set()


@pytest.mark.parametrize("name", LEAVES)
def test_every_option_is_in_the_guide(name: str) -> None:
    options = {
        option
        for parameter in LEAVES[name].params
        for option in parameter.opts
        if option.startswith("--")
    }
    for option in options | COMMON_OPTIONS:
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", read(GUIDE)), option


def calls_to_follow(page: Path) -> list[list[str]]:
    """The examples of a page that can be given one after the other, once there is a database."""
    # These need a running server, its port, a directory, or a terminal.
    left_out = {"init", "serve", "healthcheck", "doctor", "directory", "--config"}
    # These speak of cards that the file imported before does not have.
    need_cards = (["duplicates", "undo"], ["duplicates", "dismiss"])
    return [
        arguments
        for arguments in example_calls(page)
        if arguments[0] not in left_out
        and arguments != ["user", "password", "alice"]
        and arguments[:2] not in need_cards
        and not (arguments[:2] == ["duplicates", "merge"] and "--auto" not in arguments)
    ]


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("page", [PROJECT / "README.md", GUIDE], ids=lambda page: page.name)
def test_a_page_can_be_followed_from_top_to_bottom(page: Path) -> None:
    runner = CliRunner()

    def run(arguments: list[str]) -> None:
        typed = "correct horse battery\n" if "--password-stdin" in arguments else ""
        done = runner.invoke(program, arguments, input=typed, obj=Invocation())
        assert done.exit_code == 0, (arguments, done.output, done.exception)

    run(["init"])
    followed = calls_to_follow(page)
    assert len(followed) >= 6
    for arguments in followed:
        run([argument.removeprefix("/") for argument in arguments])


def test_a_command_that_is_not_there_would_be_noticed() -> None:
    for wrong in (
        ["user", "rename", "alice"],
        ["user", "add"],
        ["grant", "add", "customers", "alice", "write"],
        ["serve", "--background"],
    ):
        with pytest.raises((click.UsageError, errors.InvalidName)):
            parse(wrong)


def test_the_unit_starts_the_server() -> None:
    (start,) = re.findall(r"^ExecStart=(.*)$", read(UNIT), re.MULTILINE)
    program_path, *arguments = shlex.split(start)
    assert program_path == "/opt/sharedbooks/bin/sharedbooks"
    assert parse(arguments) == "serve"
    assert "RestartPreventExitStatus=2\n" in read(UNIT)


def test_the_timer_starts_the_sync() -> None:
    sync, timer = (
        UNIT.with_name(f"sharedbooks-directory-sync.{end}") for end in ("service", "timer")
    )
    (start,) = re.findall(r"^ExecStart=(.*)$", read(sync), re.MULTILINE)
    program_path, *arguments = shlex.split(start)
    assert program_path == "/opt/sharedbooks/bin/sharedbooks"
    assert parse(arguments) == "directory sync"
    assert "OnUnitInactiveSec=15min\n" in read(timer)
    # Both are closed in to the same degree.
    hardening = re.findall(
        r"^(?:NoNew|Protect|Private|Restrict|SystemCall).*$", read(UNIT), re.MULTILINE
    )
    assert set(hardening) - {"RestartPreventExitStatus=2"} <= set(read(sync).splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_targets_of_make_exist(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", read(PROJECT / "Makefile"), re.MULTILINE))
    shown = {words[1] for words in shell_commands(page) if words[0] == "make" and len(words) > 1}
    shown |= set(re.findall(r"`make (\w+)", read(page)))
    assert shown <= targets


# Links


def slugs(page: Path) -> set[str]:
    """The anchors that headings of a page get."""
    found = set()
    without_code = re.sub(r"^```.*?^```", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for heading in re.findall(r"^#+ (.+)$", without_code, re.MULTILINE):
        plain = re.sub(r"[^\w\- ]", "", heading.lower())
        found.add(plain.strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_resolve(page: Path) -> None:
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", read(page), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?://|mailto:", link):
            continue
        name, _, anchor = link.partition("#")
        target = page if not name else (page.parent / name).resolve()
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_can_be_reached(page: Path) -> None:
    reached = {PROJECT / "README.md"}
    while True:
        linked = {
            (at.parent / name).resolve()
            for at in reached
            if at.suffix == ".md"
            for name in re.findall(r"\]\(([^)#\s:]+)", read(at))
        }
        if linked <= reached:
            break
        reached |= linked
    assert page in reached


# Errors


def error_rows() -> list[tuple[int, str, str]]:
    """Status, precondition without backticks, and cause of each row of the table."""
    chapter = read(GUIDE).split("\n## HTTP errors\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (\d{3}) \|([^|]*)\|([^|]*)\|$", chapter, re.MULTILINE)
    return [(int(status), element.strip(" `"), cause.strip()) for status, element, cause in rows]


def sample(kind: type[errors.SharedbooksError]) -> errors.SharedbooksError:
    more: dict[type, dict[str, Any]] = {
        errors.AccessDenied: {"privileges": ["bind"]},
        errors.DirectoryUnavailable: {"retry_after": 7},
        errors.TooManyLogins: {"retry_after": 7},
        errors.UidConflict: {"resource_name": "x.vcf"},
        failures.MethodNotAllowed: {"allowed": ["GET"]},
    }
    return kind("A sentence.", **more.get(kind, {}))


def request_by(client: str) -> Request:
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/alice/sales/x.vcf"}
    return Request({**environ, "HTTP_USER_AGENT": client}, Edge("", (), 1000, "realm"))


def precondition(body: bytes) -> str:
    found = re.search(rb"<D:error [^>]*><((?:D|CARD|C|S):[\w-]+)", body)
    return found[1].decode() if found else ""


@pytest.mark.parametrize("client", ["DAVx5/4", "Mozilla/5.0 Thunderbird/153.7"])
@pytest.mark.parametrize(
    "kind",
    # A Refused brings its own status and element: see below.
    [kind for kind in protocol_errors._ANSWERS if kind is not failures.Refused],
    ids=lambda kind: kind.__name__,
)
def test_every_answer_to_an_error_is_in_the_guide(
    kind: type[errors.SharedbooksError], client: str
) -> None:
    response = protocol_errors.error_response(sample(kind), request_by(client))
    assert (response.status, precondition(response.body)) in {
        (status, element) for status, element, _ in error_rows()
    }


def test_every_precondition_in_the_protocol_is_in_the_guide() -> None:
    folder = Path(str(protocol_errors.__file__)).parent
    raised = set()
    for source in folder.glob("*.py"):
        for literal in re.findall(r"(?:element|condition) ?=\s*f?(['\"])<(.*?)\1", read(source)):
            element = re.match(r"(?:D:error><)?((?:D|CARD|C|S):[\w-]+)", literal[1])
            assert element, literal
            raised.add(element[1])
        raised |= set(re.findall(r"_condition\(\d+, ['\"]<([\w:-]+)[ /]", read(source)))
    assert len(raised) > 10
    documented = {element for _, element, _ in error_rows()}
    # An error body for Thunderbird has the same element as for everybody.
    assert raised <= documented
    assert documented - raised <= {"", "D:need-privileges", "D:valid-sync-token"}


def test_errors_are_listed_by_status_with_a_cause() -> None:
    rows = error_rows()
    assert [status for status, _, _ in rows] == sorted(status for status, _, _ in rows)
    assert all(cause for _, _, cause in rows)
    assert len({row[:2] for row in rows}) == len(rows)
    assert {500, 502, 424} <= {status for status, _, _ in rows}


# Privileges


def privilege_rows() -> dict[str, set[str]]:
    chapter = read(GUIDE).split("\n## Privileges\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w-]+)` \|[^|]+\|([^|]+)\|$", chapter, re.MULTILINE)
    return {name: set(re.findall(r"`([\w-]+)`", told)) for name, told in rows}


def test_privileges_are_told_as_the_guide_says() -> None:
    assert privilege_rows() == {
        name: set(privileges._ON_BOOK[privilege]) for name, privilege in PRIVILEGES_BY_NAME.items()
    }
    assert list(privilege_rows()) == list(PRIVILEGES_BY_NAME)
