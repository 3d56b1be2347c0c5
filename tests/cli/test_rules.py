"""`plain-bridge rules lint`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Run

GOOD = '[[rule]]\nemoji = ["a", "b"]\nchannels = "#x"\nlabels = "Bug"\n[[rule]]\nemoji = "a"\n'
BAD = '[[rule]]\nemoji = "a"\n[[rule]]\nemoji = "a"\npriority = "x"\n[what]\n'


def test_shows_the_rules_in_order(run: Run, folder: Path) -> None:
    (folder / "plain-bridge.toml").write_text(GOOD)
    result = run("rules", "lint")
    assert result.exit_code == 0
    header, first, second, verdict = result.stdout.splitlines()
    assert header.split()[:3] == ["Rule", "Emoji", "Channels"]
    assert first.split() == ["1", ":a:", ":b:", "#x", "normal", "Bug"]
    assert second.split() == ["2", ":a:", "all", "normal"]
    assert verdict == "2 rules, no mistakes."


def test_tells_all_mistakes(run: Run, folder: Path) -> None:
    (folder / "plain-bridge.toml").write_text(BAD)
    result = run("rules", "lint")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "line 3, `[[rule]]`: rule 2 can never apply" in result.stderr
    assert "line 5" in result.stderr
    assert "line 6" in result.stderr


def test_another_file(run: Run, folder: Path) -> None:
    (folder / "other.toml").write_text('[[rule]]\nemoji="a"\n[[rule]]\nemoji="a"\n')
    result = run("rules", "lint", "other.toml")
    assert result.exit_code == 1
    assert result.stderr.startswith("other.toml, line 3, `[[rule]]`: rule 2 can never apply")
    assert run("rules", "lint").exit_code == 0


def test_as_json(run: Run, folder: Path) -> None:
    (folder / "plain-bridge.toml").write_text(GOOD)
    said = json.loads(run("rules", "lint", "--json").stdout)
    assert said["ok"] is True
    assert [rule["emoji"] for rule in said["rules"]] == [["a", "b"], ["a"]]
    (folder / "plain-bridge.toml").write_text(BAD)
    result = run("rules", "lint", "--json")
    assert result.exit_code == 1
    assert len(json.loads(result.stdout)["problems"]) == 3
