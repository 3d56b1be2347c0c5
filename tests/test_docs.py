"""The docs say what is so: their links lead somewhere, and what they quote is really shown."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

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
