"""The licences of what a lock names, as the installed packages state them.

`python -m tests.packaging.licences LOCK` ends with 1 where one is unknown or asks for more than
to be named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path

FREE = re.compile(
    r"\b(MIT|Apache|BSD|0BSD|ISC|PSF|Python Software Foundation|Zlib|Unlicense|CC0)\b",
    re.IGNORECASE,
)
"""Licences that ask to be named and for nothing else."""
WEAK = re.compile(r"\b(MPL|Mozilla|LGPL|GNU Lesser)\b", re.IGNORECASE)
"""Those that bind changes of the package itself, not of what uses it."""


def names(lock: str) -> list[str]:
    """The packages of a lock."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", lock, re.MULTILINE)


def licence(name: str) -> str | None:
    """What an installed package says of itself; None where it is not installed here."""
    try:
        about = metadata(name)
    except PackageNotFoundError:
        return None
    kinds = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if "License ::" in line
    ]
    said = about.get_all("License-Expression") or about.get_all("License") or [""]
    first = said[0].strip().split("\n")[0][:60]
    return ", ".join(dict.fromkeys([*([first] if first else []), *kinds])) or "unknown"


def doubtful(found: Sequence[tuple[str, str | None]]) -> Iterator[str]:
    """The packages that somebody has to look at."""
    for name, said in found:
        if said is not None and not (FREE.search(said) or WEAK.search(said)):
            yield f"{name}: {said}"


def main(arguments: Sequence[str]) -> int:
    found = [(name, licence(name)) for name in names(Path(arguments[0]).read_text("utf-8"))]
    for name, said in found:
        print(f"{name:28} {said or 'not installed here'}")
    wrong = list(doubtful(found))
    for line in wrong:
        print(f"look at {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
