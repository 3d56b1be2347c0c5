"""The wheel in a clean environment of every Python that is at hand: `make versions`.

Installs what `deploy/requirements.lock` names, then the wheel with its sandbox; plays the story.
Ends with 1 where that fails, or where none of the supported versions is at hand.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.packaging.wheel import ROOT, build

VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def at_hand() -> dict[str, Path]:
    """An interpreter for each version that is found, on the path or among pyenv's."""
    found: dict[str, Path] = {}
    for path in _candidates():
        asked = [str(path), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
        told = subprocess.run(asked, capture_output=True, text=True)
        if told.returncode == 0 and told.stdout.strip() in VERSIONS:
            found.setdefault(told.stdout.strip(), path)
    return found


def _candidates() -> Iterator[Path]:
    for version in VERSIONS:
        if on_the_path := shutil.which(f"python{version}"):
            yield Path(on_the_path)
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from sorted(root.glob("versions/*/bin/python"), reverse=True)


def check(python: Path, wheel: Path, folder: Path) -> str | None:
    """Install and play; the last words of what failed, None where all is well."""
    venv, work = folder / "venv", folder / "work"
    work.mkdir(parents=True)
    pip = [str(venv / "bin" / "python"), "-m", "pip", "install", "-q"]
    pip += ["--disable-pip-version-check"]
    lock = str(ROOT / "deploy" / "requirements.lock")
    for command in (
        [str(python), "-m", "venv", str(venv)],
        [*pip, "--no-deps", "--require-hashes", "-r", lock],
        [*pip, f"{wheel}[sandbox]"],
        [str(venv / "bin" / "plain-bridge"), "sandbox"],
    ):
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode:
            return f"{Path(command[0]).name} {command[1]}: {done.stderr.strip()[-800:]}"
    return None


def main() -> int:
    found = at_hand()
    wrong = not found
    with tempfile.TemporaryDirectory() as folder:
        wheel = build(Path(folder) / "dist")
        for version in VERSIONS:
            if version not in found:
                print(f"Python {version}: not at hand")
                continue
            trouble = check(found[version], wheel, Path(folder) / version)
            print(f"Python {version}: {trouble or 'installed from the wheel, story played'}")
            wrong = wrong or trouble is not None
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
