"""The wheel, built as a release is, and the environments it is tried in."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parents[2]


def build(folder: Path) -> Path:
    """Build the wheel into `folder`; its path."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


def borrowed(folder: Path, wheel: Path) -> Path:
    """An environment with the wheel alone, which borrows its dependencies from this one.

    What the wheel lacks is not found in the checkout: a path in a .pth file brings packages, not
    the editable installation beside them. Returns the folder of the commands.
    """
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder)],
        check=True,
        capture_output=True,
    )
    (site,) = folder.glob("lib/python*/site-packages")
    here = sysconfig.get_paths()["purelib"]
    (site / "borrowed.pth").write_text(f"{here}\n")
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-q"]
    alone = ["--no-deps", "--no-index", "--disable-pip-version-check", str(wheel)]
    subprocess.run([*install, *alone], check=True, capture_output=True)
    return folder / "bin"
