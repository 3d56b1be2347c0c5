"""The form that asks for a ticket, and what is shown in its place.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.core.model import FormDraft, Priority, Ticket
from bot.core.text.plaintext import shorten, units
from bot.flows.choices import Choice
from bot.flows.form import FormContext, NotAllowed
from bot.slack.views.answer import OPEN_ACTION, Button
from bot.slack.words import form as words
from bot.slack.words import marks

CALLBACK_ID = "plain_ticket_form"
REOPEN_ACTION = "reopen_form"

TITLE_LENGTH = 250
DESCRIPTION_LENGTH = 3000
"""What a text input takes.
https://docs.slack.dev/reference/block-kit/block-elements/plain-text-input-element"""
MOST_OPTIONS = 100
MOST_LABELS = 25
TEXT_LENGTH = 75
VALUE_LENGTH = 150
"""Of an option. https://docs.slack.dev/reference/block-kit/composition-objects/option-object"""
QUOTE_LENGTH = 1000

VALUE = "value"
"""The action id of every input."""
WHOLE_THREAD = "whole_thread"


def form(
    draft: FormDraft,
    beside: FormContext,
    *,
    with_requester: bool = True,
    bot: str | None = None,
) -> dict[str, Any]:
    """The form, complete: a view ignores new initial values once it is open.

    A window without inputs once it is known that the person may not create tickets.

    Without `with_requester` nobody is chosen beforehand, for where Slack refuses that user.
    Where the message joins a ticket, without the inputs for what only a new thread takes.
    The inputs depend on `draft` and on what `beside` offers, so that a later view with the same
    of both changes nothing but what is said beside them. `bot` is the bot's user id.
    """
    if isinstance(beside.customer, NotAllowed):
        return _notice(words.not_allowed(beside.customer.standing))
    prefill = draft.prefill
    adds_to = beside.adds_to
    title = prefill.title.strip()[:TITLE_LENGTH]
    description = (prefill.description or "")[:DESCRIPTION_LENGTH]
    return {
        "type": "modal",
        "callback_id": CALLBACK_ID,
        "private_metadata": draft.id,
        "notify_on_close": True,
        "title": _plain(words.FORM_TITLE if adds_to is None else words.ADDING_TITLE),
        "submit": _plain(words.FORM_SUBMIT if adds_to is None else words.adding_submit(adds_to)),
        "close": _plain(words.FORM_CLOSE),
        "blocks": [
            *([] if adds_to is None else [_section("adds_to", words.adds_to(adds_to))]),
            _input(
                "title",
                words.TITLE_LABEL,
                words.TITLE_HINT,
                {"type": "plain_text_input", "min_length": 1, "max_length": TITLE_LENGTH}
                | ({"initial_value": title} if title else {}),
            ),
            _input(
                "description",
                words.DESCRIPTION_LABEL,
                words.DESCRIPTION_HINT,
                {
                    "type": "plain_text_input",
                    "multiline": True,
                    "max_length": DESCRIPTION_LENGTH,
                }
                | ({"initial_value": description} if description else {}),
                optional=True,
            ),
            *([] if adds_to is not None else _of_a_new_thread(draft, beside, with_requester)),
            *_whole_thread(draft, beside),
            *_closed(beside, bot),
            *_quote(beside),
        ],
    }


def options(choices: Iterable[Choice]) -> list[dict[str, Any]]:
    """What a select offers; a value that Slack would not take is left out.

    https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
    """
    fit = [choice for choice in choices if 0 < units(choice.value) <= VALUE_LENGTH]
    return [_option(choice.value, choice.text) for choice in fit[:MOST_OPTIONS]]


def reopen_button(reference: str) -> Button:
    """Opens the form of a refused escalation as it was; `reference` is the escalation's."""
    return Button(REOPEN_ACTION, words.REOPEN, words.REOPEN_LABEL, reference)


def _of_a_new_thread(
    draft: FormDraft, beside: FormContext, with_requester: bool
) -> list[dict[str, Any]]:
    """What can be said of a thread only when it is created."""
    priority = _input(
        "priority",
        words.PRIORITY_LABEL,
        words.PRIORITY_HINT,
        {
            "type": "static_select",
            "options": [_priority(priority) for priority in Priority],
            "initial_option": _priority(draft.prefill.priority),
        },
    )
    return [
        *_requester(draft, beside, with_requester=with_requester),
        *_in_plain(beside),
        priority,
        _labels(draft, beside),
        *_tenant(draft, beside),
    ]


def _requester(
    draft: FormDraft, beside: FormContext, *, with_requester: bool
) -> list[dict[str, Any]]:
    if not beside.offers_requester:
        return []
    block = _input(
        "requester",
        words.REQUESTER_LABEL,
        words.REQUESTER_HINT,
        {"type": "users_select"}
        | ({"initial_user": draft.prefill.requester} if with_requester else {}),
        optional=True,  # the select may not offer people of other companies
    )
    return [block | {"dispatch_action": True}]  # the line below is about whoever is chosen


