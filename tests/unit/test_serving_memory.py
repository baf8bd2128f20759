import platform
import subprocess
import sys

import pytest

_THREADS = 12
_PROGRAM = f"""
import ctypes, threading
from sharedbooks.serving.memory import share_arenas

share_arenas()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
all_at_once = threading.Barrier({_THREADS})

def hold():
    all_at_once.wait()
    libc.malloc(100_000)
    all_at_once.wait()

threads = [threading.Thread(target=hold) for _ in range({_THREADS})]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library has no such heaps")
def test_threads_allocate_from_few_heaps() -> None:
    done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, check=True)
    assert 1 <= done.stdout.count(b"<heap nr=") <= 2
