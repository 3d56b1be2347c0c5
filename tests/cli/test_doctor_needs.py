"""What the settings need of Slack and Plain, and how far a clock may be off."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bot.cli.doctor import plain, slack
from bot.cli.doctor.configuration import Clocks
from bot.cli.doctor.plain import Feature
from bot.settings import load


@pytest.mark.parametrize(
    ("date", "ok", "detail"),
    [
        ("Tue, 14 Nov 2023 22:13:20 GMT", True, "0 s ahead of Slack's"),
        ("Tue, 14 Nov 2023 22:13:50 GMT", True, "30 s behind Slack's"),
        ("Tue, 14 Nov 2023 22:12:10 GMT", False, "70 s ahead of Slack's"),
        ("Tue, 14 Nov 2023 23:13:20 GMT", False, "3600 s behind Slack's"),
        ("", True, "neither Slack nor Plain sent its time"),
        ("soon", True, "neither Slack nor Plain sent its time"),
    ],
)
def test_the_clock(date: str, ok: bool, detail: str) -> None:
    clocks = Clocks(now=lambda: 1_700_000_000.0)
    clocks.note("Slack", date)
    check = clocks.check()
    assert (check.ok, check.detail, check.fix is None) == (ok, detail, ok)


def test_the_scopes_are_those_of_the_manifest() -> None:
    path = Path(__file__).resolve().parents[2] / "manifest.yml"
    manifest = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert set(slack.SCOPES) == set(manifest["oauth_config"]["scopes"]["bot"])


@pytest.mark.parametrize(
    ("toml", "unneeded"),
    [
        ("", {"reactions:write"}),
        ('[escalation]\nconfirm = "reaction"', set()),
        ("rule = []", {"reactions:read", "reactions:write"}),
    ],
)
def test_needed_scopes(tmp_path: Path, toml: str, unneeded: set[str]) -> None:
    (tmp_path / "plain-bridge.toml").write_text(toml)
    assert slack.needed_scopes(load({}, tmp_path)) == set(slack.SCOPES) - unneeded


@pytest.mark.parametrize(
    ("toml", "features"),
    [
        ('[escalation]\none_thread_per = "message"', set()),
        ("", {Feature.ADDITIONS}),
        ("[escalation]\nundo_by_reaction = true", {Feature.ADDITIONS, Feature.UNDO}),
        (
            """
            escalation.one_thread_per = "message"
            rule = [{ emoji = "a", assignee = "a@b.example", tenant = "x" }]
            """,
            {Feature.ASSIGNEES, Feature.TENANTS},
        ),
    ],
)
def test_configured_features(tmp_path: Path, toml: str, features: set[Feature]) -> None:
    (tmp_path / "plain-bridge.toml").write_text(toml)
    assert plain.configured(load({}, tmp_path)) == features


def test_permissions_that_the_settings_do_not_need_are_told() -> None:
    check = plain.check_permissions(frozenset(plain.ALWAYS), ())
    assert check.ok
    assert "attachment:create (files of a message)" in check.detail
    assert plain.check_permissions(frozenset(), ()).ok is False