def _labels(draft: FormDraft, beside: FormContext) -> dict[str, Any]:
    chosen = _chosen(draft.prefill.labels[:MOST_LABELS], beside.labels)
    return _input(
        "labels",
        words.LABELS_LABEL,
        words.LABELS_HINT,
        {
            "type": "multi_external_select",
            "min_query_length": 0,  # else Slack asks for nothing before the third character
            "max_selected_items": MOST_LABELS,
            "placeholder": _plain(words.LABELS_PLACEHOLDER),
        }
        | ({"initial_options": chosen} if chosen else {}),
        optional=True,
    )


def _tenant(draft: FormDraft, beside: FormContext) -> list[dict[str, Any]]:
    if not beside.offers_tenants:
        return []
    tenant = draft.prefill.tenant
    chosen = _chosen((tenant,) if tenant else (), beside.tenants)
    element = {
        "type": "external_select",
        "min_query_length": 0,
        "placeholder": _plain(words.TENANT_PLACEHOLDER),
    }
    return [
        _input(
            "tenant",
            words.TENANT_LABEL,
            words.TENANT_HINT,
            element | ({"initial_option": chosen[0]} if chosen else {}),
            optional=True,
        )
    ]


def _whole_thread(draft: FormDraft, beside: FormContext) -> list[dict[str, Any]]:
    if not beside.offers_thread:
        return []
    box = _option(WHOLE_THREAD, words.WHOLE_THREAD)
    return [
        _input(
            "whole_thread",
            words.THREAD_LABEL,
            words.THREAD_HINT,
            {"type": "checkboxes", "options": [box]}
            | ({"initial_options": [box]} if draft.prefill.whole_thread else {}),
            optional=True,
        )
    ]


def _in_plain(beside: FormContext) -> list[dict[str, Any]]:
    if beside.requester is None or beside.customer is None:
        return []
    return [_context("in_plain", words.in_plain(beside.requester, beside.customer))]


def _closed(beside: FormContext, bot: str | None) -> list[dict[str, Any]]:
    return [_context("closed", words.closed(beside.closed, bot))] if beside.closed else []


def _quote(beside: FormContext) -> list[dict[str, Any]]:
    """Plain text, so that nothing of it is taken for a link, a mention or a format."""
    if not beside.quote.strip():
        return []
    shown = shorten(beside.quote, QUOTE_LENGTH)
    block = {"type": "section", "block_id": "quote", "text": _plain(shown)}
    cut = [] if shown == beside.quote else [_context("quote_cut", words.QUOTE_CUT)]
    return [_context("quote_label", words.QUOTE), block, *cut]


def already(ticket: Ticket) -> dict[str, Any]:
    """Instead of the form: the message has its ticket, with the way there."""
    button = {
        "type": "button",
        "action_id": OPEN_ACTION,
        "text": _plain(marks.OPEN_IN_PLAIN),
        "accessibility_label": words.open_label(ticket),
        "url": ticket.url,
    }
    return _notice(words.already(ticket), {"type": "actions", "elements": [button]})


def not_recorded() -> dict[str, Any]:
    """Instead of the form: nothing was recorded."""
    return _notice(words.NOT_RECORDED)


def _notice(sentence: str, *more: dict[str, Any]) -> dict[str, Any]:
    said = {"type": "mrkdwn", "text": sentence, "verbatim": True}
    return {
        "type": "modal",
        "title": _plain(words.NOTICE_TITLE),
        "close": _plain(words.NOTICE_CLOSE),
        "blocks": [{"type": "section", "text": said}, *more],
    }


def _input(
    block: str, label: str, hint: str, element: dict[str, Any], *, optional: bool = False
) -> dict[str, Any]:
    return {
        "type": "input",
        "block_id": block,
        "label": _plain(label),
        "hint": _plain(hint),
        "optional": optional,
        "element": {**element, "action_id": VALUE},
    }


def _priority(priority: Priority) -> dict[str, Any]:
    return _option(priority.value, words.PRIORITIES[priority])


def _chosen(values: Iterable[str], names: Mapping[str, str]) -> list[dict[str, Any]]:
    return options(Choice(value, names.get(value, value)) for value in values)


def _option(value: str, text: str) -> dict[str, Any]:
    return {"text": _plain(shorten(text.strip() or value, TEXT_LENGTH)), "value": value}


def _context(block: str, sentence: str) -> dict[str, Any]:
    said = {"type": "mrkdwn", "text": sentence, "verbatim": True}
    return {"type": "context", "block_id": block, "elements": [said]}


def _section(block: str, sentence: str) -> dict[str, Any]:
    said = {"type": "mrkdwn", "text": sentence, "verbatim": True}
    return {"type": "section", "block_id": block, "text": said}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
