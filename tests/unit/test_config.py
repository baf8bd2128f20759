"""The configuration at its public seam: a file is written, loaded, and looked at."""

import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from sharedbooks.config import (
    Config,
    LogLevel,
    PasswordScheme,
    dump,
    find_config,
    initial_config_text,
    load_config,
    places,
)
from sharedbooks.errors import ConfigProblem

Load = Callable[..., Config]
Problems = Callable[..., tuple[str, ...]]
Problem = Callable[..., str]

NOBODY = 65534


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SHAREDBOOKS_CONFIG", "XDG_CONFIG_HOME", "CREDENTIALS_DIRECTORY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sharedbooks.toml"


@pytest.fixture
def load(file: Path) -> Load:
    def write_and_load(text: str, *, serving: bool = False) -> Config:
        file.write_text(text, encoding="utf-8")
        return load_config(file, serving=serving)

    return write_and_load


@pytest.fixture
def problems(load: Load, file: Path) -> Problems:
    """Load a file that cannot be used; its problems, with the file's path as FILE."""

    def write_and_fail(text: str, *, serving: bool = False) -> tuple[str, ...]:
        with pytest.raises(ConfigProblem) as caught:
            load(text, serving=serving)
        return tuple(problem.replace(str(file), "FILE") for problem in caught.value.problems)

    return write_and_fail


@pytest.fixture
def problem(problems: Problems) -> Problem:
    """The same for a file with exactly one problem."""

    def write_and_fail(text: str, *, serving: bool = False) -> str:
        (sentence,) = problems(text, serving=serving)
        return sentence

    return write_and_fail


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder every user can enter, unlike ``tmp_path``."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture
def without_privileges() -> Iterator[Callable[[], None]]:
    """A call that makes file permissions count even where tests run as root."""
    before = os.geteuid()
    yield lambda: os.seteuid(NOBODY) if before == 0 else None
    os.seteuid(before)


def problem_of(find: Callable[[], object]) -> str:
    with pytest.raises(ConfigProblem) as caught:
        find()
    (problem,) = caught.value.problems
    return problem


def test_empty_file_gives_the_defaults(load: Load, file: Path) -> None:
    config = load("")
    assert config.server == Config().server
    assert (config.auth, config.books, config.log) == (Config().auth, Config().books, Config().log)
    assert config.source == file
    assert config.set_in_file == frozenset()


def test_defaults_are_typed() -> None:
    config = Config()
    assert (config.server.host, config.server.port) == ("127.0.0.1", 5232)
    assert config.server.tls_certificate is None
    assert config.server.trusted_proxies == (IPv4Network("127.0.0.1/32"), IPv6Network("::1/128"))
    assert config.server.max_body == 64 * 1024 * 1024
    assert config.server.shutdown_timeout == 30
    assert config.auth.login_cache == 600
    assert config.auth.password_scheme is PasswordScheme.ARGON2
    assert config.auth.throttle_window == 900
    assert config.books.max_card_size == 10 * 1024 * 1024
    assert config.log.level is LogLevel.INFO
    assert config.source is None


def test_file_overrides_defaults(load: Load) -> None:
    config = load('[server]\nport = 80\n[log]\nlevel = "debug"\n')
    assert config.server.port == 80
    assert config.server.workers == 2
    assert config.log.level is LogLevel.DEBUG
    assert config.set_in_file == {("server", "port"), ("log", "level")}


def test_byte_order_mark_is_passed_over(load: Load) -> None:
    assert load("\ufeff[server]\nport = 80\n").server.port == 80


@pytest.mark.parametrize(
    ("written", "octets"),
    [
        ('"10 MiB"', 10 * 1024**2),
        ('"500 kB"', 500_000),
        ('"500KB"', 500_000),
        ('"2 KiB"', 2048),
        ('"3 MB"', 3_000_000),
        ('"1 GiB"', 1024**3),
        ('"1 GB"', 10**9),
        ('"4096 B"', 4096),
        ('"4096"', 4096),
        ("4096", 4096),
    ],
)
def test_sizes(load: Load, written: str, octets: int) -> None:
    config = load(f'[books]\nmax_card_size = {written}\n[server]\nmax_body = "4 GiB"')
    assert config.books.max_card_size == octets


