"""Define the values of a request: its trigger, its drafts for Plain, and its outcome."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from bot.core.faults import Rejection
from bot.core.refs import MessageRef
from bot.core.text.parts import Part, TextPart
from bot.core.text.richtext import Block


@dataclass(frozen=True, slots=True)
class PostedAnswer:
    """An answer that the bot posted where everybody can see it, and that it can edit.

    A message of its own; or, with `receipt`, its reaction of that name to the message at `ts`.
    """

    channel: str
    ts: str
    receipt: str | None = None


FORGOTTEN = "erased"
"""Replaces the Slack id of a person who was erased on demand."""

WHY_IGNORED = "forgotten"
"""Why an erased person's own request is ignored."""


class Via(StrEnum):
    """The way in which a ticket was requested."""

    SHORTCUT = "shortcut"
    """The message shortcut's form."""
    REACTION = "reaction"
    COMMAND = "command"
    """`/plain-ticket` with a text."""
    FORM = "form"
    """The form without a message: the global shortcut, or `/plain-ticket` alone."""


class Priority(StrEnum):
    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class File:
    """A file of a message; `name` and `link` may be withheld by Slack.

    `size` is in bytes. `mode` is Slack's word ("hosted", "snippet", "external", "tombstone", …).
    `download` is where the bot may fetch it with its token; None where Slack gives no address.
    `external`: it is stored elsewhere, and Slack has only its link. `withheld`: Slack sent only
    the id (`file_access`), so that it has to be looked up. `title` is what people see
    in Slack, where it says something else than `name`. `words` is what Slack shows of the
    contents (a mail, a transcript); a message's files are without them, its blocks hold them.
    https://docs.slack.dev/reference/objects/file-object
    """

    id: str
    name: str | None = None
    mimetype: str | None = None
    size: int | None = None
    link: str | None = None
    mode: str | None = None
    download: str | None = None
    external: bool = False
    withheld: bool = False
    title: str | None = None
    words: tuple[Block, ...] = ()


UNNAMED_APP = "an app"
"""Replaces the name of an app that Slack does not name."""


@dataclass(frozen=True, slots=True)
class Message:
    """A message. `ref` is None for a text that never was a message (a command's).

    `thread_ts` is the root's `ts` if the message is in a Slack thread (the root of a
    thread included), else None. `bot` is the name of the app or workflow that posted it
    (`UNNAMED_APP` where Slack gives none); `author` is then the app's user, a person who posted
    through the app until `flows.authorship` has looked, or None. `made_up` is the name that the app
    gave itself for this one message.
    """

    ref: MessageRef | None
    author: str | None
    blocks: tuple[Block, ...]
    thread_ts: str | None = None
    bot: str | None = None
    files: tuple[File, ...] = ()
    made_up: str | None = None

    @property
    def replies_to(self) -> str | None:
        """Return the `ts` of the root that this message replies to; None for a root."""
        is_root = self.ref is not None and self.ref.ts == self.thread_ts
        return None if is_root else self.thread_ts


class Placement(StrEnum):
    """What the form said about the ticket that its Slack thread may have."""

    ANY = "any"
    """Nothing: no ticket of the Slack thread was known when the form was opened."""
    ADD = "add"
    """That it adds to the Slack thread's ticket."""
    SEPARATE = "separate"
    """That it creates a ticket of its own, because the person wants one."""


@dataclass(frozen=True, slots=True)
class Form:
    """The values of the ticket form. `labels` are `lt_…`, `tenant` an external id.

    `whole_thread`: all of the message's Slack thread is wanted, not the message alone.
    """

    title: str
    description: str | None
    requester: str
    priority: Priority
    labels: tuple[str, ...] = ()
    tenant: str | None = None
    whole_thread: bool = False
    placement: Placement = Placement.ANY


class FormField(StrEnum):
    """A field of the form that applies only to a new thread, not to an existing one."""

    REQUESTER = "requester"
    PRIORITY = "priority"
    LABELS = "labels"
    TENANT = "tenant"


RESPONSE_URL_SECONDS = 1800.0
"""Slack accepts answers at a `response_url` for this long.
https://docs.slack.dev/interactivity/handling-user-interaction#message_responses"""


