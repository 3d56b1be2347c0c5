"""Build a Plain thread from a Slack message: its title, and the parts that quote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

from bot.core import conversation
from bot.core.attachments import UploadResult, attachment_ids, file_runs, file_title
from bot.core.conversation import LONGEST_TEXT
from bot.core.directory import Channel, Names, UserKind
from bot.core.faults import Reason
from bot.core.model import Continuation, EventDraft, File, Form, Message, Priority, ThreadDraft, Via
from bot.core.secrets import mask, mask_runs
from bot.core.text import links, markdown, richtext
from bot.core.text.excerpt import beginning
from bot.core.text.parts import DividerPart, LinkPart, Part, PlainTextPart, TextPart, Tone
from bot.core.text.plaintext import chunks, clean, one_line, shorten
from bot.core.text.richtext import Block

LONGEST_TITLE = 250
"""UTF-16 units; Plain states no limit, this one is on the safe side."""
LONGEST_DEFAULT_TITLE = 80
LONGEST_PREVIEW = 200
LONGEST_BEGINNING = 4_000
"""Characters that titles, previews and excerpts are taken from: several times what the longest
shows, because masking a secret shortens the text."""

UNTITLED = "Message from Slack"
OPEN_IN_SLACK = "Open in Slack"


@dataclass(frozen=True, slots=True)
class QuoteContext:
    """The circumstances of a message. `author` and `submitter` are names, not ids.

    `author` is None if nobody knows who wrote it, `channel` if there is none; `emoji` names the
    reaction, without colons. `whole` is the message's Slack thread if all of it is quoted,
    `unread` why it is not, though that was requested. `uploads` are the results of its files, by
    id. `on_behalf_of` is the requester's name if somebody else submits the request for them, and
    `submitter_kind` what that submitter is to the workspace.
    """

    author: str | None
    submitter: str
    via: Via
    channel: Channel | None = None
    permalink: str | None = None
    emoji: str | None = None
    names: Names = field(default_factory=Names)
    whole: conversation.SlackThread | None = None
    unread: Reason | None = None
    uploads: Mapping[str, UploadResult] = field(default_factory=dict)
    on_behalf_of: str | None = None
    submitter_kind: UserKind = UserKind.MEMBER


@dataclass(frozen=True, slots=True)
class RenderedQuote:
    """The result of rendering, which takes time: lines for title and preview, and the quote.

    `parts` quote the message or the beginning of its thread, `further` the rest of the thread;
    `secrets` are the kinds of secrets that were masked in them.
    """

    lines: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    secrets: tuple[str, ...] = ()
    further: tuple[tuple[TextPart, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class ThreadOptions:
    """A rule's options for the thread, resolved: ids of label types, `u_…`, an external id."""

    priority: Priority = Priority.NORMAL
    label_types: tuple[str, ...] = ()
    tenant: str | None = None
    assignee: str | None = None


def render(message: Message | None, context: QuoteContext) -> RenderedQuote:
    """Render the message or its whole thread, for `thread`, `event` and `continuations`."""
    if context.whole is not None:
        return of_transcript(
            message, context, conversation.transcribe(context.whole, context.names, context.uploads)
        )
    if message is None:
        return RenderedQuote()
    text, found = mask_runs(richtext.runs(message.blocks, context.names))
    written = markdown.split(text, LONGEST_TEXT)
    named = file_runs(message.files, alone=not written, uploads=context.uploads)
    listed, more = mask_runs(list(named))
    pieces = [*written, *markdown.split(listed, LONGEST_TEXT)]
    pieces = pieces or [markdown.render([conversation.WITHOUT_TEXT])]
    return RenderedQuote(
        lines=_headlines(message, context.names),
        parts=tuple(TextPart(piece) for piece in pieces),
        secrets=(*found, *more),
    )