@pytest.mark.parametrize(
    "written",
    ['"10 M"', '"1.5 MiB"', '"MiB"', "-1", "0", "true", "1.5", '"5 GiB"', '"10 min"', "[]"],
)
def test_refused_sizes(problem: Problem, written: str) -> None:
    assert problem(f"[server]\nmax_body = {written}") == (
        f"FILE, line 2: [server] max_body is {written}; write a size "
        'from "1 KiB" to "4 GiB" (B, kB, KiB, MB, MiB, GB, GiB) or a plain number of bytes.'
    )


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ('"10 min"', 600),
        ('"30 s"', 30),
        ('"1 h"', 3600),
        ('"7 d"', 604800),
        ('"45"', 45),
        ("45", 45),
    ],
)
def test_durations(load: Load, written: str, seconds: int) -> None:
    assert load(f"[auth]\nthrottle_window = {written}").auth.throttle_window == seconds


@pytest.mark.parametrize(
    "written", ['"10 m"', '"1 week"', "-5", "0", "true", "false", '"8 d"', '"1 MiB"']
)
def test_refused_durations(problem: Problem, written: str) -> None:
    assert problem(f"[auth]\nthrottle_window = {written}") == (
        f"FILE, line 2: [auth] throttle_window is {written}; write a duration "
        'from "1 s" to "7 d" (s, min, h, d) or a plain number of seconds.'
    )


def test_login_cache_is_turned_off_by_zero_only(load: Load, problem: Problem) -> None:
    assert load("[auth]\nlogin_cache = 0").auth.login_cache == 0
    assert "[auth] login_cache is false; write " in problem("[auth]\nlogin_cache = false")


@pytest.mark.parametrize(
    "host", ["192.0.2.1", "::", "fe80::1%eth0", "localhost", "a-1.example.org"]
)
def test_hosts(load: Load, host: str) -> None:
    assert load(f'[server]\nhost = "{host}"').server.host == host


@pytest.mark.parametrize(
    "host", ["", "127.0.0.1:5232", "[::1]", "127.0.0.300", "http://x", "a b", "-a", "x\\n"]
)
def test_refused_hosts(problem: Problem, host: str) -> None:
    assert problem(f'[server]\nhost = "{host}"') == (
        f'FILE, line 2: [server] host is "{host}"; write an IP address or a host name, without a '
        "port."
    )


@pytest.mark.parametrize("prefix", ["", "/dav", "/a/b-c_d.e~1"])
def test_prefixes(load: Load, prefix: str) -> None:
    assert load(f'[server]\nprefix = "{prefix}"').server.prefix == prefix


@pytest.mark.parametrize("prefix", ["dav", "/dav/", "/", "//dav", "/a/../b", "/.", "/a b", "/a?b"])
def test_refused_prefixes(problem: Problem, prefix: str) -> None:
    sentence = problem(f'[server]\nprefix = "{prefix}"')
    assert sentence.startswith(f'FILE, line 2: [server] prefix is "{prefix}"; write ')


def test_trusted_proxies_are_networks(load: Load) -> None:
    trusted = load('[server]\ntrusted_proxies = ["10.0.0.7", "fd00::/8"]\n').server.trusted_proxies
    assert trusted == (IPv4Network("10.0.0.7/32"), IPv6Network("fd00::/8"))
    assert any(ip_address("fd00::5") in network for network in trusted)
    assert load("[server]\ntrusted_proxies = []\n").server.trusted_proxies == ()


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ('["proxy"]', 'holds "proxy"'),
        ('["10.0.0.7", 5]', "holds 5"),
        ('["10.0.0.7/8"]', 'holds "10.0.0.7/8" (did you mean "10.0.0.0/8"?)'),
        ('"10.0.0.7"', 'is "10.0.0.7"'),
    ],
)
def test_refused_proxies(problem: Problem, written: str, complaint: str) -> None:
    assert problem(f"[server]\ntrusted_proxies = {written}") == (
        f"FILE, line 2: [server] trusted_proxies {complaint}; write a list of IP addresses and "
        'networks, such as ["127.0.0.1", "10.0.0.0/8"].'
    )


