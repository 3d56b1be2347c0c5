"""Save memory: fewer malloc arenas, and no garbage collection of permanent objects."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def frozen_gc() -> Iterator[None]:
    """Exclude what is created inside, such as modules and classes, from garbage collection.

    The collector would look at all of it while it is made, and again with every full collection:
    a fifth of an acknowledgement's processor time, and of a start's.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


_ARENA_MAX = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""


def limit_malloc_arenas(count: int = 2) -> bool:
    """Let all threads share `count` of the C library's arenas; return whether it did.

    glibc gives each of the store's threads one of its own, some megabytes that none of them
    needs: they take turns anyway. Other C libraries have no such switch.
    https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
    """
    if sys.platform != "linux":
        return False
    try:
        return bool(ctypes.CDLL(None).mallopt(_ARENA_MAX, count))
    except (OSError, AttributeError):
        return False
