"""Files written whole or not at all."""

import os
import threading

import pytest

from sharedbooks.exchange.files import replacing


def test_file_changes_only_at_the_end(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with replacing(path) as file:
        file.write(b"after")
        file.flush()
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"after"
    assert list(tmp_path.iterdir()) == [path]


def test_error_leaves_what_was_there(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def write_and_fail() -> None:
        with replacing(path) as file:
            file.write(b"after")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


def test_permissions_stay_from_the_first_octet_on(tmp_path):
    path = tmp_path / "file"
    path.touch()
    path.chmod(0o600)
    with replacing(path) as file:
        file.write(b"secret")
        assert os.fstat(file.fileno()).st_mode & 0o777 == 0o600
    assert path.stat().st_mode & 0o777 == 0o600


def test_link_stays_a_link(tmp_path):
    (tmp_path / "target").write_bytes(b"before")
    link = tmp_path / "link"
    link.symlink_to("target")
    with replacing(link) as file:
        file.write(b"after")
    assert link.is_symlink()
    assert (tmp_path / "target").read_bytes() == b"after"


def test_pipe_is_written_into(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe) as file:
        file.write(b"through")
    reader.join()
    assert read == [b"through"]
    assert pipe.is_fifo()