@pytest.mark.parametrize(
    ("section", "line"),
    [
        ("server", "port = 0"),
        ("server", "port = 65536"),
        ("server", 'port = "5232"'),
        ("server", "port = true"),
        ("server", "workers = 0"),
        ("server", "threads = 2.0"),
        ("server", "backlog = 127"),
        ("server", "tls_key = 5"),
        ("server", 'tls_key = ""'),
        ("server", 'realm = "a\\"b"'),
        ("server", 'realm = "Büro"'),
        ("database", "pool_size = 0"),
        ("auth", 'password_scheme = "md5"'),
        ("auth", "password_scheme = 1"),
        ("auth", "minimum_password_length = 0"),
        ("books", 'personal_name = "a/b"'),
        ("books", 'personal_name = ".."'),
        ("books", 'personal_display_name = " "'),
        ("books", 'personal_display_name = "a\\nb"'),
        ("books", f'personal_display_name = "{"x" * 256}"'),
        ("log", 'level = "loud"'),
        ("log", 'format = "xml"'),
        ("log", "format = 2001-01-01"),
    ],
)
def test_refused_values(problem: Problem, section: str, line: str) -> None:
    key = line.split(" = ", maxsplit=1)[0]
    sentence = problem(f"[{section}]\n{line}\n")
    assert re.fullmatch(rf"FILE, line 2: \[{section}\] {key} is .+; write .+\.", sentence)
    assert len(sentence) < 250


def test_choices_are_listed(problem: Problem) -> None:
    assert problem('[log]\nformat = "xml"') == (
        'FILE, line 2: [log] format is "xml"; write "text" or "json".'
    )


def test_nearest_names(problems: Problems) -> None:
    assert problems(
        "port = 1\n[server]\nprot = 1\nMAX-BODY = 1\nHOST = 'x'\nurl = 'x'\n\n[sever]\n"
    ) == (
        "FILE, line 1: port stands in no section. Did you mean [server] port?",
        "FILE, line 3: There is no option [server] prot. Did you mean [server] port?",
        "FILE, line 4: There is no option [server] MAX-BODY. Did you mean [server] max_body?",
        "FILE, line 5: There is no option [server] HOST. Did you mean [server] host?",
        "FILE, line 6: There is no option [server] url. Did you mean [database] url?",
        "FILE, line 8: There is no section [sever]. Did you mean [server]?",
    )


def test_option_of_another_section_goes_before_a_similar_one(problem: Problem) -> None:
    assert problem("[log]\nport = 1").endswith("Did you mean [server] port?")
    assert problem("[log]\nprt = 1").endswith("Did you mean [server] port?")


def test_unknown_option_without_a_near_name(problem: Problem) -> None:
    assert problem("[server]\nzzz = 1") == (
        "FILE, line 2: There is no option [server] zzz. Remove it; docs/configuration.md lists "
        "the options."
    )


def test_unknown_section_without_a_near_name(problem: Problem) -> None:
    assert problem("[xyz]\nport = 1") == (
        "FILE, line 1: There is no section [xyz]. Remove it; the sections are [server], "
        "[database], [auth], [books], [log], [monitoring], [directory.NAME]."
    )


def test_section_that_is_no_table(problems: Problems) -> None:
    remedy = "is a section; write [log] on a line of its own and its options below."
    assert problems("\nlog = 5") == (f"FILE, line 2: [log] {remedy}",)
    assert problems("[[log]]\nlevel = 'info'") == (f"FILE, line 1: [log] {remedy}",)


def test_all_problems_at_once_in_the_order_of_the_file(problems: Problems) -> None:
    text = """\
# port = 1

[log]
level = "loud"

[server]   # port = 2
 "port" = 0
host="a b"
trusted_proxies = [
    "proxy",
]
tls_key = "key.pem"
x = 1

[server.tls]
port = 3
"""
    found = [re.match(r"FILE, line (\d+): .*?(\[\w+\] \w+)", p) for p in problems(text)]
    assert [place and place.groups() for place in found] == [
        ("4", "[log] level"),
        ("7", "[server] port"),
        ("8", "[server] host"),
        ("9", "[server] trusted_proxies"),
        ("12", "[server] tls_key"),
        ("13", "[server] x"),
        ("15", "[server] tls"),
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [("\nserver.port = 0", 2), ("\n\nserver = { port = 0 }", 3), ("[ 'server' ]\nport = 0", 2)],
)
def test_other_spellings_of_a_section_have_lines_too(
    problem: Problem, text: str, line: int
) -> None:
    sentence = problem(text)
    assert sentence.startswith(f"FILE, line {line}: [server] port is 0; ")


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("[server]\nhost = 127.0.0.1\n", "FILE, line 2: this is not TOML (Expected "),
        ("[server]\nport =\n\nx = 1\n", "FILE, line 2: this is not TOML (Invalid value); "),
        ("[server\n", "FILE, line 1: this is not TOML (Expected "),
        ('[server]\n\nhost = "a', "FILE, line 3: this is not TOML (Unterminated string); "),
        ("[server]\nhost = '''a\n\n", "FILE, line 2: this is not TOML (Expected "),
        ("[log]\n[log]\n", "FILE, line 2: this is not TOML (Cannot declare "),
    ],
)
def test_syntax_errors(problem: Problem, text: str, start: str) -> None:
    sentence = problem(text)
    assert sentence.startswith(start)
    assert sentence.endswith(".")


