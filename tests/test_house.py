"""Rules of the house that no linter knows: one name for each class, one workspace, docstrings."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bot.cli.reconcile import reconcile
from bot.core.reconcile import RECONCILE_SECONDS

BOT = Path(__file__).resolve().parent.parent / "bot"

WITHOUT_A_WORKSPACE = {
    "WhyContext": "`plain-bridge explain` runs without a key for Plain",
    "ReconcileContext": "`plain-bridge reconcile` runs without a key for Plain",
    "Bridge": "tells whoever started it where it is installed",
}
"""Classes that hold a team or an installation of their own, each with its reason."""

NO_VERBS = {"A", "All", "An", "As", "How", "If", "It", "One", "See"} | {
    *("The", "This", "Those", "What", "Where", "Whether", "Which", "Who")
}


def modules(*packages: str) -> Iterator[tuple[Path, ast.Module]]:
    """Yield the bridge's modules without the sandbox, which has the vendors' nouns once more."""
    for path in sorted(BOT.rglob("*.py")):
        inside = path.relative_to(BOT)
        if inside.parts[0] != "sandbox" and (not packages or inside.parts[0] in packages):
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def classes(*packages: str) -> Iterator[ast.ClassDef]:
    for _, module in modules(*packages):
        yield from (node for node in ast.walk(module) if isinstance(node, ast.ClassDef))


def parameters(node: ast.ClassDef) -> set[str]:
    """Return the fields of a dataclass, or the parameters of `__init__`."""
    found: set[str] = set()
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and isinstance(part.target, ast.Name):
            found.add(part.target.id)
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            found |= {one.arg for one in (*part.args.args, *part.args.kwonlyargs)}
    return found


def test_no_two_classes_have_one_name() -> None:
    names = Counter(node.name for node in classes() if not node.name.startswith("_"))
    assert [name for name, count in names.items() if count > 1] == []


def test_nobody_is_given_a_team_beside_the_workspace() -> None:
    beside = {
        node.name
        for node in classes("app.py", "surfaces.py", "flows", "slack")
        if parameters(node) & {"team", "installation"} and node.name[0] != "_"
    }
    assert beside - {"Workspace"} == set(WITHOUT_A_WORKSPACE)


def test_docstrings_of_functions_open_with_a_verb() -> None:
    wrong = [
        f"{path.name}:{node.lineno}"
        for path, module in modules()
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (ast.get_docstring(node) or "-").split()[0] in NO_VERBS
    ]
    assert wrong == []


def test_the_help_tells_how_often_a_bridge_reconciles() -> None:
    minutes = f"every {RECONCILE_SECONDS / 60:.0f} minutes"
    assert minutes in " ".join((reconcile.__doc__ or "").split())
