"""Build the form that requests a ticket, and what is shown in its place.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.model import FormDraft, Placement, Priority, Ticket
from bot.core.text.plaintext import shorten, units
from bot.flows.form import (
    Broken,
    Choice,
    CustomerStatus,
    FormContext,
    Known,
    New,
    NotAllowed,
    Preset,
    Unlinked,
    UnreadableParts,
)
from bot.slack.views import formatting, kit, placement
from bot.slack.views.formatting import bridge, escape, person
from bot.slack.views.kit import LABEL_LENGTH, Answer, Block, Button, View, open_button, plain
from bot.slack.views.rejections import THOSE

CALLBACK_ID = "plain_ticket_form"
REOPEN_ACTION = "reopen_form"

TITLE_LENGTH = 250
DESCRIPTION_LENGTH = 3000
"""Characters that a text input takes.
https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element"""
MOST_OPTIONS = 100
MOST_LABELS = 25
VALUE_LENGTH = 150
"""Of an option, in UTF-16 units. https://docs.slack.dev/reference/block-kit/composition-objects/option-object"""
QUOTE_LENGTH = 1000

VALUE = "value"
"""The action id of every input."""
_WHOLE_THREAD = "whole_thread"
"""The value of the one box."""

FORM_TITLE = "Create Plain ticket"
FORM_SUBMIT = "Create ticket"
FORM_CLOSE = "Cancel"
NOTICE_TITLE = "Plain ticket"
NOTICE_CLOSE = "Close"

TITLE_LABEL = "Title"
TITLE_HINT = "A short summary, up to 250 characters."
DESCRIPTION_LABEL = "Description"
DESCRIPTION_HINT = (
    "Anything the message itself doesn't say. It appears below the quote in the ticket."
)
REQUESTER_LABEL = "Requester"
REQUESTER_HINT = (
    "Who the ticket is for. Agents' replies in Plain go to this person by e-mail. "
    "Defaults to the message's author, or to you if a bot posted it."
)
PRIORITY_LABEL = "Priority"
PRIORITY_HINT = "How soon someone should look at it."
PRIORITIES: Mapping[Priority, str] = {
    Priority.URGENT: "Urgent",
    Priority.HIGH: "High",
    Priority.NORMAL: "Normal",
    Priority.LOW: "Low",
}

LABELS_LABEL = "Labels"
LABELS_HINT = "Labels agents use to sort tickets."
LABELS_PLACEHOLDER = "Choose labels"
TENANT_LABEL = "Tenant"
TENANT_HINT = "The company in Plain that the ticket is about."
TENANT_PLACEHOLDER = "Choose a tenant"
THREAD_LABEL = "Slack thread"
THREAD_HINT = "The ticket quotes this message. Check the box to quote the rest of its thread too."
WHOLE_THREAD = "Quote the whole Slack thread"

TITLE_MISSING = "Enter a title."
TITLE_TOO_LONG = "Enter at most 250 characters."
DESCRIPTION_TOO_LONG = "Enter at most 3,000 characters."
REQUESTER_UNKNOWN = "Choose someone from this workspace."
PRIORITY_UNKNOWN = "Choose one of the four priorities."
LABELS_UNKNOWN = "Choose labels from the list."
TENANT_UNKNOWN = "Choose a tenant from the list."
NOT_RECORDED_HERE = (
    "Your request couldn't be saved. Everything you typed is still here: submit the form again in "
    "a minute."
)
"""Next to the title, if a submission could not be recorded."""

FORM_TOO_OLD = (
    "Nothing was saved because this form has expired: it was open for more than a day, or it "
    "couldn't be saved when it opened. Copy what you typed, close the form and open it again."
)
"""Next to the title, if there is no draft: it was erased, or never committed."""

# Next to the inputs, in mrkdwn.

QUOTE = "*Quote in the ticket*"
QUOTE_CUT = "Shortened here. The ticket will have the full quote."


_CHOICE_LATER = (
    "You can submit the form: the request will be on hold until someone chooses the customer."
)
_LINK_LATER = (
    "You can submit the form: the request will be on hold until someone corrects the link."
)

# Instead of the form.

NOT_RECORDED = (
    "Your request couldn't be saved, so no ticket will be created. Close this and try again in a "
    "minute."
)


NOT_OPENED = "The form couldn't be opened, and nothing was saved. Try again in a minute."

# Opening the form again.

REOPEN = "Reopen form"
REOPEN_LABEL = "Reopen form, filled in as you submitted it"
NOT_YOURS = "Only the person who requested this ticket can reopen its form."
NOT_KNOWN = (
    "This request no longer exists. Request the ticket again from the message's `…` menu or with "
    "`/plain-ticket`."
)