def test_name_given_twice(problem: Problem) -> None:
    sentence = problem("[server]\nport = 1\nport = 2\n")
    assert sentence == (
        "FILE, line 3: this is not TOML (Cannot overwrite a value); an option or section stands "
        "in the file twice; remove one of them."
    )


def test_file_of_another_encoding(file: Path) -> None:
    file.write_bytes(b'[books]\npersonal_display_name = "B\xfccher"\n')
    assert problem_of(lambda: load_config(file)) == (
        f"{file}, line 2: the file is not UTF-8; save it in that encoding."
    )


def test_file_that_cannot_be_read(
    open_folder: Path, without_privileges: Callable[[], None]
) -> None:
    file = open_folder / "sharedbooks.toml"
    file.touch(0)
    without_privileges()
    assert problem_of(lambda: load_config(file)) == (
        f"{file}: the file cannot be read (Permission denied); see that it exists and that the "
        "user who runs sharedbooks may read it."
    )


@pytest.mark.parametrize(
    ("written", "loaded"),
    [
        ("postgresql://u:p@h:5433/n", "postgresql+psycopg://u:p@h:5433/n"),
        ("postgresql+psycopg://u@h/n", "postgresql+psycopg://u@h/n"),
        ("mariadb://u@h/n", "mariadb+pymysql://u@h/n"),
        ("mysql://u@h/n", "mariadb+pymysql://u@h/n"),
        ("mariadb+pymysql://u@[::1]/n?ssl_ca=x", "mariadb+pymysql://u@[::1]/n?ssl_ca=x"),
        ("postgresql:///n", "postgresql+psycopg:///n"),
        (
            "postgresql://u:p%2C@a,b:5433/n?target_session_attrs=read-write",
            "postgresql+psycopg://u:p%2C@/n?host=a&host=b%3A5433&target_session_attrs=read-write",
        ),
        ("postgresql://a,b/n", "postgresql+psycopg:///n?host=a&host=b"),
        ("mariadb://u@[::1]:1,b/n", "mariadb+pymysql://u@/n?host=%5B%3A%3A1%5D%3A1&host=b"),
        ("sqlite:////var/lib/x.db", "sqlite:////var/lib/x.db"),
    ],
)
def test_database_urls(load: Load, written: str, loaded: str) -> None:
    assert load(f'[database]\nurl = "{written}"').database.url == loaded


@pytest.mark.parametrize("text", ["", '[database]\nurl = "sqlite:///sharedbooks.db"'])
def test_relative_database_is_in_the_folder_of_the_file(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "shared books ü"
    folder.mkdir()
    (folder / "sharedbooks.toml").write_text(text)
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("shared books ü/sharedbooks.toml"))
    assert config.source == folder / "sharedbooks.toml"
    assert make_url(config.database.url).database == str(folder / "sharedbooks.db")


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ('"oracle://u:hunter2@h/n"', 'names the unknown driver "oracle"'),
        ('"postgresql+asyncpg://h/n"', 'names the unknown driver "postgresql+asyncpg"'),
        ('"hunter2"', "is no database URL"),
        ('""', "is no database URL"),
        ("5", "is not text in quotes"),
        ('"postgresql://u:hunter2@h:port/n"', "has a port that is no number"),
        ('"postgresql://u:hunter2@h"', "names no database behind the host"),
        (
            '"postgresql://u:hunter2@hunter2@h/n"',
            'has an "@" in its user name or password, where "%40" stands for it',
        ),
        (
            '"postgresql://u:x@hunter2/hunter2@h/n"',
            'has an "@" in its user name or password, where "%40" stands for it',
        ),
        ('"mariadb://u:hunter2@a,b"', "names no database behind the host"),
        ('"mariadb://u:hunter2@a,b:x/n"', "has among its hosts one that is no HOST or HOST:PORT"),
        ('"mariadb://u:hunter2@a,,b/n"', "has among its hosts one that is no HOST or HOST:PORT"),
        (
            '"postgresql://u:hunter2@a,b/n?target_session_attrs=any"',
            'has a target_session_attrs that is not "read-write"',
        ),
        ('"sqlite://"', "names no database file"),
        ('"sqlite:///:memory:"', "names no database file"),
        ('"sqlite://x.db"', 'has two slashes behind "sqlite:" where three belong'),
    ],
)
def test_refused_database_urls(problem: Problem, written: str, complaint: str) -> None:
    assert problem(f"[database]\nurl = {written}") == (
        f'FILE, line 2: [database] url {complaint}; write "sqlite:///FILE", '
        '"postgresql://USER@HOST/NAME" or "mariadb://USER@HOST/NAME".'
    )


