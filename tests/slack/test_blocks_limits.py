"""Every view, with the longest and strangest texts it can contain, fits Slack's limits.

Each public builder of `bot.slack.views` has a line in `CASES`: one that has none fails the first
test.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import pytest
from pydantic import ValidationError

from bot.core.directory import UserKind
from bot.core.faults import Reason, Rejection
from bot.core.identity import Hosts, Others, Yourself
from bot.core.model import (
    Created,
    Customer,
)
from bot.flows import link as linking
from bot.slack import views
from bot.slack.views import answer, commands, form, kit, link, rules, tickets, undo, why
from bot.slack.views.kit import Answer, Button
from tests.slack.block_cases import (
    HUGE,
    RULE,
    STRANGE,
    UNDONE,
    Case,
    T,
    choices,
    every_rejection,
    of_home,
    of_the_form,
    of_why,
    outcomes,
    over,
    profile,
    record,
    strange,
    ticket,
)
from tests.slack.block_kit import LARGEST_VIEW, check_message, check_options, check_view

CASES: Mapping[str, Callable[[], Sequence[Case]]] = {
    "answer.outcome": lambda: [
        *(case for text in STRANGE for case in every_rejection(text)),
        *(partial(answer.outcome, one, "PB-1") for text in STRANGE for one in outcomes(text)),
    ],
    "answer.success": lambda: strange(lambda text: answer.success(Created(ticket(text)), "PB-1")),
    "undo.told_undone": lambda: [
        *strange(lambda text: undo.told_undone(ticket(text), "U1")),
        partial(undo.told_undone, None, "U1"),
        partial(undo.told_undone, ticket(""), "U1", quiet=True),
    ],
    "undo.undo_button": lambda: strange(lambda text: undo.undo_button(ticket(text), "PB-1")),
    "answer.quietly": lambda: [
        *(partial(answer.quietly, one, "PB-1") for one in outcomes("")),
        partial(answer.quietly, Rejection(Reason.EMPTY), "PB-1"),
    ],
    "answer.in_progress": lambda: [answer.in_progress],
    "answer.not_allowed": lambda: [partial(answer.not_allowed, one) for one in (*UserKind, "x")],
    "answer.nothing_to_see": lambda: [
        partial(answer.nothing_to_see, one) for one in (*UserKind, "x")
    ],
    "undo.result": lambda: [partial(undo.result, one) for one in UNDONE],
    "undo.undone": lambda: strange(lambda text: undo.undone(ticket(text), "U1")),
    "answer.ended": lambda: [lambda: answer.ended(T), lambda: answer.ended(None, quiet=True)],
    "answer.queued": lambda: [lambda: answer.queued("PB-1")],
    "commands.unknown_word": lambda: strange(commands.unknown_word),
    "commands.usage": lambda: [lambda: commands.usage(HUGE.emoji), lambda: commands.usage([])],
    "commands.not_recorded": lambda: strange(commands.not_recorded),
    "form.not_opened": lambda: [form.not_opened],
    "form.not_yours": lambda: [form.not_yours],
    "form.not_known": lambda: [form.not_known],
    "tickets.mine": lambda: [
        *strange(
            lambda text: tickets.mine([record(text)] * 10, [text[:600]] * 10, Others(), more=True)
        ),
        lambda: tickets.mine([], [], Others(), more=False),
    ],
    "tickets.away": lambda: [tickets.away],
    "rules.answer": lambda: [
        lambda: rules.answer([]),
        lambda: rules.answer([RULE, HUGE]),
        lambda: rules.answer([HUGE] * 200),
    ],
    "form.form": lambda: [case for text in STRANGE for case in of_the_form(text)],
    "form.options": lambda: strange(lambda text: form.options(choices(text))),
    "form.reopen_button": lambda: [lambda: form.reopen_button("PB-1")],
    "form.already": lambda: strange(lambda text: form.already(ticket(text))),
    "form.not_recorded": lambda: [form.not_recorded],
    "home.home": lambda: [case for text in STRANGE for case in of_home(text)],
    "link.form": lambda: strange(
        lambda text: link.form(
            linking.LinkQuestion("PB-" + "9" * 18, "U1", profile(text)), "https://" + "x" * 2000
        )
    ),
    "link.options": lambda: strange(
        lambda text: link.options([Customer("c_1", text, f"{text}@x.example")] * 10)
    ),
    "link.button": lambda: strange(lambda text: link.button(text, "PB-1")),
    "link.instead": lambda: strange(
        lambda text: link.instead(linking.Linked(text, "U1", Customer("c_1", text), 2))
    ),
    "link.not_opened": lambda: [link.not_opened],
    "link.linked": lambda: strange(
        lambda text: link.linked(linking.Linked(text, "U1", Customer("c_1", text), 10**6))
    ),
    "link.over": lambda: [case for text in STRANGE for case in over(text)],
    "link.not_yours": lambda: [
        partial(link.not_yours, linking.MayNotLink(one, user))
        for one in (Yourself(), Others(), Others(tuple(f"U{n}" for n in range(50))), Hosts())
        for user in (None, "U1")
    ],
    "why.looking": lambda: [why.looking],
    "why.explanation": lambda: [case for text in STRANGE for case in of_why(text)],
    "why.not_explained": lambda: [why.not_explained],
    "why.strangers": lambda: [why.strangers],
    "why.nothing_to_see": lambda: strange(lambda text: why.nothing_to_see(profile(text))),
    "why.not_opened": lambda: [why.not_opened],
}


BUILT = ("Answer", "Button", "View", "list[dict")


def builders() -> list[str]:
    """Return every public function of the package that returns something to send to Slack."""
    found = []
    for module in pkgutil.iter_modules(views.__path__):
        loaded = importlib.import_module(f"{views.__name__}.{module.name}")
        found += [
            f"{module.name}.{name}"
            for name, value in vars(loaded).items()
            if inspect.isfunction(value)
            and value.__module__ == loaded.__name__
            and not name.startswith("_")
            and loaded is not kit
            and value.__annotations__["return"].startswith(BUILT)
        ]
    return sorted(found)


def test_every_builder_has_its_cases() -> None:
    assert builders() == sorted(CASES)


def check(built: Any) -> None:
    """Whatever a builder gives."""
    match built:
        case None:
            pass
        case Answer():
            check_message(built.text, built.blocks)
        case Button():
            check_message("x", [{"type": "actions", "elements": [built.element]}])
        case list():
            check_options(built)
        case _:
            check_view(built)
            assert len(json.dumps(built).encode()) <= LARGEST_VIEW


@pytest.mark.parametrize("builder", sorted(CASES))
def test_it_fits(builder: str) -> None:
    for number, case in enumerate(CASES[builder]()):
        try:
            check(case())
        except ValidationError as error:
            wrong = [
                (each["loc"], each["msg"], str(each["input"])[:200]) for each in error.errors()
            ]
            pytest.fail(f"case {number}: {wrong[:5]}")


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "home", "blocks": []},
        {"type": "home", "blocks": [{"type": "divider"}] * 101},
        {"type": "home", "blocks": [{"type": "divider", "colour": "red"}]},
        {"type": "home", "blocks": [{"type": "video"}]},
        {"type": "home", "blocks": [{"type": "header", "text": {"type": "mrkdwn", "text": "x"}}]},
        {
            "type": "home",
            "blocks": [
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": "x" * 3001, "verbatim": True},
                }
            ],
        },
        {
            "type": "home",
            "blocks": [
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": "<!channel>", "verbatim": True},
                }
            ],
        },
        {
            "type": "modal",
            "title": {"type": "plain_text", "text": "x" * 25},
            "blocks": [{"type": "divider"}],
        },
    ],
    ids=["empty", "too many", "field", "kind", "mrkdwn header", "long", "broadcast", "title"],
)
def test_the_description_refuses_what_slack_does(wrong: Any) -> None:
    with pytest.raises(ValidationError):
        check_view(wrong)
