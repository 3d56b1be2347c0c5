"""Read the Dockerfile, and carry out its first stage where there is no container engine.

Needs the standard library only: `make install-check` runs before anything is installed.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from itertools import takewhile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATH = ROOT / "deploy" / "Dockerfile"

Instruction = tuple[str, str]
"""The word and the rest."""


def instructions(text: str) -> list[Instruction]:
    """Return a Dockerfile's instructions, continued lines joined."""
    joined = re.sub(r"\\\n\s*", "", "\n".join(x for x in text.split("\n") if x[:1] != "#"))
    return [(word, rest) for word, _, rest in (x.partition(" ") for x in joined.split("\n") if x)]


def first_stage(text: str) -> list[Instruction]:
    """Return the instructions between the first FROM and the second."""
    after = instructions(text)[1:]
    return list(takewhile(lambda one: one[0] != "FROM", after))


def moved(rest: str, folder: Path) -> str:
    """Return a command or a path with the image's /opt and /build below `folder`."""
    return re.sub(r"(?<![\w.])/(opt|build)(?=[/ ]|$)", rf"{folder}/\1", rest)


def copy(rest: str, folder: Path) -> None:
    """Carry out one COPY of files or folders of the project."""
    *names, target = rest.split()
    into = Path(moved(target, folder))
    for name in names:
        source = ROOT / name
        if source.is_dir():  # a COPY brings what the folder holds, to the target's own name
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, into, ignore=ignored, dirs_exist_ok=True)
        else:
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, into)


def build(folder: Path) -> Path:
    """Carry out the first stage with this interpreter as `python`; return the folder of commands.

    Raises `subprocess.CalledProcessError` if a command fails.
    """
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").symlink_to(Path(sys.base_prefix) / "bin" / "python3")
    environ = os.environ | {"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"}
    for word, rest in first_stage(PATH.read_text(encoding="utf-8")):
        if word == "COPY":
            copy(rest, folder)
        elif word == "RUN":
            command = ["/bin/sh", "-ec", moved(rest, folder)]
            subprocess.run(command, check=True, env=environ, capture_output=True, text=True)
    return folder / "opt" / "plain-bridge" / "bin"