def form(
    draft: FormDraft,
    context: FormContext,
    *,
    with_requester: bool = True,
    bot: str | None = None,
) -> View:
    """Return the form, complete: a view ignores new initial values once it is open.

    For a person who may not create tickets, a window that says so. If the form adds to a ticket,
    it lacks what only a new thread takes. Without `with_requester` nobody is preselected, for
    when Slack rejects that user. `bot` is the bot's user id.
    The inputs depend only on `draft` and on what `context` offers, so that a later view with the
    same of both changes nothing but the sentences next to them.
    """
    if isinstance(context.customer, NotAllowed):
        return _notice(_not_allowed(context.customer.kind))
    ticket = draft.adds_to
    adds_to = ticket if context.placement is Placement.ADD else None
    blocks = [
        *(placement.offer(ticket, context.placement) if ticket else []),
        _title(draft),
        _description(draft),
        *([] if adds_to else _of_a_new_thread(draft, context, with_requester)),
        *_whole_thread(draft, context),
        *_closed(context, bot),
        *_quote(context),
    ]
    title = placement.ADDING_TITLE if adds_to else FORM_TITLE
    return kit.window(title, FORM_CLOSE, blocks) | {
        "callback_id": CALLBACK_ID,
        "private_metadata": placement.metadata(draft.id, context.placement),
        "notify_on_close": True,
        "submit": plain(placement.submit(adds_to) if adds_to else FORM_SUBMIT),
    }


def already(ticket: Ticket) -> View:
    """Return what replaces the form of a message that has a ticket, with a link to it."""
    said = f"This message already has a Plain ticket: {escape(ticket.ref)}."
    return _notice(said, kit.actions([open_button(ticket)]))


def not_recorded() -> View:
    """Return what replaces the form if nothing was recorded."""
    return _notice(NOT_RECORDED)


def _notice(sentence: str, *more: Block) -> View:
    return kit.window(NOTICE_TITLE, NOTICE_CLOSE, [kit.section(sentence), *more])


def options(choices: Iterable[Choice]) -> list[dict[str, Any]]:
    """Return the options of a select, without values that Slack would not take.

    https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
    """
    fit = [choice for choice in choices if 0 < units(choice.value) <= VALUE_LENGTH]
    return [_option(choice.value, choice.text) for choice in fit[:MOST_OPTIONS]]


def reopen_button(reference: str) -> Button:
    """Return the button that reopens the form of the rejected request with this reference."""
    return Button(REOPEN_ACTION, REOPEN, REOPEN_LABEL, reference)


def not_opened() -> Answer:
    """Return the answer to a command, shortcut or button whose form did not open."""
    return Answer(NOT_OPENED)


def not_yours() -> Answer:
    """Return the answer to somebody else who wants to reopen a form."""
    return Answer(NOT_YOURS)


def not_known() -> Answer:
    """Return the answer to who wants to reopen the form of a request that was erased."""
    return Answer(NOT_KNOWN)


# Inputs


def _title(draft: FormDraft) -> Block:
    title = draft.prefill.title.strip()[:TITLE_LENGTH]
    element = {"type": "plain_text_input", "min_length": 1, "max_length": TITLE_LENGTH}
    return _input(
        "title", TITLE_LABEL, TITLE_HINT, element | ({"initial_value": title} if title else {})
    )


def _description(draft: FormDraft) -> Block:
    description = (draft.prefill.description or "")[:DESCRIPTION_LENGTH]
    element = {"type": "plain_text_input", "multiline": True, "max_length": DESCRIPTION_LENGTH}
    return _input(
        "description",
        DESCRIPTION_LABEL,
        DESCRIPTION_HINT,
        element | ({"initial_value": description} if description else {}),
        optional=True,
    )


def _of_a_new_thread(draft: FormDraft, context: FormContext, with_requester: bool) -> list[Block]:
    """Return the inputs for what only a new thread takes."""
    priority = _input(
        "priority",
        PRIORITY_LABEL,
        PRIORITY_HINT,
        {
            "type": "static_select",
            "options": [_priority(priority) for priority in Priority],
            "initial_option": _priority(draft.prefill.priority),
        },
    )
    return [
        *_requester(draft, context, with_requester=with_requester),
        *_in_plain(context),
        priority,
        _labels(draft, context),
        *_tenant(draft, context),
    ]


def _requester(draft: FormDraft, context: FormContext, *, with_requester: bool) -> list[Block]:
    if not context.offers_requester:
        return []
    block = _input(
        "requester",
        REQUESTER_LABEL,
        REQUESTER_HINT,
        {"type": "users_select"}
        | ({"initial_user": draft.prefill.requester} if with_requester else {}),
        optional=True,  # the select may not offer people of other companies
    )
    return [block | {"dispatch_action": True}]  # the line below is about whoever is chosen