def of_transcript(
    message: Message | None, context: QuoteContext, transcript: conversation.Transcript
) -> RenderedQuote:
    """Return the same for a whole thread whose transcript is there already."""
    lines = _headlines(message, context.names) if message else ()
    return RenderedQuote(lines, transcript.opening, transcript.secrets, transcript.further)


def default_title(message: Message | None, names: Names, limit: int = LONGEST_DEFAULT_TITLE) -> str:
    """Return a title of 1 to `limit` (20 or more) UTF-16 units: the first line with a text."""
    if message is None:
        return UNTITLED
    return _first(_headlines(message, names), limit)


def excerpt(message: Message, names: Names) -> str:
    """Return the beginning of the quote in plain text, secrets masked; empty without a text."""
    lines = _lines(message.blocks, names)
    listed = markdown.text_of(list(file_runs(message.files, alone=not lines, uploads={})))
    return "\n".join((*lines, listed)).strip()


def thread(
    *,
    external_id: str,
    customer: str,
    message: Message | None,
    form: Form | None,
    context: QuoteContext,
    options: ThreadOptions,
    rendered: RenderedQuote,
) -> ThreadDraft:
    """Return the thread to create for `message` as `form` describes it; either may be missing.

    `rendered` is what `render` returns for them.
    """
    return ThreadDraft(
        customer=customer,
        external_id=external_id,
        title=_title(form, rendered.lines),
        parts=(*_behalf(context), *_parts(message, form, context, rendered)),
        preview=_preview(message, form, rendered.lines),
        priority=form.priority if form else options.priority,
        label_types=tuple(dict.fromkeys((*options.label_types, *(form.labels if form else ())))),
        tenant=(form.tenant if form else None) or options.tenant,
        assignee=options.assignee,
        attachments=attachment_ids(quoted_files(message, context.whole), context.uploads),
    )


def event(
    *,
    external_id: str,
    thread: str,
    message: Message | None,
    form: Form | None,
    context: QuoteContext,
    rendered: RenderedQuote,
) -> EventDraft:
    """Return what to add to the thread that the message's Slack thread already has."""
    return EventDraft(
        thread=thread,
        external_id=external_id,
        title=_title(form, rendered.lines),
        parts=_parts(message, form, context, rendered),
    )


def continuations(external_id: str, rendered: RenderedQuote) -> tuple[Continuation, ...]:
    """Return the rest of a whole Slack thread, beyond what `thread` or `event` holds."""
    further = rendered.further
    return tuple(
        Continuation(
            external_id=f"{external_id}#{number}",
            title=conversation.heading(number, len(further) + 1),
            parts=parts,
        )
        for number, parts in enumerate(further, start=2)
    )


def quoted_files(
    message: Message | None, whole: conversation.SlackThread | None
) -> tuple[File, ...]:
    """Return the files of what is quoted, those of the escalated message first."""
    own = message.files if message else ()
    others = [one.files for one in whole.messages if one.ref != whole.chosen] if whole else []
    return (*own, *chain.from_iterable(others))


def _title(form: Form | None, lines: Sequence[str]) -> str:
    own = one_line(mask(clean(form.title))[0]) if form else ""
    return shorten(own, LONGEST_TITLE) if own else _first(lines, LONGEST_DEFAULT_TITLE)


def _first(lines: Sequence[str], limit: int) -> str:
    return shorten(next(iter(lines), UNTITLED), limit)


def _preview(message: Message | None, form: Form | None, lines: Sequence[str]) -> str | None:
    """Return the words of the message, else the form's, else what the message has instead."""
    if not (message and _says_something(message)) and form and form.description:
        lines = (one_line(mask(clean(form.description))[0]),)
    return shorten(" ".join(lines), LONGEST_PREVIEW) or None


def _says_something(message: Message) -> bool:
    return richtext.says_something(richtext.own(message.blocks))


def _headlines(message: Message, names: Names) -> tuple[str, ...]:
    """Return the lines of the author's words, else the names of the files, else the asides."""
    if own := _lines(richtext.own(message.blocks), names):
        return own
    return (file_title(message.files),) if message.files else _lines(message.blocks, names)


