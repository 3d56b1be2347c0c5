"""Seed both workspaces for the page: people, messages, labels, and what the app's manifest adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack

EXTERNAL_TEAM = "T00000077"
EXTERNAL_COMPANY = "Northwind"


@dataclass(frozen=True)
class Seed:
    """Users in the order in which they are offered, each with what they are; channels likewise."""

    users: dict[str, str]
    channels: tuple[str, ...]
    agent: str


async def seed(slack: Slack, plain: Plain) -> Seed:
    """Fill both workspaces; nothing in them requests a ticket."""
    ada = slack.add_user("Ada Nowak", email="ada@acme.example", owner=True, admin=True)
    ben = slack.add_user("Ben Ortiz", email="ben@acme.example")
    gwen = slack.add_user("Gwen Hall", email="gwen@agency.example", guest=True)
    emil = slack.add_user("Emil Berg", team=EXTERNAL_TEAM)
    robot = slack.add_user("Deploys", bot=True)

    support = slack.add_channel("support", members=(ada, ben, gwen, robot))
    incidents = slack.add_channel("incidents", private=True, members=(ada, ben, robot))
    shared = slack.add_channel("northwind", shared=True, members=(ada, ben, emil))
    lunch = slack.add_channel("lunch", members=(ada, ben, gwen), bot_member=False)
    direct = slack.add_dm(ada, ben)

    await slack.post(robot, support, "Release 2026.11 is out.")
    exports = await slack.post(
        ben,
        support,
        "The *export* fails since this morning: it never finishes.\nIs anybody looking at it?",
    )
    await slack.post(ada, support, "Same here, with the monthly report.", thread_ts=exports)
    await slack.post(ben, support, "It stops at about _10,000 rows_.", thread_ts=exports)
    await slack.post(
        ada,
        support,
        "This is what the new invoice looks like. The total is cut off.",
        files=["invoice.png"],
    )
    await slack.post(gwen, support, "Can we have invoices in euros?")
    await slack.post(robot, incidents, "Error rate of the API: 4 % over ten minutes")
    await slack.post(
        ada, incidents, "I am looking. Europe is worst: https://status.acme.example/eu"
    )
    await slack.post(emil, shared, "Hi! Two of our people cannot log in since the update.")
    await slack.post(ben, lunch, "Soup today?")
    await slack.post(ada, direct, "Do you know who asked for two more seats?")

    for name in ("Bug", "Feature request", "Billing", "Question"):
        plain.add_label_type(name)
    plain.add_tenant("acme", "Acme")
    plain.add_tenant("northwind", EXTERNAL_COMPANY)
    plain.add_customer("Emil Berg", "emil@northwind.example")
    plain.add_customer("Nora Lind", "nora@northwind.example")
    agent = plain.add_user("sam@acme.example", "Sam Reyes")

    users = {
        ada: "owner",
        ben: "member",
        gwen: "guest",
        emil: "external, no e-mail",
        robot: "bot",
    }
    return Seed(users, (support, incidents, shared, lunch, direct), agent.id)


_BOT = Path(__file__).parents[2]
_PLACES = (_BOT / "manifest.yml", _BOT.parent / "manifest.yml")
"""In an installed package it lies inside the package, in a checkout beside it."""


@dataclass(frozen=True)
class Shortcut:
    name: str
    callback_id: str


@dataclass(frozen=True)
class SlashCommand:
    command: str
    description: str
    usage_hint: str


@dataclass(frozen=True)
class Manifest:
    """https://docs.slack.dev/reference/app-manifest"""

    name: str
    bot_name: str
    of_messages: tuple[Shortcut, ...]
    of_everything: tuple[Shortcut, ...]
    commands: tuple[SlashCommand, ...]
    takes_messages: bool


def read_manifest() -> Manifest:
    """Return the manifest that this version of the bridge comes with."""
    path = next(place for place in _PLACES if place.exists())
    return parse_manifest(yaml.safe_load(path.read_text(encoding="utf-8")))


def parse_manifest(document: Mapping[str, Any]) -> Manifest:
    features = document["features"]
    shortcuts = features.get("shortcuts", ())
    return Manifest(
        document["display_information"]["name"],
        features["bot_user"]["display_name"],
        _shortcuts(shortcuts, "message"),
        _shortcuts(shortcuts, "global"),
        tuple(
            SlashCommand(one["command"], one["description"], one.get("usage_hint", ""))
            for one in features.get("slash_commands", ())
        ),
        takes_messages=_takes_messages(features.get("app_home", {})),
    )


def _takes_messages(home: Mapping[str, Any]) -> bool:
    """Return whether people can write in the app's Messages tab."""
    read_only = home.get("messages_tab_read_only_enabled", True)
    return bool(home.get("messages_tab_enabled", False)) and not read_only


def _shortcuts(given: Any, of: str) -> tuple[Shortcut, ...]:
    return tuple(Shortcut(one["name"], one["callback_id"]) for one in given if one["type"] == of)
