"""The proof's table takes its place in the page."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import proof


def test_the_table_stands_between_the_marks(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"Before\n\n{proof.BEGIN}\n\nold\n\n{proof.END}\n\nAfter\n")
    proof.rewrite(page, "new")
    assert page.read_text() == f"Before\n\n{proof.BEGIN}\n\nnew\n\n{proof.END}\n\nAfter\n"


def test_a_page_without_the_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("Before\n")
    with pytest.raises(SystemExit, match=proof.BEGIN):
        proof.rewrite(page, "new")
    assert page.read_text() == "Before\n"


def test_a_short_proof_writes_what_it_saw(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{proof.BEGIN}{proof.END}\n")
    monkeypatch.setattr(proof, "PAGE", page)
    assert proof.main(["--minutes", "0", "--first", "1", "--write"]) == 0
    assert "seeds 1 to 1." in page.read_text()
    assert "| worlds | 1 |" in page.read_text()
    assert "| **worlds in which something did not hold** | 0 |" in capsys.readouterr().out
