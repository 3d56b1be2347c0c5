"""Who may say who somebody is, and whom the others can ask."""

from __future__ import annotations

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.faults import Reason, Rejection
from bot.core.identity import Answerer, Hosts, Linkers, Others, Yourself, asks_who
from bot.core.model import Created, Ignored, Outcome
from tests.nouns import TICKET

MEMBER = Profile("U1", "T1", "Ada", UserKind.MEMBER)
ADMIN = Profile("U2", "T1", "Ann", UserKind.MEMBER, admin=True)
GUEST = Profile("U3", "T1", "Gus", UserKind.GUEST)
EXTERNAL = Profile("U4", "T2", "Eve", UserKind.EXTERNAL, admin=True)
BOT = Profile("U5", "T1", "Bot", UserKind.BOT, admin=True)

DEFAULT = Linkers()
NAMED = Linkers(("U1", "U3", "U4", "U5"))
NOBODY = Linkers(())


@pytest.mark.parametrize(
    ("linkers", "submitter", "answerer"),
    [
        pytest.param(DEFAULT, ADMIN, Yourself(), id="an admin"),
        pytest.param(DEFAULT, MEMBER, Others(), id="a member"),
        pytest.param(DEFAULT, GUEST, Others(), id="a guest"),
        pytest.param(DEFAULT, EXTERNAL, Hosts(), id="another company's admin"),
        pytest.param(DEFAULT, BOT, Hosts(), id="a bot"),
        pytest.param(DEFAULT, None, Hosts(), id="whom Slack hides"),
        pytest.param(NAMED, MEMBER, Yourself(), id="named"),
        pytest.param(NAMED, GUEST, Yourself(), id="a guest, named"),
        pytest.param(NAMED, ADMIN, Others(("U1", "U3", "U4", "U5")), id="an admin, not named"),
        pytest.param(NAMED, EXTERNAL, Hosts(), id="of another company, named"),
        pytest.param(NAMED, BOT, Hosts(), id="a bot, named"),
        pytest.param(NAMED, None, Hosts(), id="whom Slack hides, others named"),
        pytest.param(NOBODY, ADMIN, Others(), id="an admin where nobody is named"),
    ],
)
def test_who_can_say_it(linkers: Linkers, submitter: Profile | None, answerer: Answerer) -> None:
    assert linkers.answerer(submitter) == answerer
    assert linkers.include(submitter) == (answerer == Yourself())


@pytest.mark.parametrize(
    ("outcome", "asks"),
    [
        (Rejection(Reason.NO_CUSTOMER, requester="U1"), True),
        (Rejection(Reason.BROKEN_LINK, requester="U1", customer="c_1"), True),
        (Rejection(Reason.BROKEN_LINK, customer="c_1"), False),
        (Rejection(Reason.NO_CUSTOMER), False),
        (Rejection(Reason.EMPTY, requester="U1"), False),
        (Created(TICKET), False),
        (Ignored("no_rule"), False),
    ],
)
def test_which_refusals_ask_who_somebody_is(outcome: Outcome, asks: bool) -> None:
    assert asks_who(outcome) is asks
