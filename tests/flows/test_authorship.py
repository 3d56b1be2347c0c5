"""Whether a person wrote a message that was posted through an app."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.directory import UserKind
from bot.core.faults import TryLater
from bot.core.model import Message
from bot.flows.authorship import settled
from tests.flows.fakes import FakeSlack, profile
from tests.nouns import message

THROUGH_AN_APP = message(bot="Voice Desk")


@pytest.mark.parametrize("standing", [UserKind.MEMBER, UserKind.GUEST, UserKind.EXTERNAL])
async def test_what_is_posted_with_a_persons_token_is_the_persons(standing: UserKind) -> None:
    slack = FakeSlack(profiles={"U0AUTHOR": profile("U0AUTHOR", kind=standing)})
    assert await settled(THROUGH_AN_APP, slack) == message()


@pytest.mark.parametrize(
    "posted",
    [
        pytest.param(message(bot="Deploys", author="U0BOT"), id="its bot user"),
        pytest.param(message(bot="Deploys", author="U0HIDDEN"), id="a user who is not shown"),
        pytest.param(message(bot="Alerts", author=None), id="a webhook"),
        pytest.param(replace(THROUGH_AN_APP, made_up="Cleo"), id="a made-up name"),
        pytest.param(message(), id="a person"),
        pytest.param(message(author=None), id="nobody"),
    ],
)
async def test_all_else_stays_what_it_was(posted: Message) -> None:
    bot = profile("U0BOT", kind=UserKind.BOT)
    slack = FakeSlack(profiles={"U0BOT": bot, "U0HIDDEN": None})
    assert await settled(posted, slack) == posted


async def test_who_it_is_has_to_be_known() -> None:
    class Away(FakeSlack):
        async def profile(self, user: str) -> None:
            raise TryLater("slack_timeout")

    with pytest.raises(TryLater):
        await settled(THROUGH_AN_APP, Away())
