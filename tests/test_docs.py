"""The docs say what is so: their links lead somewhere, and what they quote is really shown."""

from __future__ import annotations

import ast
import json
import re
from enum import StrEnum
from pathlib import Path

import pytest
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from bot.settings.environment import Variables
from bot.settings.tables import RuleTable, Tables

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
SPOKEN = [*(ROOT / "bot" / "slack").rglob("*.py"), *(ROOT / "bot" / "core").rglob("*.py")]
_VARIES = re.compile(
    r"T-\d+|U0003|@[\w-]+|<@…>|#\w+|`[^`]*`|…|[*_“”>:·\[\]]|\b\d+\b|\([^)]*@[^)]*\)|Acme \w+"
    r"|[\w.]+\.(?:png|exe)|[.,;] "
)
"""What differs from one answer to the next (a ticket, a person, a number), and ends of clauses."""
SHORTEST = 14


def prose(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^( *)```.*?^\1```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if not re.match(r"https?://|#", target):
            assert (page.parent / target.partition("#")[0]).exists(), target


def test_every_page_is_found_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(docs/([\w-]+\.md)\)", (ROOT / "README.md").read_text("utf-8")))
    assert linked == {page.name for page in (ROOT / "docs").glob("*.md")}


def test_every_picture_is_shown_and_has_words_for_who_cannot_see_it() -> None:
    picture = re.compile(r"!\[([^\]]*)\]\([\w/]*?pictures/([\w-]+\.png)\)")
    shown = {name: alt for page in PAGES for alt, name in picture.findall(prose(page))}
    assert set(shown) == {path.name for path in (ROOT / "docs" / "pictures").glob("*.png")}
    assert all(len(alt) > 20 for alt in shown.values())


def test_the_architecture_page_names_every_module_once() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    _, _, below = page.partition("\n## Every module\n")
    named = [
        folder + name
        for folder, table in re.findall(
            r"^### `([\w/]+/)`(.*?)(?=^#)", below, re.MULTILINE | re.DOTALL
        )
        for name in re.findall(r"^\| `([\w/]+\.py)` \|", table, re.MULTILINE)
    ]
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "bot").rglob("*.py")}
    assert len(named) == len(set(named))
    assert set(named) <= modules
    assert [path for path in modules - set(named) if not path.endswith("/__init__.py")] == []


def spoken() -> str:
    """All texts in the code that people may see, each on a line; what varies is left out."""
    texts = [
        node.value
        for path in SPOKEN
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    return "\n".join(" ".join(re.sub(r"[*_“”>:`]", " ", text).split()) for text in texts)


def quoted(text: str) -> list[str]:
    """The constant parts, long enough to tell, of what a page quotes."""
    paragraphs = re.split(r"\n\n|\n(?=- |\d\. |  - |\|)", text)
    told = [" ".join(one.split()) for one in paragraphs if not one.lstrip().startswith(">")]
    found = [quote for one in told for quote in re.findall(r'"([^"]{8,}?)"', one)]
    found += [one for one in paragraphs if one.startswith(">")]
    parts = [part.strip(" .,;!?()") for one in found for part in _VARIES.split(one)]
    return [" ".join(part.split()) for part in parts if len(part) >= SHORTEST]


def test_the_words_that_are_quoted_are_those_that_are_shown() -> None:
    text = prose(ROOT / "docs" / "using-it-in-slack.md")
    parts, shown = quoted(text), spoken()
    assert len(parts) > 50
    assert [part for part in parts if part not in shown] == []


def _table(page: str, heading: str) -> dict[str, str]:
    """The rows of the first table below a heading: the first cell's name and the second cell."""
    _, _, below = page.partition(f"\n## {heading}\n")
    rows = re.findall(r"^\| `(\w+)` \| ?([^|]*?) \|", below.partition("\n## ")[0], re.MULTILINE)
    return dict(rows)


def _default(value: object) -> str:
    """The default as the page writes it: TOML in backticks."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, StrEnum):
        value = value.value
    if isinstance(value, tuple):
        value = list(value)
    return f"`{json.dumps(value)}`"


def _documented(found: FieldInfo, cell: str) -> bool:
    """Whether the cell says the field's default; words stand for none, all and required."""
    if not cell.startswith("`"):
        return found.is_required() or found.default in (None, ())
    return cell in (_default(found.default), _default(found.default).replace('"', ""))


TABLES = {
    "[[rule]]": RuleTable,
    **{
        f"[{name}]": found.annotation
        for name, found in Tables.model_fields.items()
        if name != "rule"
    },
}


@pytest.mark.parametrize("heading", [*TABLES])
def test_the_configuration_page_has_every_key_with_its_default(heading: str) -> None:
    table = TABLES[heading]
    assert table is not None
    rows = _table((ROOT / "docs" / "configuration.md").read_text("utf-8"), f"`{heading}`")
    fields = table.model_fields
    assert set(rows) == set(fields)
    assert [key for key in fields if not _documented(fields[key], rows[key])] == []


def test_the_configuration_page_has_every_variable_with_its_default() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    rows = _table(page, "Environment variables")
    fields = Variables.model_fields
    assert set(rows) == {*map(str.upper, fields), "PLAIN_BRIDGE_CONFIG"}
    assert rows["PLAIN_BRIDGE_CONFIG"] == "`plain-bridge.toml`"
    wrong = [name for name, found in fields.items() if not _documented(found, rows[name.upper()])]
    assert wrong == []
