"""Read the locks, and find what they lack.

pip installs a lock with `--no-deps`, so whatever a locked package needs has to be in the lock. What
a package needs is read from the metadata of the installed one: no network, and no index that knows
a newer release today than it did yesterday.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import product
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

ROOT = Path(__file__).parents[2]

Environment = Mapping[str, str]
"""The marker variables of PEP 508, without `extra`."""


@dataclass(frozen=True, slots=True)
class Locked:
    """One line of a lock: a package at one version, and where it is installed."""

    requirement: Requirement
    hashes: int

    @property
    def name(self) -> NormalizedName:
        return canonicalize_name(self.requirement.name)

    @property
    def version(self) -> str:
        (pin,) = self.requirement.specifier
        assert pin.operator == "==", f"{self.requirement} is not pinned"
        return pin.version

    def applies(self, environment: Environment) -> bool:
        marker = self.requirement.marker
        return marker is None or marker.evaluate(dict(environment))


def read(text: str) -> list[Locked]:
    """Return the lines of a lock in the format of pip's requirements files."""
    joined = re.sub(r"\\\n\s*", " ", re.sub(r"^\s*#.*\n?", "", text, flags=re.MULTILINE))
    found = []
    for line in filter(None, joined.splitlines()):
        requirement, *hashes = line.split("--hash=sha256:")
        found.append(Locked(Requirement(requirement.strip()), len(hashes)))
    return found


def environments() -> dict[str, Environment]:
    """Return the environments that the locks are for, by a name for people.

    CPython only: on each supported Python the first and a late patch release, for markers may name
    either, on the platforms that wheels of the locked packages exist for.
    """
    platforms = {
        "Linux x86_64": ("linux", "Linux", "posix", "x86_64"),
        "Linux aarch64": ("linux", "Linux", "posix", "aarch64"),
        "macOS arm64": ("darwin", "Darwin", "posix", "arm64"),
        "Windows AMD64": ("win32", "Windows", "nt", "AMD64"),
    }
    found: dict[str, Environment] = {}
    for minor, patch, (name, told) in product((11, 12, 13, 14), (0, 99), platforms.items()):
        full = f"3.{minor}.{patch}"
        found[f"Python {full}, {name}"] = {
            "python_version": f"3.{minor}",
            "python_full_version": full,
            "implementation_version": full,
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_version": "",
            **dict(
                zip(
                    ("sys_platform", "platform_system", "os_name", "platform_machine"),
                    told,
                    strict=True,
                )
            ),
        }
    return found


@cache
def installed(name: str) -> Distribution | None:
    """Return what is installed here under a name; None if nothing is."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


@cache
def requires(name: str) -> tuple[Requirement, ...]:
    """Return all that an installed package may require, whatever the extra and the environment.

    Nothing for a package that is not installed here, since only another platform needs it.
    """
    found = installed(name)
    return tuple(Requirement(line) for line in (found.requires if found else None) or ())


def wanted(requirement: Requirement, extras: Iterable[str], environment: Environment) -> bool:
    """Tell if a requirement applies in an environment, by itself or for one of the extras."""
    if requirement.marker is None:
        return True
    return any(
        requirement.marker.evaluate({**environment, "extra": extra}) for extra in ("", *extras)
    )


@dataclass(slots=True)
class Walk:
    """Everything that a lock's packages need in one environment, each looked up in the lock."""

    lock: Iterable[Locked]
    environment: Environment
    needed: set[str] = field(default_factory=set)
    lacking: list[str] = field(default_factory=list)
    _seen: set[tuple[str, frozenset[str]]] = field(default_factory=set)
    _here: dict[str, list[Locked]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in self.lock:
            if one.applies(self.environment):
                self._here.setdefault(one.name, []).append(one)

    def look(self, roots: Iterable[Requirement]) -> None:
        """Look up all that is needed: what is not in the lock, or does not fit, is `lacking`."""
        for root in roots:
            if wanted(root, (), self.environment):
                self._look_up(root, "pyproject.toml")
        for name in list(self._here):
            self._follow(name, frozenset())

    def _look_up(self, requirement: Requirement, by: str) -> None:
        name = canonicalize_name(requirement.name)
        self.needed.add(name)
        here = self._here.get(name, [])
        if len(here) != 1:
            count = "is not locked" if not here else f"is locked {len(here)} times"
            self.lacking.append(f"{requirement}, for {by}: {count}")
        elif not requirement.specifier.contains(here[0].version, prereleases=True):
            self.lacking.append(f"{requirement}, for {by}: locked at {here[0].version}")
        else:
            self._follow(name, frozenset(requirement.extras))

    def _follow(self, name: str, extras: frozenset[str]) -> None:
        if (name, extras) in self._seen:
            return
        self._seen.add((name, extras))
        for requirement in requires(name):
            if wanted(requirement, extras, self.environment):
                self._look_up(requirement, name)


def walks(lock: Iterable[Locked], roots: Iterable[Requirement]) -> dict[str, Walk]:
    """Return a finished walk through a lock for each environment, by its name."""
    lock, roots = list(lock), list(roots)
    found = {name: Walk(lock, environment) for name, environment in environments().items()}
    for walk in found.values():
        walk.look(roots)
    return found


def lacking(lock: Iterable[Locked], roots: Iterable[Requirement]) -> list[str]:
    """Return what a lock lacks, each with the first environment that lacks it."""
    found: dict[str, str] = {}
    for name, walk in walks(lock, roots).items():
        for line in walk.lacking:
            found.setdefault(line, name)
    return [f"{line} ({name})" for line, name in found.items()]


def unread(lock: Iterable[Locked]) -> list[str]:
    """Return the packages that this environment needs and has not, or has at another version."""
    here = {name: str(value) for name, value in default_environment().items()}
    return [
        f"{one.name} {one.version}"
        for one in lock
        if one.applies(here)
        and ((found := installed(one.name)) is None or found.version != one.version)
    ]
