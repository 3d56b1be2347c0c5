"""Every sentence that a person is shown, word for word; rejections have a file of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core import quote
from bot.core.directory import UserKind
from bot.core.model import (
    Added,
    Created,
    FormField,
    Joined,
    Outcome,
    Placement,
    Priority,
    Ticket,
)
from bot.flows.form import (
    Broken,
    CustomerStatus,
    Known,
    New,
    NotAllowed,
    Preset,
    Unlinked,
    UnreadableParts,
)
from bot.slack.views import answer, commands, form, kit, placement
from tests.slack.triggers import TICKET

OTHER = replace(TICKET, ref="T-8")
LONG = replace(TICKET, ref="T-" + "1" * 70)
LINK = "<https://app.plain.com/workspace/w_1/thread/th_1/|Open in Plain>"


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Created(TICKET), f"Created ticket T-123 · {LINK}"),
        (Added(TICKET), f"Added to T-123 · {LINK}"),
        (Joined(TICKET), f"This already has a ticket: T-123 · {LINK}"),
        (
            Joined(TICKET, added_words=True, unused=(FormField.PRIORITY,)),
            (
                f"This already has a ticket: T-123 · {LINK}\nWhat you typed was added to it.\n"
                "The form's priority wasn't applied because the ticket already existed. "
                "Set it in Plain."
            ),
        ),
        (
            Created(TICKET, beside=OTHER),
            (
                f"Created ticket T-123 · {LINK}\n"
                "It's separate from T-8, this Slack thread's ticket, because it's for a different "
                "requester."
            ),
        ),
        (
            Created(TICKET, missing=1, beside=OTHER),
            (
                f"Created ticket T-123 · {LINK}\n"
                "It's separate from T-8, this Slack thread's ticket, because it's for a different "
                "requester.\n1 part of the Slack thread is missing "
                "because Plain rejected it. Copy anything important by hand."
            ),
        ),
    ],
)
def test_successes(outcome: Created | Added | Joined, sentence: str) -> None:
    assert answer.success(outcome).text == sentence


def test_a_ticket_that_was_to_be_separate_needs_no_reason() -> None:
    said = answer.success(Created(TICKET, beside=OTHER), placement=Placement.SEPARATE).text
    assert said.endswith("\nIt's separate from T-8, this Slack thread's ticket.")


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Created(TICKET, beside=OTHER), "A ticket was created."),
        (
            Added(TICKET, unused=(FormField.LABELS,)),
            (
                "Your message was added to a ticket.\n"
                "The form's labels weren't applied because the ticket already existed."
            ),
        ),
        (Joined(TICKET), "This message already has a ticket."),
        (
            Joined(TICKET, added_words=True),
            "This message already has a ticket.\nWhat you typed was added to it.",
        ),
    ],
)
def test_people_of_another_company_learn_what_became_of_their_own_words(
    outcome: Outcome | Joined, sentence: str
) -> None:
    said = answer.quietly(outcome, "PB-1")
    assert said is not None
    assert said.text == sentence


def test_a_form_that_is_opened_again_too_early() -> None:
    assert answer.in_progress().text == "A ticket for this is already being created."


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([FormField.TENANT], "tenant wasn't applied because the ticket already existed. Set it"),
        (
            [FormField.LABELS],
            "labels weren't applied because the ticket already existed. Set them",
        ),
        (list(FormField), "requester, priority, labels and tenant weren't applied because"),
    ],
)
def test_what_of_a_form_was_not_used(fields: list[FormField], sentence: str) -> None:
    assert (
        answer.success(Added(TICKET, unused=tuple(fields)))
        .text.split("|Open in Plain>")[1]
        .startswith(f"\nThe form's {sentence}")
    )


def test_a_url_cannot_break_out_of_its_link() -> None:
    said = answer.success(Created(Ticket("th", "T-1", "https://x.test/a|b>c"))).text
    assert said == "Created ticket T-1 · <https://x.test/a%7Cb&gt;c|Open in Plain>"


def test_a_command_that_was_not_recorded_gets_its_text_back() -> None:
    assert commands.not_recorded(" the VPN &lt;b&gt; <@U1|ana> is &amp; stays down ").text == (
        "Your request couldn't be saved, so no ticket will be created. "
        "Try again in a minute. Your text was:\n"
        "the VPN &lt;b&gt; &lt;@U1|ana&gt; is &amp; stays down"
    )


def test_help() -> None:
    assert commands.usage(["ticket", "sos"]).text == (
        "*How to create a Plain ticket*\n"
        "• From a message: open its `…` menu and choose *Create Plain ticket*. "
        "A prefilled form opens.\n"
        "• From a message: react with :ticket: or :sos:. The ticket is created right away.\n"
        "• With `/plain-ticket` and a text: a ticket with that text is created right away. "
        "Without a text, the form opens. Slack doesn't allow commands in threads; use the menu "
        "there.\n"
        "• Anywhere: open the `+` menu next to the message box and choose *New Plain ticket*. "
        "An empty form opens.\n"
        "• `/plain-ticket mine` lists your newest tickets, `/plain-ticket rules` the reactions "
        "that create one. If more text follows such a word, it's a ticket.\n"
        "• If no ticket was created: choose *Why no Plain ticket?* in the message's `…` menu.\n"
        "*Where replies go*\n"
        "Agents' replies in Plain go to the customer by e-mail, not to the Slack thread."
    )


def test_help_without_rules_names_no_emoji() -> None:
    assert "react with" not in commands.usage([]).text


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (form.FORM_TITLE, "Create Plain ticket"),
        (form.FORM_SUBMIT, "Create ticket"),
        (placement.ADDING_TITLE, "Add to Plain ticket"),
        (placement.SEPARATELY, "Create a separate ticket"),
        (placement.submit(TICKET), "Add to T-123"),
        (placement.submit(LONG), "Add to ticket"),
        (
            placement.adds_to(TICKET),
            (
                f"This will be added to <{TICKET.url}|T-123>, this Slack thread's ticket. You can "
                "change its priority, labels and tenant in Plain."
            ),
        ),
        (
            placement.separate_from(TICKET),
            (
                f"A separate ticket will be created. <{TICKET.url}|T-123>, this Slack thread's "
                "ticket, stays as it is."
            ),
        ),
        (form.FORM_CLOSE, "Cancel"),
        (form.NOTICE_TITLE, "Plain ticket"),
        (form.NOTICE_CLOSE, "Close"),
        (form.TITLE_LABEL, "Title"),
        (form.TITLE_HINT, "A short summary, up to 250 characters."),
        (form.DESCRIPTION_LABEL, "Description"),
        (
            form.DESCRIPTION_HINT,
            ("Anything the message itself doesn't say. It appears below the quote in the ticket."),
        ),
        (form.REQUESTER_LABEL, "Requester"),
        (
            form.REQUESTER_HINT,
            (
                "Who the ticket is for. Agents' replies in Plain go to this person by "
                "e-mail. Defaults to the message's author, or to you if a bot posted it."
            ),
        ),
        (form.PRIORITY_LABEL, "Priority"),
        (form.PRIORITY_HINT, "How soon someone should look at it."),
        (form.PRIORITIES[Priority.URGENT], "Urgent"),
        (form.PRIORITIES[Priority.HIGH], "High"),
        (form.PRIORITIES[Priority.NORMAL], "Normal"),
        (form.PRIORITIES[Priority.LOW], "Low"),
        (form.LABELS_LABEL, "Labels"),
        (
            form.LABELS_HINT,
            "Labels agents use to sort tickets.",
        ),
        (form.LABELS_PLACEHOLDER, "Choose labels"),
        (form.TENANT_LABEL, "Tenant"),
        (form.TENANT_HINT, "The company in Plain that the ticket is about."),
        (form.TENANT_PLACEHOLDER, "Choose a tenant"),
        (form.THREAD_LABEL, "Slack thread"),
        (
            form.THREAD_HINT,
            ("The ticket quotes this message. Check the box to quote the rest of its thread too."),
        ),
        (form.WHOLE_THREAD, "Quote the whole Slack thread"),
        (form.LABELS_UNKNOWN, "Choose labels from the list."),
        (form.TENANT_UNKNOWN, "Choose a tenant from the list."),
        (form.QUOTE, "*Quote in the ticket*"),
        (form.QUOTE_CUT, "Shortened here. The ticket will have the full quote."),
        (form.REOPEN, "Reopen form"),
        (form.REOPEN_LABEL, "Reopen form, filled in as you submitted it"),
        (
            form.NOT_YOURS,
            "Only the person who requested this ticket can reopen its form.",
        ),
        (
            form.NOT_KNOWN,
            (
                "This request no longer exists. Request the ticket again from the "
                "message's `…` menu or with `/plain-ticket`."
            ),
        ),
        (form.TITLE_MISSING, "Enter a title."),
        (form.TITLE_TOO_LONG, "Enter at most 250 characters."),
        (form.DESCRIPTION_TOO_LONG, "Enter at most 3,000 characters."),
        (form.REQUESTER_UNKNOWN, "Choose someone from this workspace."),
        (form.PRIORITY_UNKNOWN, "Choose one of the four priorities."),
        (
            form.NOT_RECORDED_HERE,
            (
                "Your request couldn't be saved. Everything you typed is still here: "
                "submit the form again in a minute."
            ),
        ),
        (
            form.FORM_TOO_OLD,
            (
                "Nothing was saved because this form has expired: it was open for more "
                "than a day, or it couldn't be saved when it opened. Copy what you "
                "typed, close the form and open it again."
            ),
        ),
        (
            form.NOT_RECORDED,
            (
                "Your request couldn't be saved, so no ticket will be created. Close "
                "this and try again in a minute."
            ),
        ),
        (
            form.not_opened().text,
            "The form couldn't be opened, and nothing was saved. Try again in a minute.",
        ),
        (
            form.already(TICKET)["blocks"][0]["text"]["text"],
            "This message already has a Plain ticket: T-123.",
        ),
        (kit.open_button(TICKET).label, "Open in Plain: T-123"),
        (kit.OPEN_IN_PLAIN, "Open in Plain"),
        (quote.UNTITLED, "Message from Slack"),
    ],
)
def test_form_and_notices(said: str, sentence: str) -> None:
    assert said == sentence


@pytest.mark.parametrize(
    ("customer", "sentence"),
    [
        (Known("A & B <x>"), "<@U7> is the Plain customer A &amp; B &lt;x&gt;."),
        (New(), "<@U7> isn't in Plain yet. A customer will be created with the ticket."),
        (
            Unlinked(),
            (
                "We don't know which Plain customer <@U7> is. You can submit the form: "
                "the request will be on hold until someone chooses the customer."
            ),
        ),
        (
            Broken(),
            (
                "<@U7> is linked to a customer that doesn't exist in Plain. You can "
                "submit the form: the request will be on hold until someone corrects "
                "the link."
            ),
        ),
        (
            Unlinked(unconfirmed=True),
            (
                "Slack doesn't list <@U7>'s e-mail address as confirmed, so we can't "
                "tell which Plain customer they are. You can submit the form: the "
                "request will be on hold until someone chooses the customer."
            ),
        ),
        (Preset(), "The ticket is for <@U7>."),
        (
            NotAllowed(UserKind.GUEST),
            "Guests can't create tickets here. Ask someone who can to create it for you.",
        ),
    ],
)
def test_who_the_requester_is_in_plain(customer: CustomerStatus, sentence: str) -> None:
    assert form.in_plain("U7", customer) == sentence


@pytest.mark.parametrize(
    ("closed", "bot", "sentence"),
    [
        (
            UnreadableParts(direct=True, thread=True, files=True),
            "UBOT",
            (
                "The ticket won't include the rest of the Slack thread and the "
                "message's files: in a direct message, Slack only shows the bridge the "
                "message you chose."
            ),
        ),
        (
            UnreadableParts(direct=False, thread=False, files=True),
            "UBOT",
            (
                "The ticket won't include the message's files: the bridge isn't in this "
                "conversation, so Slack only shows it the message you chose. In a "
                "channel, type /invite <@UBOT> and reopen the form a minute later."
            ),
        ),
        (
            UnreadableParts(direct=False, thread=True, files=False),
            None,
            (
                "The ticket won't include the rest of the Slack thread: the bridge "
                "isn't in this conversation, so Slack only shows it the message you "
                "chose. In a channel, type /invite @plain-bridge and reopen the form a "
                "minute later."
            ),
        ),
    ],
)
def test_what_the_ticket_will_lack(closed: UnreadableParts, bot: str | None, sentence: str) -> None:
    assert form.closed(closed, bot) == sentence
