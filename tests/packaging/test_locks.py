"""Each lock is complete: pip installs it with `--no-deps`, and nothing is looked for anew."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.packaging import locks

PROJECT: dict[str, Any] = tomllib.loads((locks.ROOT / "pyproject.toml").read_text("utf-8"))
EXTRAS: dict[str, list[str]] = PROJECT["project"]["optional-dependencies"]


def grouped(name: str) -> Iterator[str]:
    """Yield a dependency group's lines, those of the groups that it includes too (PEP 735)."""
    for line in PROJECT["dependency-groups"][name]:
        if isinstance(line, str):
            yield line
        else:
            yield from grouped(line["include-group"])


BACKEND: list[str] = PROJECT["build-system"]["requires"]
BRIDGE: list[str] = PROJECT["project"]["dependencies"]
EXTRA = [line for lines in EXTRAS.values() for line in lines]
GROUPS = [line for name in PROJECT["dependency-groups"] for line in grouped(name)]
ASKED = {
    "requirements.lock": [*BRIDGE, *EXTRA, *GROUPS, *BACKEND],
    "deploy/requirements.lock": [*BRIDGE, *EXTRAS["postgres"]],
    "deploy/build.lock": BACKEND,
}
"""What each lock has to hold, as pyproject.toml says it."""

each_lock = pytest.mark.parametrize("name", ASKED)


def lock(name: str) -> list[locks.Locked]:
    return locks.read((locks.ROOT / name).read_text(encoding="utf-8"))


def roots(name: str) -> list[Requirement]:
    return [Requirement(line) for line in ASKED[name]]


@each_lock
def test_all_that_is_needed_is_locked_at_a_version_that_fits(name: str) -> None:
    assert locks.lacking(lock(name), roots(name)) == []


@each_lock
def test_what_is_installed_here_is_what_is_locked(name: str) -> None:
    """What a package needs is read from the installed one: it has to be the locked one."""
    assert locks.unread(lock(name)) == []


@each_lock
def test_each_line_is_pinned_with_hashes(name: str) -> None:
    assert [str(one.requirement) for one in lock(name) if not one.hashes] == []
    assert all(one.version for one in lock(name))


@each_lock
def test_every_supported_python_takes_what_is_locked_for_it(name: str) -> None:
    refusing = {
        (one.name, environment["python_full_version"])
        for environment in locks.environments().values()
        for one in lock(name)
        if one.applies(environment)
        and (found := locks.installed(one.name)) is not None
        and not SpecifierSet(found.metadata["Requires-Python"] or "").contains(
            environment["python_full_version"]
        )
    }
    assert refusing == set()


def test_the_locks_of_the_image_are_parts_of_the_whole() -> None:
    whole = {(one.name, one.version) for one in lock("requirements.lock")}
    for name in ("deploy/requirements.lock", "deploy/build.lock"):
        assert {(one.name, one.version) for one in lock(name)} <= whole


# That the check sees what it is for


@each_lock
def test_each_package_of_a_lock_is_looked_up(name: str) -> None:
    """So that taking any of them out is noticed."""
    looked_up = set().union(
        *(walk.needed for walk in locks.walks(lock(name), roots(name)).values())
    )
    assert {one.name for one in lock(name)} - looked_up == set()


def test_what_is_taken_out_is_missed() -> None:
    whole = lock("deploy/build.lock")
    for one in whole:
        rest = [other for other in whole if other is not one]
        assert any(
            f"{one.name}" in line and "is not locked (" in line
            for line in locks.lacking(rest, roots("deploy/build.lock"))
        )


@pytest.mark.parametrize(
    ("lines", "asked", "lacks"),
    [
        (["pytest-cov==7.0.0"], ["pytest-cov>=8"], "pytest-cov>=8, for pyproject.toml: locked at"),
        (["hypothesis==9"], [], "sortedcontainers<3.0.0,>=2.1.0, for hypothesis: is not locked"),
        (["typing-extensions==4.1 ; sys_platform == 'win32'"], ["typing-extensions"], "is not"),
        (["idna==3.1", "idna==3.2"], ["idna"], "idna, for pyproject.toml: is locked 2 times"),
        (["psycopg==3.3"], ["psycopg[binary]"], "psycopg-binary"),
        (["idna==3.1"], ["six; python_full_version < '3.11.1'"], "(Python 3.11.0, Linux x86_64)"),
    ],
)
def test_what_is_wrong_is_named(lines: list[str], asked: list[str], lacks: str) -> None:
    found = locks.lacking(locks.read("\n".join(lines)), map(Requirement, asked))
    assert any(lacks in line for line in found), found


def test_a_lock_is_read_as_pip_reads_it() -> None:
    one, two = locks.read(
        "# made by hand\n"
        "idna==3.10 ; python_version < '3.12' \\\n"
        "    --hash=sha256:00 \\\n"
        "    --hash=sha256:11\n"
        "    # via httpx\n"
        "six==1.17.0\n"
    )
    assert (one.name, one.version, one.hashes) == ("idna", "3.10", 2)
    assert one.applies({"python_version": "3.11"})
    assert not one.applies({"python_version": "3.12"})
    assert (two.name, two.version, two.hashes) == ("six", "1.17.0", 0)
