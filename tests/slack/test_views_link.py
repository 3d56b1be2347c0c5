"""What is said about who somebody is, word for word."""

from __future__ import annotations

import pytest

from bot.core.faults import FieldError, PlainError, Reason, Rejection
from bot.core.identity import Answerer, Hosts, Others, Yourself
from bot.core.model import Customer
from bot.flows.link import CustomerNotCreated, Linked, MayNotLink, NothingToLink
from bot.slack.views import answer, rejections
from bot.slack.views import link as words
from tests.nouns import TICKET

CUSTOMER = "where CUSTOMER is a Plain customer id (`c_…`), an e-mail address or `external:ID`"
COMMAND = f"whoever runs the bridge to run `plain-bridge people link U1 CUSTOMER`, {CUSTOMER}"
THEN = "Then the ticket will be created automatically."
THERE = "chooses the customer in this app's Home tab, or whoever runs the bridge links the person."
NO_CUSTOMER = Rejection(Reason.NO_CUSTOMER, requester="U1", requester_name="Gus <b>")
BROKEN = Rejection(Reason.BROKEN_LINK, requester="U1", customer="c_9")


@pytest.mark.parametrize(
    ("answerer", "what"),
    [
        (
            Yourself(),
            "Choose the customer and the ticket will be created automatically.",
        ),
        (
            Others(),
            (
                "Ask an owner or admin of this workspace to choose the customer in the Home tab of "
                f"<@UBOT>, or {COMMAND}. {THEN}"
            ),
        ),
        (
            Others(("U7",)),
            f"Ask <@U7> to choose the customer in the Home tab of <@UBOT>, or {COMMAND}. {THEN}",
        ),
        (
            Others(("U7", "U8", "U9")),
            (
                "Ask <@U7>, <@U8> or <@U9> to choose the customer in the Home tab of <@UBOT>, or "
                f"{COMMAND}. {THEN}"
            ),
        ),
        (
            Hosts(),
            (f"Ask someone from the workspace that runs the bridge to choose the customer. {THEN}"),
        ),
        (None, f"Ask {COMMAND}. {THEN}"),
    ],
)
def test_a_request_on_hold_says_who_can_choose_the_customer(
    answerer: Answerer | None, what: str
) -> None:
    assert rejections.rejection(NO_CUSTOMER, "PB-7", "UBOT", answerer) == (
        f"On hold: we don't know which Plain customer Gus &lt;b&gt; is. {what}\nReference: `PB-7`"
    )
    assert rejections.rejection(BROKEN, "PB-7", "UBOT", answerer) == (
        "On hold: `U1` is linked to `c_9`, which isn't a customer in Plain. "
        f"{what}\nReference: `PB-7`"
    )


@pytest.mark.parametrize(
    ("answerer", "who"),
    [
        (Yourself(), "you choose the customer in this app's Home tab."),
        (
            Others(),
            f"an owner or admin of this workspace {THERE}",
        ),
        (
            Others(("U7", "U8")),
            f"<@U7> or <@U8> {THERE}",
        ),
        (Hosts(), "someone from the workspace that runs the bridge chooses the customer."),
    ],
)
def test_a_list_of_requests_names_the_same_people(answerer: Answerer, who: str) -> None:
    assert words.resumes(answerer) == f"Requests on hold resume once {who}"


def test_only_so_many_are_named() -> None:
    named = words.who_may(Others(tuple(f"U{number}" for number in range(20))))
    assert named == "<@U0>, <@U1>, <@U2>, <@U3> or <@U4>"


@pytest.mark.parametrize("name", ["Gus", "G" * 500])
def test_the_button_says_whom_it_is_about(name: str) -> None:
    rejected = Rejection(Reason.NO_CUSTOMER, requester="U1", requester_name=name)
    built = answer.outcome(rejected, "PB-7", answerer=Yourself())
    assert built is not None
    (button,) = built.blocks[1]["elements"]
    assert button["text"]["text"] == "Choose customer"
    assert button["accessibility_label"].startswith("Choose customer: G")
    assert len(button["accessibility_label"]) <= 75
    for nobody in (Others(), Hosts(), None):
        built = answer.outcome(rejected, "PB-7", answerer=nobody)
        assert built is not None
        assert len(built.blocks) == 1