def test_password_from_a_file(load: Load, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text(" p@ss/wörd: 100% + \r\n", encoding="utf-8", newline="")
    config = load('[database]\nurl = "postgresql://u@h/n"\npassword_file = "pw"')
    url = make_url(config.database.url)
    assert url.password == " p@ss/wörd: 100% + "
    assert (url.username, url.host, url.database) == ("u", "h", "n")
    assert config.database.password_file == tmp_path / "pw"


@pytest.mark.parametrize("spelling", ["$CREDENTIALS_DIRECTORY", "${CREDENTIALS_DIRECTORY}"])
def test_password_from_systemd(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str
) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "pw").write_text("geheim\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    config = load(f'[database]\nurl = "mariadb://u@h/n"\npassword_file = "{spelling}/pw"')
    assert make_url(config.database.url).password == "geheim"
    assert config.database.password_file == credentials / "pw"


def test_password_from_systemd_outside_of_systemd(problem: Problem) -> None:
    assert problem(
        '[database]\nurl = "mariadb://u@h/n"\npassword_file = "$CREDENTIALS_DIRECTORY/pw"'
    ) == (
        "FILE, line 3: [database] password_file begins with $CREDENTIALS_DIRECTORY, which is not "
        "set here; systemd sets it for a service with LoadCredential=, elsewhere write the path "
        "of a file."
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "which cannot be read (No such file or directory); see that the file exists and "),
        (b"", "which does not hold exactly one line; write the password in it and nothing else."),
        (b"\n\n", "which does not hold exactly one line; "),
        (b"hunter2\nhunter3\n", "which does not hold exactly one line; "),
        (b"hunter2\xff", "which is not UTF-8; save it in that encoding."),
    ],
)
def test_password_files_that_cannot_be_used(
    problem: Problem, tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / "pw").write_bytes(content)
    sentence = problem('[database]\nurl = "mariadb://u@h/n"\npassword_file = "pw"')
    assert sentence.startswith(
        f"FILE, line 3: [database] password_file names {tmp_path / 'pw'}, {complaint}"
    )
    assert "hunter" not in sentence


def test_password_file_that_may_not_be_read(
    open_folder: Path, without_privileges: Callable[[], None]
) -> None:
    file = open_folder / "sharedbooks.toml"
    file.write_text('[database]\nurl = "mariadb://u@h/n"\npassword_file = "pw"')
    (open_folder / "pw").touch(0)
    without_privileges()
    assert problem_of(lambda: load_config(file)) == (
        f"{file}, line 3: [database] password_file names {open_folder / 'pw'}, which cannot be "
        "read (Permission denied); see that the file exists and that the user who runs "
        "sharedbooks may read it."
    )


@pytest.mark.parametrize(
    ("url", "trouble"),
    [
        ("sqlite:///x.db", "SQLite knows no password; remove password_file, or correct url."),
        ("mariadb://u:hunter2@h/n", "url holds a password too; remove one of the two."),
        (
            "postgresql://h/n",
            "url names no user it could belong to; write the user name in front of the host.",
        ),
    ],
)
def test_password_file_has_to_suit_the_url(
    problem: Problem, tmp_path: Path, url: str, trouble: str
) -> None:
    (tmp_path / "pw").write_text("x")
    assert problem(f'[database]\nurl = "{url}"\npassword_file = "pw"') == (
        f"FILE, line 3: [database] password_file is set, but {trouble}"
    )


