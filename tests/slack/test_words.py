"""Every sentence that a person is shown, word for word; refusals have a file of their own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.directory import UserKind
from bot.core.model import (
    Added,
    AlreadyExists,
    Created,
    FormField,
    InProgress,
    Priority,
    Remark,
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
from bot.slack.views import answer, commands, form, kit

TICKET = Ticket("th_1", "T-123", "https://app.plain.com/workspace/w_1/thread/th_1/")
LINK = "<https://app.plain.com/workspace/w_1/thread/th_1/|Open in Plain>"


@pytest.mark.parametrize(
    ("outcome", "sentence"),
    [
        (Created(TICKET), f"Created ticket T-123 · {LINK}"),
        (Added(TICKET), f"Added to T-123 · {LINK}"),
    ],
)
def test_successes(outcome: Created | Added, sentence: str) -> None:
    assert answer.success(outcome).text == sentence


@pytest.mark.parametrize(
    ("remark", "sentence"),
    [
        (AlreadyExists(TICKET), f"This already has its ticket: T-123 · {LINK}"),
        (InProgress(), "The ticket for this is already on its way."),
    ],
)
def test_remarks(remark: Remark, sentence: str) -> None:
    assert answer.remark(remark).text == sentence


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ([FormField.TENANT], "tenant was not used, because the ticket was there already. Set it"),
        (
            [FormField.LABELS],
            "labels were not used, because the ticket was there already. Set them",
        ),
        (list(FormField), "requester, priority, labels and tenant were not used, because"),
    ],
)
def test_what_of_a_form_was_not_used(fields: list[FormField], sentence: str) -> None:
    assert (
        answer.success(Added(TICKET), unused=fields)
        .text.split("|Open in Plain>")[1]
        .startswith(f"\nThe form's {sentence}")
    )


def test_a_url_cannot_break_out_of_its_link() -> None:
    said = answer.success(Created(Ticket("th", "T-1", "https://x.test/a|b>c"))).text
    assert said == "Created ticket T-1 · <https://x.test/a%7Cb&gt;c|Open in Plain>"


def test_a_command_that_was_not_recorded_gets_its_text_back() -> None:
    assert commands.not_recorded(" the VPN &lt;b&gt; <@U1|ana> is &amp; stays down ").text == (
        "Nothing was recorded, because the bridge could not save it just now. "
        "No ticket will be created. Try again in a minute; this was your text:\n"
        "the VPN &lt;b&gt; &lt;@U1|ana&gt; is &amp; stays down"
    )


def test_help() -> None:
    assert commands.usage(["ticket", "sos"]).text == (
        "*How to create a Plain ticket*\n"
        "• From a message: open its `…` menu and choose *Create Plain ticket*. "
        "A form opens, already filled in.\n"
        "• From a message: react with :ticket: or :sos:. The ticket comes at once.\n"
        "• With `/plain-ticket` and a text: a ticket with that text comes at once. "
        "Without a text, the form opens. Slack takes no commands inside threads: use the menu "
        "there.\n"
        "• Anywhere: open the `+` menu beside the message box and choose *New Plain ticket*. "
        "An empty form opens.\n"
        "• `/plain-ticket mine` lists your newest tickets, `/plain-ticket rules` the reactions "
        "that make one. A text that goes on after such a word is a ticket.\n"
        "• If no ticket came: choose *Why no Plain ticket?* in the message's `…` menu.\n"
        "*Where replies go*\n"
        "An agent's answer in Plain goes to the customer by e-mail, not into the Slack thread."
    )


def test_help_without_rules_names_no_emoji() -> None:
    assert "react with" not in commands.usage([]).text


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        (form.FORM_TITLE, "Create Plain ticket"),
        (form.FORM_SUBMIT, "Create ticket"),
        (form._adding_submit(TICKET), "Add to T-123"),
        (form._adding_submit(replace(TICKET, ref="T-" + "1" * 30)), "Add to the ticket"),
        (
            form._adds_to(TICKET),
            (
                "This will be added to T-123, the ticket of this Slack thread. "
                "Its priority, labels and tenant can be changed in Plain."
            ),
        ),
        (form.FORM_CLOSE, "Cancel"),
        (form.NOTICE_TITLE, "Plain ticket"),
        (form.NOTICE_CLOSE, "Close"),
        (form.TITLE_LABEL, "Title"),
        (form.TITLE_HINT, "What it is about, in up to 250 characters."),
        (form.DESCRIPTION_LABEL, "Description"),
        (
            form.DESCRIPTION_HINT,
            "What the message itself does not say. It goes into the ticket below the quote.",
        ),
        (form.REQUESTER_LABEL, "Requester"),
        (
            form.REQUESTER_HINT,
            (
                "Whose ticket it is: an agent's answer in Plain goes to this person by e-mail. "
                "Left empty, it is who wrote the message, or you where no person did."
            ),
        ),
        (form.PRIORITY_LABEL, "Priority"),
        (form.PRIORITY_HINT, "How soon somebody should look at it."),
        (form.PRIORITIES[Priority.URGENT], "Urgent"),
        (form.PRIORITIES[Priority.HIGH], "High"),
        (form.PRIORITIES[Priority.NORMAL], "Normal"),
        (form.PRIORITIES[Priority.LOW], "Low"),
        (form.LABELS_LABEL, "Labels"),
        (
            form.LABELS_HINT,
            "By which the agents in Plain sort tickets.",
        ),
        (form.LABELS_PLACEHOLDER, "Choose labels"),
        (form.TENANT_LABEL, "Tenant"),
        (form.TENANT_HINT, "The company in Plain that the ticket is about."),
        (form.TENANT_PLACEHOLDER, "Choose a tenant"),
        (form.THREAD_LABEL, "Slack thread"),
        (
            form.THREAD_HINT,
            (
                "The ticket quotes this message; with the box checked, all the others of its "
                "thread too."
            ),
        ),
        (form.WHOLE_THREAD, "Quote the whole Slack thread"),
        (form.LABELS_UNKNOWN, "Choose labels from the list."),
        (form.TENANT_UNKNOWN, "Choose a tenant from the list."),
        (form.QUOTE, "*The quote in the ticket*"),
        (form.QUOTE_CUT, "The quote is cut short here, not in the ticket."),
        (form.REOPEN, "Open the form again"),
        (form.REOPEN_LABEL, "Open the form again, filled in as you sent it"),
        (
            form.NOT_YOURS,
            "Only the person who asked for this ticket can open its form again.",
        ),
        (
            form.NOT_KNOWN,
            (
                "The bridge no longer knows this request. Ask for the ticket again, from the "
                "message's `…` menu or with `/plain-ticket`."
            ),
        ),
        (form.TITLE_MISSING, "Give the ticket a title."),
        (form.TITLE_TOO_LONG, "Keep the title to 250 characters."),
        (form.DESCRIPTION_TOO_LONG, "Keep the description to 3000 characters."),
        (form.REQUESTER_UNKNOWN, "Choose a person of this workspace."),
        (form.PRIORITY_UNKNOWN, "Choose one of the four priorities."),
        (
            form.NOT_RECORDED_HERE,
            (
                "Nothing was recorded, because the bridge could not save it just now. "
                "Everything you typed is still here: send the form again in a minute."
            ),
        ),
        (
            form.FORM_TOO_OLD,
            (
                "Nothing was recorded, because the bridge no longer knows this form: it was open "
                "for more than a day, or could not be saved when it opened. "
                "Copy what you typed, close the form and open it again."
            ),
        ),
        (
            form.NOT_RECORDED,
            (
                "Nothing was recorded, because the bridge could not save it just now. "
                "No ticket will be created. Close this and try again in a minute."
            ),
        ),
        (
            form.not_opened().text,
            "The form could not be opened, and nothing was recorded. Try again in a minute.",
        ),
        (
            form.already(TICKET)["blocks"][0]["text"]["text"],
            "This message already has its Plain ticket: T-123.",
        ),
        (kit.open_button(TICKET).label, "Open in Plain: T-123"),
        (kit.OPEN_IN_PLAIN, "Open in Plain"),
        (form.UNTITLED, "Message from Slack"),
    ],
)
def test_form_and_notices(said: str, sentence: str) -> None:
    assert said == sentence


@pytest.mark.parametrize(
    ("customer", "sentence"),
    [
        (Known("A & B <x>"), "<@U7> is the customer A &amp; B &lt;x&gt; in Plain."),
        (New(), "<@U7> is not in Plain yet, and becomes a customer there with the ticket."),
        (
            Unlinked(),
            (
                "<@U7> is not linked to a customer in Plain yet. You can send the form: "
                "the ticket is created as soon as somebody has said who that is."
            ),
        ),
        (
            Broken(),
            (
                "<@U7> is linked to a customer that Plain does not know. You can send the form: "
                "the ticket is created as soon as somebody has corrected the link."
            ),
        ),
        (
            Unlinked(unconfirmed=True),
            (
                "Slack doesn't list the e-mail address of <@U7> as confirmed, so it doesn't say "
                "which customer in Plain that is. You can send the form: the ticket is created "
                "as soon as somebody has said who that is."
            ),
        ),
        (Preset(), "The ticket is for <@U7>."),
        (
            NotAllowed(UserKind.GUEST),
            "Guests can't create tickets here. Ask somebody who can to create it for you.",
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
                "The ticket will lack the rest of the Slack thread and the message's files: this "
                "is a direct message, and Slack shows the bridge no more of it than the message "
                "that you chose."
            ),
        ),
        (
            UnreadableParts(direct=False, thread=False, files=True),
            "UBOT",
            (
                "The ticket will lack the message's files: the bridge is not in this "
                "conversation, and Slack shows it no more than the message that you chose. In a "
                "channel, type /invite <@UBOT> and open the form again a minute later."
            ),
        ),
        (
            UnreadableParts(direct=False, thread=True, files=False),
            None,
            (
                "The ticket will lack the rest of the Slack thread: the bridge is not in this "
                "conversation, and Slack shows it no more than the message that you chose. In a "
                "channel, type /invite @plain-bridge and open the form again a minute later."
            ),
        ),
    ],
)
def test_what_the_ticket_will_lack(closed: UnreadableParts, bot: str | None, sentence: str) -> None:
    assert form.closed(closed, bot) == sentence
