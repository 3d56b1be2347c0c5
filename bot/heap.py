"""Keeps the garbage collector away from what is there to stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def staying() -> Iterator[None]:
    """Whatever is made inside stays as long as the process: modules, classes, functions.

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