def test_tls_files_are_relative_to_the_file(load: Load, tmp_path: Path) -> None:
    server = load('[server]\ntls_certificate = "a.crt"\ntls_key = "/b.key"').server
    assert (server.tls_certificate, server.tls_key) == (tmp_path / "a.crt", Path("/b.key"))


def test_certificate_and_key_need_each_other(problem: Problem) -> None:
    assert problem('[server]\ntls_certificate = "x"') == (
        "FILE, line 2: [server] tls_certificate needs tls_key; name the file with its private key "
        "there."
    )
    assert problem('[server]\n\ntls_key = "x"') == (
        "FILE, line 3: [server] tls_key needs tls_certificate; name the file with the certificate "
        "there."
    )


def test_rule_over_a_refused_value_is_not_reported_too(problem: Problem) -> None:
    sentence = problem('[server]\ntls_certificate = "x"\ntls_key = 5')
    assert "[server] tls_key is 5" in sentence


def test_tls_files_are_read_for_serving_only(load: Load, problem: Problem, tmp_path: Path) -> None:
    (tmp_path / "crt").touch()
    text = '[server]\ntls_certificate = "crt"\ntls_key = "$CREDENTIALS_DIRECTORY/key"'
    load(text)
    sentence = problem(text, serving=True)
    assert sentence.startswith(
        "FILE, line 3: [server] tls_key begins with $CREDENTIALS_DIRECTORY, which is not set here"
    )


def test_readable_tls_files_serve(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "crt").touch()
    (tmp_path / "key").touch()
    text = '[server]\ntls_certificate = "crt"\ntls_key = "$CREDENTIALS_DIRECTORY/key"'
    assert load(text, serving=True).server.tls_key == tmp_path / "key"


def test_largest_card_has_to_fit_in_a_request(problem: Problem) -> None:
    assert problem('[server]\n\nmax_body = "1 MiB"') == (
        "FILE, line 3: [books] max_card_size is larger than [server] max_body, so that such a "
        "card could never arrive; lower the one or raise the other."
    )


def test_largest_card_may_be_as_large_as_a_request(load: Load) -> None:
    assert load('[server]\nmax_body = "10 MiB"').books.max_card_size == 10 * 1024**2


def test_dump_has_values_and_origins(load: Load, tmp_path: Path) -> None:
    shown = dump(
        load(
            '[server]\nport = 5232\nmax_body = "65 MiB"\ntls_certificate = "c"\ntls_key = "k"\n'
            'trusted_proxies = ["10.0.0.0/8"]\n'
        )
    )
    assert shown["server"]["port"] == {"value": 5232, "origin": "file"}
    assert shown["server"]["host"] == {"value": "127.0.0.1", "origin": "default"}
    assert shown["server"]["max_body"] == {"value": 65 * 1024**2, "origin": "file"}
    assert shown["server"]["tls_key"] == {"value": str(tmp_path / "k"), "origin": "file"}
    assert shown["server"]["trusted_proxies"]["value"] == ["10.0.0.0/8"]
    assert shown["database"]["password_file"] == {"value": None, "origin": "default"}
    assert shown["log"]["level"] == {"value": "info", "origin": "default"}
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:hunter2@h/n", "postgresql+psycopg://u:********@h/n"),
        ("postgresql://:hunter2@h/n", "postgresql+psycopg://:********@h/n"),
        ("postgresql://u:hun%40ter2@h/n", "postgresql+psycopg://u:********@h/n"),
        ("mariadb://u:hunter2@a:1,b/n?x=1", "mariadb+pymysql://u:********@a:1,b/n?x=1"),
        (
            "postgresql://u@h/n?connect_timeout=5&sslpassword=hunter2",
            "postgresql+psycopg://u@h/n?connect_timeout=5&sslpassword=********",
        ),
    ],
)
def test_password_in_the_url_is_never_shown(load: Load, url: str, shown: str) -> None:
    config = load(f'[database]\nurl = "{url}"')
    assert dump(config)["database"]["url"] == {"value": shown, "origin": "file"}
    assert "ter2" in config.database.url
    assert "ter2" not in repr(config)