def _labels(draft: FormDraft, context: FormContext) -> dict[str, Any]:
    chosen = _chosen(draft.prefill.labels[:MOST_LABELS], context.labels)
    return _input(
        "labels",
        LABELS_LABEL,
        LABELS_HINT,
        {
            "type": "multi_external_select",
            "min_query_length": 0,  # else Slack asks for nothing before the third character
            "max_selected_items": MOST_LABELS,
            "placeholder": plain(LABELS_PLACEHOLDER),
        }
        | ({"initial_options": chosen} if chosen else {}),
        optional=True,
    )


def _tenant(draft: FormDraft, context: FormContext) -> list[Block]:
    if not context.offers_tenants:
        return []
    tenant = draft.prefill.tenant
    chosen = _chosen((tenant,) if tenant else (), context.tenants)
    element = {
        "type": "external_select",
        "min_query_length": 0,
        "placeholder": plain(TENANT_PLACEHOLDER),
    }
    return [
        _input(
            "tenant",
            TENANT_LABEL,
            TENANT_HINT,
            element | ({"initial_option": chosen[0]} if chosen else {}),
            optional=True,
        )
    ]


def _whole_thread(draft: FormDraft, context: FormContext) -> list[Block]:
    if not context.offers_thread:
        return []
    box = _option(_WHOLE_THREAD, WHOLE_THREAD)
    return [
        _input(
            "whole_thread",
            THREAD_LABEL,
            THREAD_HINT,
            {"type": "checkboxes", "options": [box]}
            | ({"initial_options": [box]} if draft.prefill.whole_thread else {}),
            optional=True,
        )
    ]


def _input(
    block_id: str, label: str, hint: str, element: dict[str, Any], *, optional: bool = False
) -> Block:
    return kit.labelled(block_id, label, hint, element | {"action_id": VALUE}, optional=optional)


def _priority(priority: Priority) -> dict[str, Any]:
    return _option(priority.value, PRIORITIES[priority])


def _chosen(values: Iterable[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    return options(Choice(value, names.get(value, value)) for value in values)


def _option(value: str, text: str) -> dict[str, Any]:
    return kit.option(value, shorten(text.strip() or value, LABEL_LENGTH))


# Next to the inputs


def _in_plain(context: FormContext) -> list[Block]:
    if context.requester is None or context.customer is None:
        return []
    return [kit.context(in_plain(context.requester, context.customer), "in_plain")]


def _closed(context: FormContext, bot: str | None) -> list[Block]:
    return [kit.context(closed(context.closed, bot), "closed")] if context.closed else []


def _quote(context: FormContext) -> list[Block]:
    """Return the quote as plain text, so that nothing in it becomes a link or a mention."""
    if not context.quote.strip():
        return []
    shown = shorten(context.quote, QUOTE_LENGTH)
    block = {"type": "section", "block_id": "quote", "text": plain(shown)}
    cut = [] if shown == context.quote else [kit.context(QUOTE_CUT, "quote_cut")]
    return [kit.context(QUOTE, "quote_label"), block, *cut]


def in_plain(user: str, customer: CustomerStatus) -> str:
    """Return the sentence below the requester: who that is in Plain."""
    who = person(user)
    match customer:
        case Known(name):
            return f"{who} is the Plain customer {escape(formatting.shorten(name, 200))}."
        case New():
            return f"{who} isn't in Plain yet. A customer will be created with the ticket."
        case Unlinked(unconfirmed=True):
            return (
                f"Slack doesn't list {who}'s e-mail address as confirmed, so we can't tell which "
                f"Plain customer they are. {_CHOICE_LATER}"
            )
        case Unlinked():
            return f"We don't know which Plain customer {who} is. {_CHOICE_LATER}"
        case Broken():
            return f"{who} is linked to a customer that doesn't exist in Plain. {_LINK_LATER}"
        case Preset():
            return f"The ticket is for {who}."
        case NotAllowed(kind):
            return _not_allowed(kind)


def _not_allowed(user_kind: str) -> str:
    """Return what a person who may not create tickets sees instead of the form."""
    those = THOSE[user_kind]
    return (
        f"{those[0].upper()}{those[1:]} can't create tickets here. "
        "Ask someone who can to create it for you."
    )


def closed(what: UnreadableParts, bot: str | None) -> str:
    """Return what Slack doesn't let the bridge read, and what can be done; `bot` is its user id."""
    parts = ["the rest of the Slack thread"] * what.thread + ["the message's files"] * what.files
    missing = " and ".join(parts)
    if what.direct:
        return (
            f"The ticket won't include {missing}: in a direct message, Slack only shows the bridge "
            "the message you chose."
        )
    return (
        f"The ticket won't include {missing}: the bridge isn't in this conversation, so Slack only "
        f"shows it the message you chose. In a channel, type /invite {bridge(bot)} and reopen the "
        "form a minute later."
    )
