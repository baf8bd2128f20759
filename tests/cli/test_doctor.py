"""``sharedbooks doctor`` and what a table looks like on a terminal."""

import os
import pty
import socket
import subprocess
import sys
from contextlib import closing

import pytest

from tests.cli.conftest import quiet_environment

CHECKS = [
    "configuration",
    "database",
    "schema",
    "database folder",
    "secrets",
    "disk space",
    "file system",
    "open files",
    "TLS certificate",
    "port",
    "password scheme",
    "users",
    "address books",
    "clock",
    "clock of the database",
    "durability",
    "connections of the database",
    "size of a card",
]


@pytest.fixture
def port():
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def configure(office, port):
    def write(text: str = "") -> None:
        (office.folder / "sharedbooks.toml").write_text(f"{text}\n[server]\nport = {port}\n")

    write()
    return write


def findings(office, code):
    found = office("doctor", "--json", code=code).document
    assert all(row.keys() == {"check", "result", "detail", "remedy"} for row in found)
    assert all((row["result"] in {"ok", "skipped"}) == (row["remedy"] == "") for row in found)
    return {row["check"]: row for row in found}


def test_sound_installation(office, configure):
    found = findings(office, 0)
    assert list(found) == CHECKS
    assert {row["result"] for row in found.values()} == {"ok"}


def test_table(office, configure):
    lines = office("doctor").out.splitlines()
    assert lines[0].split() == ["Check", "Result", "Found", "Remedy"]
    assert len(lines) == 1 + len(CHECKS)


def test_fresh_installation_lacks_users_and_books(sharedbooks):
    found = findings(sharedbooks, 1)
    assert found["users"]["result"] == found["address books"]["result"] == "failed"
    assert found["users"]["remedy"] == "Give 'sharedbooks user add NAME'."


def test_bad_configuration(office, configure):
    configure('[log]\nlevel = "loud"\n')
    found = findings(office, 1)
    assert "[log] level" in found["configuration"]["detail"]
    assert {row["result"] for name, row in found.items() if name != "configuration"} == {"skipped"}


def test_other_schema(office, configure, sql):
    sql.execute("UPDATE alembic_version SET version_num = '9999'")
    found = findings(office, 1)
    assert found["schema"]["result"] == "failed"
    assert found["users"]["result"] == "skipped"
    assert found["database"]["result"] == "ok"


def test_database_that_cannot_be_reached(office, configure):
    configure('[database]\nurl = "sqlite:///no/such/folder.db"\n')
    found = findings(office, 1)
    assert found["database"]["result"] == "failed"
    assert found["schema"]["result"] == found["clock"]["result"] == "skipped"


def test_folder_that_cannot_be_written(office, configure, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = findings(office, 1)
    assert found["database folder"]["result"] == "failed"
    assert str(office.folder) in found["database folder"]["detail"]


def test_port_of_another_program(office, configure, port):
    with closing(socket.create_server(("127.0.0.1", port))) as listener:
        listener.settimeout(0)
        monkey = "sharedbooks.cli.diagnosis._PROBE_SECONDS"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(monkey, 0.2)
            found = findings(office, 1)
    assert "address already in use" in found["port"]["detail"]


def test_clock_before_the_last_change(office, configure, sql):
    sql.execute("UPDATE address_books SET changed_at = changed_at + 86400000000")
    assert findings(office, 1)["clock"]["result"] == "failed"


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("certificates")
    for name, days in (("good", 400), ("soon", 5)):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=x"),
                *("-days", str(days), "-keyout", f"{name}.key", "-out", f"{name}.crt"),
            ],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    subprocess.run(
        ["openssl", "req", "-new", "-key", "good.key", "-subj", "/CN=x", "-out", "x.csr"],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "ca").mkdir()
    (folder / "ca" / "index.txt").touch()
    (folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca = it\n[it]\ndatabase = ca/index.txt\nnew_certs_dir = ca\n"
        "rand_serial = yes\ndefault_md = sha256\npolicy = any\n[any]\ncommonName = supplied\n"
    )
    subprocess.run(
        [
            *("openssl", "ca", "-batch", "-config", "ca.cnf", "-selfsign", "-keyfile", "good.key"),
            *("-in", "x.csr", "-out", "expired.crt", "-notext"),
            *("-startdate", "20200101000000Z", "-enddate", "20210101000000Z"),
        ],
        cwd=folder,
        check=True,
        capture_output=True,
    )
    (folder / "text.crt").write_text("no certificate")
    return folder


@pytest.mark.parametrize(
    ("certificate", "key", "result", "detail"),
    [
        ("good.crt", "good.key", "ok", "valid until 20"),
        ("soon.crt", "soon.key", "warning", "expires soon, on 20"),
        ("expired.crt", "good.key", "failed", "certificate has expired"),
        ("good.crt", "soon.key", "failed", "values mismatch"),
        ("text.crt", "good.key", "failed", "text.crt"),
        ("gone.crt", "good.key", "failed", "[server] tls_certificate names"),
    ],
)
def test_certificate(office, port, certificates, certificate, key, result, detail):
    (office.folder / "sharedbooks.toml").write_text(
        f"[server]\nport = {port}\n"
        f'tls_certificate = "{certificates / certificate}"\ntls_key = "{certificates / key}"\n'
    )
    found = findings(office, 1 if result == "failed" else 0)["TLS certificate"]
    assert found["result"] == result
    assert detail in found["detail"]


def test_table_fits_the_terminal(office, configure):
    terminal, other_end = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "sharedbooks.cli", "doctor"],
        cwd=office.folder,
        env={**quiet_environment(), "TERM": "xterm", "COLUMNS": "60"},
        stdout=other_end,
        stderr=subprocess.PIPE,
        check=True,
    )
    os.close(other_end)
    lines = os.read(terminal, 100_000).decode().splitlines()
    os.close(terminal)
    assert done.stderr == b""
    assert lines[0].startswith("┏━")
    assert {len(line) for line in lines if "\x1b" not in line} == {len(lines[0])}
    assert len(lines[0]) <= 60
