"""The Slack app's manifest: valid, reasoned, and asking for nothing that goes unused."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from referencing import Registry, Resource

from tests.contracts import Contract

MANIFEST = Path(__file__).resolve().parent.parent / "manifest.yml"
_PUBLISHED = "https://raw.githubusercontent.com/slackapi/manifest-schema/v0.5.0/schemas"


@pytest.fixture
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    return loaded


def _schema(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def registry(contract: Contract) -> Registry[Any]:
    """The published schemas by their addresses, so that nothing is fetched."""
    return Registry().with_resources(
        (
            f"{_PUBLISHED}/manifest.schema.{version}.0.0.json",
            Resource.from_contents(
                {"$schema": "http://json-schema.org/draft-07/schema#"}
                | _schema(contract(f"slack-manifest-v{version}.schema.json"))
            ),
        )
        for version in (1, 2)
    )


@pytest.mark.parametrize(
    "name",
    [
        "slack-manifest.schema.json",
        "slack-manifest-v1.schema.json",
        "slack-manifest-v2.schema.json",
    ],
)
def test_is_valid(
    name: str, manifest: dict[str, Any], registry: Registry[Any], contract: Contract
) -> None:
    validator = jsonschema.Draft7Validator(_schema(contract(name)), registry=registry)
    assert [error.message for error in validator.iter_errors(manifest)] == []


def test_schemas_refuse_a_wrong_manifest(
    manifest: dict[str, Any], registry: Registry[Any], contract: Contract
) -> None:
    manifest["features"]["shortcuts"][0]["name"] = "x" * 25
    for version in (1, 2):
        schema = _schema(contract(f"slack-manifest-v{version}.schema.json"))
        validator = jsonschema.Draft7Validator(schema, registry=registry)
        assert not validator.is_valid(manifest)


def test_every_scope_and_event_has_its_reason() -> None:
    lines = MANIFEST.read_text(encoding="utf-8").splitlines()
    listed = [i for i, line in enumerate(lines) if re.fullmatch(r" +- [a-z_]+(:[a-z_.]+)?", line)]
    assert listed
    for number in listed:
        above = number - 1
        while lines[above].lstrip().startswith("- "):  # scopes that share one reason
            above -= 1
        assert lines[above].lstrip().startswith("# "), lines[number]


def test_doors_are_those_of_the_bridge(manifest: dict[str, Any]) -> None:
    features = manifest["features"]
    assert {(one["type"], one["callback_id"], one["name"]) for one in features["shortcuts"]} == {
        ("message", "create_plain_ticket", "Create Plain ticket"),
        ("global", "new_plain_ticket", "New Plain ticket"),
        ("message", "why_no_plain_ticket", "Why no Plain ticket?"),
    }
    (command,) = features["slash_commands"]
    assert command["command"] == "/plain-ticket"
    assert command["should_escape"] is True
    assert command["usage_hint"]
    assert manifest["settings"]["event_subscriptions"]["bot_events"] == [
        "reaction_added",
        "reaction_removed",
        "app_home_opened",
    ]


def test_answers_reach_direct_messages(manifest: dict[str, Any]) -> None:
    home = manifest["features"]["app_home"]
    assert home["home_tab_enabled"] is True
    assert home["messages_tab_enabled"] is True
    assert home["messages_tab_read_only_enabled"] is True


def test_serves_socket_mode_and_http(manifest: dict[str, Any]) -> None:
    settings = manifest["settings"]
    assert settings["socket_mode_enabled"] is True
    assert settings["org_deploy_enabled"] is False
    assert settings["token_rotation_enabled"] is False
    addresses = {
        manifest["features"]["slash_commands"][0]["url"],
        settings["event_subscriptions"]["request_url"],
        settings["interactivity"]["request_url"],
        settings["interactivity"]["message_menu_options_url"],
    }
    assert addresses == {"https://bridge.example.com/slack/events"}


def test_asks_for_these_scopes(manifest: dict[str, Any]) -> None:
    assert set(manifest["oauth_config"]["scopes"]["bot"]) == {
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "groups:history",
        "groups:read",
        "reactions:read",
        "reactions:write",
        "usergroups:read",
        "users:read",
        "users:read.email",
    }