@dataclass(frozen=True, slots=True)
class ReplyTo:
    """The places where the submitter can be answered.

    `thread_ts` only for a reply: the root of a thread is read in the channel. `response_url`
    lives for `RESPONSE_URL_SECONDS` from `asked_at` (Unix seconds) and takes 5 answers.
    """

    user: str
    asked_at: float
    channel: str | None = None
    thread_ts: str | None = None
    response_url: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A request for a ticket, as it came from Slack.

    `team` is the installed workspace, never the payload's. `request` identifies this request
    (event id, trigger id or view id); a repeated delivery has the same one. `channel` is where it
    was made; `ref` is the message it is about, and `message` its content, as far as it is known
    (a reaction comes with `ref` only).
    """

    via: Via
    team: str
    submitter: str
    request: str
    reply_to: ReplyTo
    channel: str | None = None
    ref: MessageRef | None = None
    message: Message | None = None
    form: Form | None = None
    emoji: str | None = None


def default_requester(message: Message | None, submitter: str) -> str:
    """Return the requester if nobody names one: the person who wrote the message."""
    if message is None or message.author is None or message.bot is not None:
        return submitter
    return message.author


def chosen(trigger: Trigger) -> tuple[FormField, ...]:
    """Return the fields of the form that differ from what it is preset with."""
    form = trigger.form
    if form is None:
        return ()
    is_chosen = {
        FormField.REQUESTER: form.requester
        != default_requester(trigger.message, trigger.submitter),
        FormField.PRIORITY: form.priority is not Priority.NORMAL,
        FormField.LABELS: bool(form.labels),
        FormField.TENANT: form.tenant is not None,
    }
    return tuple(field for field, is_so in is_chosen.items() if is_so)


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: which reactions create a ticket, where, and with what.

    `channels` holds ids ("C…") and names ("#support"); empty means all. `customer` is
    `c_…`, an e-mail address or `external:ID`.
    """

    emoji: tuple[str, ...]
    channels: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    priority: Priority = Priority.NORMAL
    tenant: str | None = None
    assignee: str | None = None
    customer: str | None = None


@dataclass(frozen=True, slots=True)
class FormDraft:
    """An open form. `id` is all that the view carries; `trigger` lacks the form and the view.

    `prefill` replaces what Slack sends back empty. `key` and `replaces` are the key and the id of
    the rejected request if the form was reopened for it. `adds_to` is the ticket that the message's
    Slack thread had when the form was opened.
    """

    id: str
    trigger: Trigger
    prefill: Form
    key: str | None = None
    replaces: int | None = None
    adds_to: Ticket | None = None

    @property
    def default_requester(self) -> str:
        """Return the requester if nobody names one."""
        return default_requester(self.trigger.message, self.trigger.submitter)

    @property
    def first_placement(self) -> Placement:
        """Return what the form says of its ticket when it opens.

        A form that is opened again was for a ticket of its own if the person said so, or named
        a requester, whom an addition cannot have.
        """
        if self.prefill.placement is Placement.SEPARATE:
            return Placement.SEPARATE
        if self.adds_to is None:
            return Placement.ANY
        is_default = self.prefill.requester == self.default_requester
        return Placement.ADD if is_default else Placement.SEPARATE


@dataclass(frozen=True, slots=True)
class Escalation:
    """An accepted request. `key` identifies it for ever (the message key, without a generation).

    `rules` are those that may apply, in order; more than one where the first ones name
    channels by name, which only the worker can look up. Empty for everything but reactions.
    `replaces` is the id of the request whose form the submitter reopened to submit it again.
    """

    key: str
    trigger: Trigger
    rules: tuple[Rule, ...] = ()
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """A Plain customer; `id` is `c_…`."""

    id: str
    name: str
    email: str | None = None


@dataclass(frozen=True, slots=True)
class LabelType:
    """A kind of label in Plain; `id` is `lt_…`."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Tenant:
    """A company among Plain's customers; `id` is `te_…`, `external_id` what others call it."""

    id: str
    name: str
    external_id: str


@dataclass(frozen=True, slots=True)
class ThreadDraft:
    """A thread to create. `external_id` is the row's key; `preview` at most a line of plain text.

    `assignee` is `u_…` or `mu_…`; `tenant` an external id; `label_types` are `lt_…`;
    `attachments` ids of files that were uploaded before.
    """

    customer: str
    external_id: str
    title: str
    parts: tuple[Part, ...]
    preview: str | None = None
    priority: Priority = Priority.NORMAL
    label_types: tuple[str, ...] = ()
    tenant: str | None = None
    assignee: str | None = None
    attachments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EventDraft:
    """An event to add to an existing thread."""

    thread: str
    external_id: str
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Continuation:
    """A further part of a quote that was too long for one entry, to be added to its thread."""

    external_id: str
    title: str
    parts: tuple[TextPart, ...]


@dataclass(frozen=True, slots=True)
class Ticket:
    """A Plain thread as people see it: `id` is `th_…`, `ref` "T-123"."""

    id: str
    ref: str
    url: str


@dataclass(frozen=True, slots=True)
class Created:
    """A thread was created. `missing`: how many further parts of the quote Plain rejected.

    `beside` is the ticket of the Slack thread if this is a ticket of its own: its words were for
    another requester, or the person asked for it.
    """

    ticket: Ticket
    missing: int = 0
    beside: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Added:
    """The message was added to the ticket that its Slack thread already has.

    `missing` as in `Created`; `unused` are the fields of a form that only a new thread takes.
    """

    ticket: Ticket
    missing: int = 0
    unused: tuple[FormField, ...] = ()


@dataclass(frozen=True, slots=True)
class Joined:
    """The message had its ticket already.

    `added_words`: what was typed into the form was added to it. `unused` as in `Added`.
    """

    ticket: Ticket
    added_words: bool = False
    unused: tuple[FormField, ...] = ()


@dataclass(frozen=True, slots=True)
class Ignored:
    """The request was found to be none, and is settled without an answer; `why` is a word."""

    why: str


Success = Created | Added | Joined
Outcome = Success | Rejection | Ignored
