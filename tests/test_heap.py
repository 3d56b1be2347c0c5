"""What is made at the start is left alone by the garbage collector, and nothing after it."""

from __future__ import annotations

import subprocess
import sys

_PROGRAM = """
import gc
from bot.heap import frozen_gc

try:
    with frozen_gc():
        assert not gc.isenabled()
        raise KeyError
except KeyError:
    pass
assert gc.isenabled() and gc.get_freeze_count() > 1000
made = gc.get_freeze_count()
later = [[] for _ in range(100)]
gc.collect()
assert gc.get_freeze_count() == made
"""


def test_what_is_made_inside_is_frozen_and_the_collector_works_on() -> None:
    subprocess.run([sys.executable, "-c", _PROGRAM], check=True)


_ARENAS = """
import platform
import sys
from bot.heap import limit_malloc_arenas

assert limit_malloc_arenas() is (sys.platform == "linux" and platform.libc_ver()[0] == "glibc")
"""


def test_threads_share_a_few_arenas_where_the_c_library_lets_them() -> None:
    subprocess.run([sys.executable, "-c", _ARENAS], check=True)