def test_password_from_a_file_is_never_shown(load: Load, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2")
    config = load('[database]\nurl = "mariadb://u@h/n"\npassword_file = "pw"')
    assert dump(config)["database"]["url"]["value"] == "mariadb+pymysql://u:********@h/n"
    assert "hunter2" not in json.dumps(dump(config)) + repr(config)


def test_problems_never_show_a_password(problems: Problems, tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("hunter2")
    found = problems(
        '[database]\nurl = "mariadb://u:hunter2@h/n"\npassword = "hunter2"\npassword_file = "pw"\n'
        "pool_size = 0"
    )
    assert len(found) == 3
    assert "hunter2" not in " ".join(found)
    assert any("Did you mean [database] password_file?" in problem for problem in found)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty world: home, working folder and system folder hold no configuration yet."""
    for name in ("home", "work", "system"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setattr(places, "SYSTEM_FOLDER", tmp_path / "system")
    return tmp_path / "home"


def test_order_of_the_search(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = home.parent
    order = [
        root / "explicit.toml",
        root / "variable.toml",
        root / "work/sharedbooks.toml",
        home / ".config/sharedbooks/sharedbooks.toml",
        root / "system/sharedbooks.toml",
    ]
    for place in order:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    monkeypatch.setenv("SHAREDBOOKS_CONFIG", "../variable.toml")
    found = [find_config(Path("../explicit.toml")).resolve(), find_config(None).resolve()]
    monkeypatch.delenv("SHAREDBOOKS_CONFIG")
    for place in order[2:]:
        found.append(find_config(None))
        place.unlink()
    assert found == order


def test_xdg_folder_replaces_the_one_in_home(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in (home / ".config", home / "xdg"):
        (folder / "sharedbooks").mkdir(parents=True)
        (folder / "sharedbooks/sharedbooks.toml").touch()
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "xdg"))
    assert find_config(None) == home / "xdg/sharedbooks/sharedbooks.toml"
    monkeypatch.setenv("XDG_CONFIG_HOME", "xdg")
    assert find_config(None) == home / ".config/sharedbooks/sharedbooks.toml"


def test_no_file_found(home: Path) -> None:
    assert problem_of(lambda: find_config(None)) == (
        f"No configuration file found; looked for sharedbooks.toml, "
        f"{home}/.config/sharedbooks/sharedbooks.toml, {home.parent}/system/sharedbooks.toml. "
        "Create one with 'sharedbooks init', or name yours with --config FILE or in "
        "SHAREDBOOKS_CONFIG."
    )


def test_file_asked_for_is_missing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home.parent / "work/sharedbooks.toml").touch()
    explicit = problem_of(lambda: find_config(Path("other.toml")))
    assert explicit == (
        "The configuration file other.toml, named by --config, does not exist; correct the path, "
        "or create the file with 'sharedbooks init'."
    )
    monkeypatch.setenv("SHAREDBOOKS_CONFIG", "/none.toml")
    assert "/none.toml, named by SHAREDBOOKS_CONFIG," in problem_of(lambda: find_config(None))


def test_working_folder_closed_to_the_user_is_passed_over(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, without_privileges: Callable[[], None]
) -> None:
    closed, system = open_folder / "closed", open_folder / "system"
    closed.mkdir()
    system.mkdir()
    (system / "sharedbooks.toml").touch()
    monkeypatch.setenv("HOME", str(open_folder))
    monkeypatch.setattr(places, "SYSTEM_FOLDER", system)
    monkeypatch.chdir(closed)
    closed.chmod(0)
    without_privileges()
    found = find_config(None)
    monkeypatch.setattr(places, "SYSTEM_FOLDER", open_folder / "none")
    problem = problem_of(lambda: find_config(None))
    assert found == system / "sharedbooks.toml"
    assert "looked for sharedbooks.toml (no permission to look), " in problem


def test_initial_file_changes_nothing(load: Load) -> None:
    text = initial_config_text()
    assert load(text).set_in_file == frozenset()
    assert len(text.splitlines()) < 50


def test_initial_file_without_its_hashes_can_be_used(load: Load, tmp_path: Path) -> None:
    text = re.sub(r"^#(?=\w)", "", initial_config_text(), flags=re.MULTILINE)
    text = re.sub(r"^(password_file = ).*\n", "", text, flags=re.MULTILINE)
    config = load(text)
    assert config.set_in_file == {
        ("server", "host"),
        ("server", "port"),
        ("server", "tls_certificate"),
        ("server", "tls_key"),
        ("database", "url"),
        ("log", "level"),
    }