def _lines(blocks: Sequence[Block], names: Names) -> tuple[str, ...]:
    """Return the first lines with a text, without marks, secrets masked."""
    first = beginning(blocks, LONGEST_BEGINNING)
    masked, _ = mask_runs(richtext.runs(first, names, bare=True))
    lines = (one_line(line) for line in markdown.text_of(masked).split("\n"))
    return tuple(line for line in lines if line)


def _parts(
    message: Message | None, form: Form | None, context: QuoteContext, rendered: RenderedQuote
) -> tuple[Part, ...]:
    description, more = mask(clean(form.description or "")) if form else ("", ())
    titled = mask(clean(form.title))[1] if form else ()
    parts: list[Part] = []
    named: tuple[str, ...] = ()
    if message:  # a webhook calls itself whatever it likes
        circumstances, named = mask(_circumstances(message, context))
        parts.append(_aside(circumstances))
    parts += rendered.parts
    if context.unread is not None:
        parts.append(conversation.unread(context.unread))
    if rendered.parts and description.strip():
        parts.append(DividerPart())
    parts += map(PlainTextPart, chunks(description.strip("\n"), LONGEST_TEXT))
    if kinds := tuple(dict.fromkeys((*named, *rendered.secrets, *more, *titled))):
        parts.append(_warning(kinds))
    if context.permalink and links.safe(context.permalink):
        parts.append(LinkPart(OPEN_IN_SLACK, context.permalink))
    parts.append(_aside(_escalation(context)))
    return tuple(parts)


def _behalf(context: QuoteContext) -> tuple[Part, ...]:
    """Return who submitted the request, first and in full size: an agent's answer goes to the
    requester, who may know nothing of what is requested in their name."""
    if context.on_behalf_of is None:
        return ()
    submitter, requester = one_line(context.submitter) or "Someone", one_line(context.on_behalf_of)
    is_what = _NO_MEMBER.get(context.submitter_kind, "")
    text = f"Submitted by {submitter}{is_what} on behalf of {requester or 'someone else'}"
    return (PlainTextPart(shorten(text, LONGEST_TEXT)),)


_NO_MEMBER = {
    UserKind.GUEST: " (a guest in Slack)",
    UserKind.EXTERNAL: " (from another company)",
}


def _circumstances(message: Message, context: QuoteContext) -> str:
    """Return who wrote it, where and when; for a whole thread, how long it is."""
    where = f" in {_place(context.channel)}" if context.channel else ""
    if context.whole is not None:
        return f"Slack thread{where} · {conversation.extent(context.whole.messages)}"
    who = conversation.app_of(message) or one_line(context.author or "") or "Someone"
    when = conversation.moment(message.ref)
    return f"{who}{where}" + (f" · {when}" if when else "")


def _place(channel: Channel) -> str:
    if channel.direct:
        return "a direct message"
    name = one_line(channel.name or "").lstrip("#")
    return f"#{name}" if name else "a Slack channel"


def _escalation(context: QuoteContext) -> str:
    """Return who escalated the message, and how."""
    emoji = f"the :{one_line(context.emoji)}: reaction" if context.emoji else "a reaction"
    how = {
        Via.SHORTCUT: "the message shortcut",
        Via.REACTION: emoji,
        Via.COMMAND: "/plain-ticket",
        Via.FORM: "the form",
    }[context.via]
    return f"Escalated by {one_line(context.submitter) or 'someone'} with {how}"


def _aside(text: str) -> Part:
    return PlainTextPart(shorten(text, LONGEST_TEXT), Tone.MUTED, small=True)


def _warning(kinds: Iterable[str]) -> Part:
    return PlainTextPart(
        f"Secrets were masked before this left Slack ({', '.join(kinds)}). "
        "Whoever posted them should rotate them.",
        Tone.WARNING,
    )
