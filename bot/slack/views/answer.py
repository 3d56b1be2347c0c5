"""What is said to a person: a text that says all of it, and the same as blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.faults import Reason
from bot.core.linkers import Answerer, Hosts, Yourself
from bot.core.model import (
    Added,
    AlreadyExists,
    Created,
    Form,
    FormField,
    Ignored,
    Outcome,
    Rejected,
    Remark,
    Ticket,
)
from bot.core.undo import AlreadyUndone, Result, Undone
from bot.slack.views import link
from bot.slack.words import answers, marks, refusals, undo
from bot.slack.words import form as form_words
from bot.slack.words import link as words
from bot.slack.words.marks import OPEN_IN_PLAIN

OPEN_ACTION = "open_in_plain"
"""The link button's; Slack reports its clicks, and nothing needs doing about them."""
UNDO_ACTION = "undo_ticket"

_SECTION_LENGTH = 3000


@dataclass(frozen=True, slots=True)
class Button:
    """Something to press below an answer; every text is plain.

    `label` is what a screen reader says (at most 75 characters); `url` makes it a link button.
    `confirm` asks first. A click comes back as `payloads_actions.ButtonClicked`.
    https://docs.slack.dev/reference/block-kit/block-elements/button-element
    """

    action_id: str
    text: str
    label: str
    value: str | None = None
    url: str | None = None
    confirm: Confirm | None = None

    @property
    def element(self) -> dict[str, Any]:
        """The button as Slack wants it."""
        given = {
            "type": "button",
            "action_id": self.action_id,
            "text": _plain(self.text),
            "accessibility_label": self.label[:75],
            "value": self.value,
            "url": self.url,
            "confirm": self.confirm.dialog if self.confirm else None,
        }
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Confirm:
    """A question before a click counts.

    https://docs.slack.dev/reference/block-kit/composition-objects/confirmation-dialog-object
    """

    title: str
    text: str
    yes: str
    no: str

    @property
    def dialog(self) -> dict[str, Any]:
        """The question as Slack wants it."""
        words = {"title": self.title, "text": self.text, "confirm": self.yes, "deny": self.no}
        return {name: _plain(text) for name, text in words.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is mrkdwn and complete: screen readers read nothing else. `buttons` stand below it.

    `shown` is what stands in the blocks in place of the text, where buttons say the rest.

    https://docs.slack.dev/reference/methods/chat.postMessage#text-blocks-attachments
    """

    text: str
    buttons: tuple[Button, ...] = ()
    shown: str | None = None

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The text with its links as written: nothing in it is made into a link or mention.

        Empty for a text that no section can hold; Slack shows the text itself then.
        """
        text = self.shown or self.text
        if len(text) > _SECTION_LENGTH:
            return []
        said = {"type": "mrkdwn", "text": text, "verbatim": True}
        section = {"type": "section", "text": said}
        if not self.buttons:
            return [section]
        elements = [button.element for button in self.buttons]
        return [section, {"type": "actions", "elements": elements}]


def not_allowed(standing: str) -> Answer:
    """The answer to who may not ask, where nothing was recorded."""
    return Answer(refusals.not_allowed(standing))


def nothing_to_see(standing: str) -> Answer:
    """The answer to who wants to know of tickets and may not ask for any."""
    return Answer(refusals.nothing_to_see(standing))


def outcome(
    outcome: Outcome,
    reference: str,
    bot: str | None = None,
    *,
    ways_on: tuple[Button, ...] = (),
    answerer: Answerer | None = None,
    unused: Sequence[FormField] = (),
) -> Answer | None:
    """The final answer; None where there is nothing to say. `bot` is the bot's user id.

    `ways_on` are the buttons of a refusal: what the person can do about it right here.
    `answerer` tells who can say who the requester is, where a link is missing. `unused` is what
    of a form was not used.
    """
    match outcome:
        case Created() | Added():
            return success(outcome, reference, unused)
        case Rejected(reason, data):
            if isinstance(answerer, Yourself):
                ways_on = (_who_is_this(data, reference), *ways_on)
            return Answer(refusals.refusal(reason, data, reference, bot, answerer), ways_on)
        case Ignored():
            return None


def success(
    outcome: Created | Added, reference: str | None = None, unused: Sequence[FormField] = ()
) -> Answer:
    """It worked, but for what of a form was `unused`. With the `reference` of its row a ticket that
    was created can be undone."""
    ticket = outcome.ticket
    buttons = [_open(ticket)]
    if isinstance(outcome, Created) and reference is not None:
        buttons.append(undo_button(ticket, reference))
    but = answers.unused(unused) if unused else ""
    return Answer(answers.success(outcome) + but, tuple(buttons), answers.headline(outcome) + but)


def _open(ticket: Ticket) -> Button:
    return Button(OPEN_ACTION, OPEN_IN_PLAIN, form_words.open_label(ticket), url=ticket.url)


def undo_button(ticket: Ticket, reference: str) -> Button:
    """Undoes the ticket of the row with this reference; asks first."""
    sure = Confirm(undo.CONFIRM_TITLE, undo.confirm(ticket), undo.CONFIRM_YES, undo.CONFIRM_NO)
    return Button(UNDO_ACTION, undo.UNDO, undo.undo_label(ticket), reference, confirm=sure)


def quietly(outcome: Outcome, reference: str, bot: str | None = None) -> Answer | None:
    """The final answer to a person of another company; None where there is nothing to say."""
    match outcome:
        case Created():
            return Answer(answers.CREATED_QUIETLY)
        case Added():
            return Answer(answers.ADDED_QUIETLY)
        case Rejected(Reason.NO_CUSTOMER | Reason.NOT_ALLOWED as reason, data):
            return Answer(refusals.refusal(reason, data, reference, bot, Hosts()))
        case Rejected():
            return Answer(refusals.refused_quietly(reference))
        case Ignored():
            return None


def remark_quietly(remark: Remark, form: Form | None = None) -> Answer:
    """The answer to asking again, with `form` if so, to a person of another company."""
    if isinstance(remark, AlreadyExists):
        return Answer(answers.ALREADY_QUIETLY + answers.form_unused(form))
    return Answer(answers.remark(remark) + answers.form_unused(form))


def undo_result(result: Result) -> Answer:
    """What came of an undo, to who wanted it; with the way to Plain where they have to go there."""
    text = undo.result(result)
    ticket = getattr(result, "ticket", None)
    if ticket is None or isinstance(result, Undone | AlreadyUndone):
        return Answer(text)
    return Answer(f"{text} <{marks.target(ticket)}|{OPEN_IN_PLAIN}>", (_open(ticket),), text)


def undone(ticket: Ticket | None, by: str, *, quiet: bool = False) -> Answer:
    """In place of an answer that others read too; `quiet`: people of another company as well."""
    return Answer(undo.UNDONE_QUIETLY if quiet else undo.undone_by(ticket, by))


def ended(ticket: Ticket | None, *, quiet: bool = False) -> Answer:
    """In place of an answer whose ten minutes are over."""
    if quiet or ticket is None:
        return Answer(answers.CREATED_QUIETLY)
    return success(Created(ticket))


def _who_is_this(data: Mapping[str, str], reference: str) -> Button:
    name = data.get("name") or data.get("requester", "")
    return Button(link.ACTION, words.BUTTON, words.button_label(name), value=reference)


def remark(remark: Remark, form: Form | None = None) -> Answer:
    """The answer to asking again, with `form` if so."""
    return Answer(answers.remark(remark) + answers.form_unused(form))


def queued(reference: str) -> Answer:
    """The notice that it takes longer."""
    return Answer(answers.queued(reference))


def usage(emoji: Sequence[str] = ("ticket",)) -> Answer:
    """The answer to `/plain-ticket help`."""
    return Answer(answers.usage(emoji))


def unknown_word(word: str) -> Answer:
    """The answer to `/plain-ticket` with one word that it does not know."""
    return Answer(answers.unknown_word(word))


def command_not_recorded(text: str) -> Answer:
    """The answer to a command that could not be recorded."""
    return Answer(answers.command_not_recorded(text))


def form_not_opened() -> Answer:
    """The answer where the form was wanted and did not open."""
    return Answer(answers.form_not_opened())


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}
