"""The locks in throw-away environments, with the oldest pip and the newest: `make install-check`.

Each environment is made by the Makefile's own recipe, with its pip exchanged beforehand; then the
first stage of the Dockerfile is carried out. Needs an index, and nothing that is installed already.
Ends with 1 where one of them fails.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.deploy import dockerfile
from tests.deploy.dockerfile import ROOT

OLDEST = {(3, 11): "22.3", (3, 12): "23.2.1", (3, 13): "24.2", (3, 14): "25.2"}
"""The pip that the first release of a Python brings along."""


def run(*command: str | Path) -> str:
    """Return what a command prints."""
    arguments = [str(one) for one in command]
    return subprocess.run(
        arguments, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def by_make(folder: Path, pip: str) -> str:
    """Install requirements.lock as `make` does, with a certain pip; return what was made."""
    python = folder / "bin" / "python"
    run(sys.executable, "-m", "venv", folder)
    run(python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--upgrade", pip)
    run("make", f"VENV={folder}", f"PYTHON={sys.executable}", folder / ".ready")
    run(python, "-m", "pip", "check", "--disable-pip-version-check")
    with_pip = run(python, "-m", "pip", "--version", "--disable-pip-version-check").split(" from ")
    return f"{run(folder / 'bin' / 'plain-bridge', '--version')}, installed with {with_pip[0]}"


def by_dockerfile(folder: Path) -> str:
    """Make what the image holds; return what was made."""
    commands = dockerfile.build(folder)
    run(commands / "python", "-m", "pip", "check", "--disable-pip-version-check")
    return f"{run(commands / 'plain-bridge', '--version')}, installed as in the image"


def tried(name: str, install: Callable[[], str]) -> bool:
    """Say how an installation went and how long it took; False where it failed."""
    begun = time.monotonic()
    try:
        said = install()
    except subprocess.CalledProcessError as failed:
        said = f"FAILED: {' '.join(map(str, failed.cmd))[:200]}\n{failed.stderr.strip()[-1500:]}"
        return False
    finally:
        print(f"{name}: {said} ({time.monotonic() - begun:.0f} s)", flush=True)
    return True


def main() -> int:
    oldest = OLDEST.get(sys.version_info[:2])
    if oldest is None:
        print(f"Which pip Python {sys.version.split()[0]} brings is not known here: {__file__}")
        return 1
    with tempfile.TemporaryDirectory(prefix="plain-bridge-install-") as folder:
        here = Path(folder)
        went = [
            tried("requirements.lock, oldest pip", lambda: by_make(here / "a", f"pip=={oldest}")),
            tried("requirements.lock, newest pip", lambda: by_make(here / "b", "pip")),
            tried("deploy/Dockerfile", lambda: by_dockerfile(here / "c")),
        ]
    return 0 if all(went) else 1


if __name__ == "__main__":
    sys.exit(main())
