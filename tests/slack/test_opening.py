"""What stands below the requester follows the choice that was made last."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bot.core.directory import Names, Profile, UserKind
from bot.core.identity import IdentityPolicy
from bot.core.model import Customer, FormDraft, LabelType, ReplyTo, Tenant
from bot.flows.form import FormContext, FormContexts, Known
from bot.flows.intake import Intake, OpenedForm
from bot.slack.background import BackgroundTasks
from bot.slack.listeners.form import MOST_FORMS, FormOpener
from bot.slack.views.kit import Answer
from bot.store.customer_links import CustomerLink
from tests.flows.fakes import profile, run
from tests.nouns import TEAM, form, message, trigger

DRAFT = FormDraft("d1", trigger(message=message()), form())


@dataclass
class Slack:
    """Keeps what a form was changed to."""

    updates: list[tuple[OpenedForm, FormContext]] = field(default_factory=list)

    async def update_form(self, opened: OpenedForm, draft: FormDraft, beside: FormContext) -> None:
        self.updates.append((opened, beside))

    async def say_privately(self, reply_to: ReplyTo, said: Answer) -> None:
        raise NotImplementedError

    def names_at_hand(self, mentions: object) -> Names:
        return Names()

    async def profile(self, user: str) -> Profile | None:
        return profile(user)

    def readable_at_hand(self, channel: str) -> bool | None:
        return None

    async def readable(self, channel: str) -> bool:
        return True


@dataclass
class Plain:
    """Finds every customer, those in `gates` once their gate is open."""

    gates: dict[str, asyncio.Event] = field(default_factory=dict)

    async def find_customer(self, name: str) -> Customer | None:
        if name in self.gates:
            await self.gates[name].wait()
        return Customer("c_1", name)

    async def recent_label_types(self) -> Sequence[LabelType]:
        return ()

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        return ()

    def label_types_at_hand(self) -> Sequence[LabelType]:
        return ()

    def tenants_at_hand(self) -> Sequence[Tenant] | None:
        return ()


class Nobody:
    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None:
        return None

    def forget(self, person: CustomerLink) -> None:
        raise NotImplementedError


class Drafts:
    """Knows one draft."""

    def keep(self, draft: FormDraft, *, within: float | None = None) -> None:
        raise NotImplementedError

    def load(self, draft_id: str) -> FormDraft | None:
        return DRAFT if draft_id == DRAFT.id else None

    def erase(self, draft_id: str) -> None:
        raise NotImplementedError


def opening(slack: Slack, plain: Plain) -> FormOpener:
    return FormOpener(
        intake=Intake(None, None, Drafts(), None, (), run, lambda: None),  # type: ignore[arg-type]
        surroundings=FormContexts(
            slack, plain, Nobody(), run, IdentityPolicy(), frozenset({UserKind.MEMBER}), TEAM
        ),
        drafts=Drafts(),
        slack=slack,
        run=run,
        later=BackgroundTasks(),
    )


async def choose(on: FormOpener, user: str | None, view: str = "V1", draft: str = "d1") -> None:
    state = {"requester": {"value": {"type": "users_select", "selected_user": user}}}
    body: dict[str, Any] = {
        "user": {"id": "U0ASKER"},
        "view": {
            "id": view,
            "callback_id": "plain_ticket_form",
            "private_metadata": draft,
            "blocks": [{"block_id": "tenant", "element": {}}],
            "state": {"values": state},
        },
    }
    acknowledged = []

    async def ack() -> None:
        acknowledged.append(True)

    await on.on_requester(body, ack)  # type: ignore[arg-type]
    assert acknowledged


async def test_an_answer_that_comes_late_does_not_replace_a_later_one() -> None:
    gate = asyncio.Event()
    slack, plain = Slack(), Plain({"u0slow@example.com": gate})
    on = opening(slack, plain)
    await choose(on, "U0SLOW")
    await choose(on, "U0FAST")
    while not slack.updates:  # noqa: ASYNC110
        await asyncio.sleep(0)
    gate.set()
    await on.later.rest()
    ((opened, beside),) = slack.updates
    assert opened == OpenedForm("V1", is_preset=False)
    assert (beside.requester, beside.customer) == ("U0FAST", Known("u0fast@example.com"))
    assert (beside.offers_thread, beside.offers_tenants) == (False, True)


async def test_without_a_choice_it_is_who_stood_there_first() -> None:
    slack = Slack()
    on = opening(slack, Plain())
    await choose(on, None)
    await on.later.rest()
    assert [beside.requester for _, beside in slack.updates] == ["U0AUTHOR"]


async def test_a_form_that_nobody_knows_any_more_is_left_alone() -> None:
    slack = Slack()
    on = opening(slack, Plain())
    await choose(on, "U0FAST", draft="gone")
    await on.later.rest()
    assert slack.updates == []


async def test_no_more_forms_are_looked_after_than_there_is_room_for() -> None:
    on = opening(Slack(), Plain())
    for number in range(MOST_FORMS + 10):
        await choose(on, "U0FAST", view=f"V{number}")
        await on.later.rest()
    assert len(on._latest) == MOST_FORMS
