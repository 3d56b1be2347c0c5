"""The form that links a person, and what is shown in its place."""

from __future__ import annotations

from typing import Any

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.identity import Hosts, Others
from bot.core.model import Customer
from bot.flows.link import Linked, LinkQuestion, MayNotLink, NothingToLink
from bot.sandbox.slack.block_kit import faults_of_view
from bot.slack.views import link as build
from tests.nouns import TICKET

GUS = Profile("U1", "T1", "Gus Grant", UserKind.GUEST, "gus@grant.example")
LONG = "&" * 40_000


def elements(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["block_id"]: one["element"] for one in view["blocks"] if one["type"] == "input"}


def said(view: dict[str, Any]) -> str:
    return str(view["blocks"][0]["text"]["text"])


def test_the_form_asks_who_it_is() -> None:
    view = build.form(LinkQuestion("PB-7", "U1", GUS))
    assert (view["callback_id"], view["private_metadata"]) == ("plain_link_form", "PB-7")
    assert [view[part]["text"] for part in ("title", "submit", "close")] == [
        "Who is this?",
        "Link",
        "Cancel",
    ]
    assert said(view) == (
        "Which Plain customer is *Gus Grant* (`U1`)? "
        "What Slack knows about this person is filled in below, in case they're a new customer."
    )
    assert elements(view) == {
        "customer": {
            "type": "external_select",
            "action_id": "link_customer",
            "min_query_length": 3,
            "placeholder": {
                "type": "plain_text",
                "text": "Type at least 3 characters",
                "emoji": False,
            },
        },
        "name": {
            "type": "plain_text_input",
            "action_id": "value",
            "max_length": 200,
            "initial_value": "Gus Grant",
        },
        "email": {
            "type": "plain_text_input",
            "action_id": "value",
            "max_length": 254,
            "initial_value": "gus@grant.example",
        },
    }
    assert all(one.get("optional", True) for one in view["blocks"])


@pytest.mark.parametrize(
    "email", [None, "", "gus at grant", "x" * 300 + "@a.example", "external:g@a.example"]
)
def test_an_address_that_is_none_is_not_prefilled(email: str | None) -> None:
    profile = Profile("U1", "T1", "Gus", UserKind.GUEST, email)
    assert "initial_value" not in elements(build.form(LinkQuestion("PB-7", "U1", profile)))["email"]


def test_of_whom_slack_shows_nothing_the_id_is_shown() -> None:
    view = build.form(LinkQuestion("PB-7", "U1", None))
    assert said(view) == ("Which Plain customer is `U1`? Slack only shows this person's ID.")
    assert all("initial_value" not in element for element in elements(view).values())


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (Customer("c_1", "Acme", "buy@acme.example"), "Acme (buy@acme.example)"),
        (Customer("c_1", "Acme"), "Acme"),
        (Customer("c_1", " ", "buy@acme.example"), "buy@acme.example"),
        (Customer("c_1", " \n "), "?"),
        (Customer("c_1", "x" * 100, "a@b.example"), f"{'x' * 60}… (a@b.example)"),
        (Customer("c_1", "x" * 100, "y" * 100), f"{'x' * 16}… ({'y' * 54}…)"),
    ],
)
def test_a_customer_is_offered_by_name_and_address(found: Customer, shown: str) -> None:
    (option,) = build.options([found])
    assert option == {
        "text": {"type": "plain_text", "text": shown, "emoji": False},
        "value": "c_1",
    }
    assert len(shown) <= 75


VIEWS = [
    pytest.param(build.form(LinkQuestion("PB-7", "U1", GUS)), id="form"),
    pytest.param(
        build.form(
            LinkQuestion(
                "PB-7", "U" * 255, Profile("U1", "T1", LONG, UserKind.GUEST, "a@b.example")
            )
        ),
        id="form, long",
    ),
    pytest.param(build.form(LinkQuestion("PB-7", "U1", None)), id="form of nobody"),
    pytest.param(build.linked(Linked(LONG, "U" * 255, Customer("c_1", LONG), 7)), id="linked"),
    pytest.param(build.over(NothingToLink()), id="unknown"),
    pytest.param(build.over(NothingToLink("PB-7", "U" * 255, TICKET)), id="over"),
    pytest.param(build.not_yours(MayNotLink(Hosts())), id="another company's"),
    pytest.param(
        build.not_yours(MayNotLink(Others(tuple(f"U{n:0>250}" for n in range(50))), "U" * 255)),
        id="others, named",
    ),
    pytest.param(build.not_yours(MayNotLink(Others())), id="others"),
]


@pytest.mark.parametrize("view", VIEWS)
def test_views_are_what_slack_takes(view: dict[str, Any]) -> None:
    assert faults_of_view(view) == []