@pytest.mark.parametrize(
    ("opened", "goes_on"),
    [
        (0, "No request was on hold for this."),
        (
            1,
            (
                "1 pending request resumed. Whoever submitted it will be notified when the ticket "
                "is created."
            ),
        ),
        (
            3,
            (
                "3 pending requests resumed. Whoever submitted them will be notified when the "
                "tickets are created."
            ),
        ),
    ],
)
def test_who_is_linked_to_whom_and_what_goes_on(opened: int, goes_on: str) -> None:
    done = Linked("Gus*", "U1", Customer("c_1", "A & <B>"), opened)
    assert words.instead(done).text == (
        f"*Gus∗* (`U1`) is now the Plain customer *A &amp; &lt;B&gt;*. {goes_on}"
    )


@pytest.mark.parametrize(
    ("over", "said"),
    [
        (NothingToLink(), "Nothing was changed: this request no longer exists."),
        (
            NothingToLink("PB-7", "U1"),
            (
                "Nothing was changed: `PB-7` is no longer on hold. To link `U1` to a different "
                f"customer, ask {COMMAND}."
            ),
        ),
        (
            NothingToLink("PB-7", "U1", TICKET),
            (
                "Nothing was changed: `PB-7` is no longer on hold. Its ticket is T-1 · "
                f"<{TICKET.url}|Open in Plain>. To link `U1` to a different customer, ask "
                f"{COMMAND}."
            ),
        ),
    ],
)
def test_what_is_over(over: NothingToLink, said: str) -> None:
    assert words.instead(over).text == said


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (
            MayNotLink(Others(), "U1"),
            (
                "Nothing was changed: you aren't allowed to link people to customers. Ask an "
                f"owner or admin of this workspace, or {COMMAND}."
            ),
        ),
        (
            MayNotLink(Others(("U7",))),
            "Nothing was changed: you aren't allowed to link people to customers. Ask <@U7>.",
        ),
        (
            MayNotLink(Hosts()),
            (
                "Nothing was changed: only people from the workspace that runs the bridge can "
                "choose customers."
            ),
        ),
    ],
)
def test_who_may_not(refused: MayNotLink, said: str) -> None:
    assert words.not_yours(refused)["blocks"][0]["text"]["text"] == said


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (
            CustomerNotCreated(),
            "Nothing was linked: Plain didn't respond in time. Press “Link” again.",
        ),
        (
            CustomerNotCreated(
                Rejection(
                    Reason.PLAIN_REFUSED,
                    plain_error=PlainError(
                        message="Invalid", fields=(FieldError("email", "is invalid"),)
                    ),
                )
            ),
            ("Nothing was linked: Plain rejected the new customer. Plain says: email: is invalid."),
        ),
        (
            CustomerNotCreated(Rejection(Reason.PLAIN_REFUSED)),
            "Nothing was linked: Plain rejected the new customer.",
        ),
        (
            CustomerNotCreated(
                Rejection(
                    Reason.PLAIN_FORBIDDEN,
                    plain_error=PlainError(message="Missing customer:create."),
                )
            ),
            (
                "Nothing was linked: the bridge's API key can't create customers. Plain says: "
                "Missing customer:create. Choose an existing customer, or ask whoever runs the "
                "bridge to fix the key."
            ),
        ),
        (
            CustomerNotCreated(Rejection(Reason.PLAIN_KEY)),
            (
                "Nothing was linked: the bridge's API key can't create customers. Choose an "
                "existing customer, or ask whoever runs the bridge to fix the key."
            ),
        ),
        (
            CustomerNotCreated(Rejection(Reason.CUSTOMER_IS_SPAM, customer="c_1")),
            "Nothing was linked: this customer is marked as spam in Plain.",
        ),
    ],
)
def test_what_plain_did_not_make(refused: CustomerNotCreated, said: str) -> None:
    assert words.not_made(refused) == said
