"""Render a Slack thread for quoting: every message with author and time, in pieces that fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bot.core.attachments import UploadResult, file_runs
from bot.core.directory import Names
from bot.core.faults import Reason
from bot.core.model import UNNAMED_APP, Message
from bot.core.refs import MessageRef, time_of
from bot.core.secrets import mask_runs
from bot.core.text import markdown, richtext
from bot.core.text.markdown import StyledRun
from bot.core.text.parts import Part, PlainTextPart, TextPart, Tone
from bot.core.text.plaintext import one_line, units

LONGEST_TEXT = 10_000
"""UTF-16 units of one text component."""

WITHOUT_TEXT = StyledRun("(no text)", italic=True)
"""The text of a message that shows nothing."""

_UNREAD = {
    Reason.NOT_IN_CHANNEL: "the bot is not in that channel",
    Reason.CHANNEL_NOT_FOUND: "the bot is not in that conversation",
    Reason.MISSING_SCOPE: "the Slack app lacks a permission to read it",
    Reason.MESSAGE_NOT_FOUND: "the Slack thread is gone",
}


@dataclass(frozen=True, slots=True)
class ThreadLimits:
    """The most text components and UTF-16 units in one entry of Plain's timeline.

    Plain states neither; these are far below what its gateway accepts, and about what can be read
    in one go. Anything beyond goes into further entries. The first one has less room: it also
    holds the circumstances, a description (3,000 at most), a link and warnings.
    """

    components: int = 25
    units: int = 60_000
    first_components: int = 17
    first_units: int = 50_000
    most_further: int = 40
    """Entries beyond the first one: about a thousand messages. Each is recorded before it is sent,
    with all that are left."""


@dataclass(frozen=True, slots=True)
class SlackThread:
    """All messages of a Slack thread, oldest first; `authors` are names by user id.

    `chosen` is the one that was escalated.
    """

    messages: tuple[Message, ...]
    authors: Mapping[str, str]
    chosen: MessageRef | None
    bounds: ThreadLimits = field(default_factory=ThreadLimits)


@dataclass(frozen=True, slots=True)
class Transcript:
    """The pieces for the thread itself and for each continuation, and the kinds of secrets that
    were masked."""

    opening: tuple[Part, ...]
    further: tuple[tuple[TextPart, ...], ...]
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RenderedMessage:
    """One message as it is quoted: its pieces of Markdown, and the kinds of its secrets."""

    pieces: tuple[str, ...]
    secrets: tuple[str, ...]


def transcribe(
    thread: SlackThread, names: Names, uploads: Mapping[str, UploadResult]
) -> Transcript:
    """Return every message of the thread, in order, as far as the bounds let it."""
    builder = TranscriptBuilder(thread.bounds)
    for message in thread.messages:
        if builder.is_full:
            break
        builder.add(render_message(thread, message, names, uploads))
    return builder.transcript(len(thread.messages))


def render_message(
    thread: SlackThread, message: Message, names: Names, uploads: Mapping[str, UploadResult]
) -> RenderedMessage:
    """Return one message of the thread as it is quoted; this is what takes time."""
    runs, found = mask_runs(list(_message(thread, message, names, uploads)))
    return RenderedMessage(markdown.split(runs, LONGEST_TEXT), found)


class TranscriptBuilder:
    """Builds a transcript message by message, until the entries are full."""

    def __init__(self, bounds: ThreadLimits) -> None:
        self._bounds = bounds
        self._groups: list[list[str]] = [[]]
        self._used = 0
        self._whole = 0
        self._secrets: dict[str, None] = {}
        self.is_full = False

    def add(self, message: RenderedMessage) -> None:
        """Add the next message, as far as there is room for it."""
        self._secrets |= dict.fromkeys(message.secrets)
        for piece in message.pieces:
            self._put(piece)
        self._whole += not self.is_full

    def _put(self, piece: str) -> None:
        """Add a piece to the last group, or to a new one; a piece is never cut for the bounds."""
        bounds, first = self._bounds, len(self._groups) == 1
        components = bounds.first_components if first else bounds.components
        room = bounds.first_units if first else bounds.units
        size, group = units(piece), self._groups[-1]
        if group and (len(group) >= components or self._used + size > room):
            self.is_full = self.is_full or len(self._groups) > bounds.most_further
            if self.is_full:
                return
            group, self._used = [], 0
            self._groups.append(group)
        if not self.is_full:
            group.append(piece)
            self._used += size

    def transcript(self, messages: int) -> Transcript:
        """Return the transcript of a thread of so many messages."""
        opening, *further = self._groups
        of = len(self._groups)
        parts: tuple[Part, ...] = tuple(map(TextPart, opening))
        if further:
            entries = "1 further entry" if of == 2 else f"{of - 1} further entries"
            parts += (_aside(f"The Slack thread continues in {entries}."),)
        if cut := messages - self._whole:
            parts += (_beyond(cut),)
        return Transcript(
            opening=parts,
            further=tuple(tuple(map(TextPart, group)) for group in further),
            secrets=tuple(self._secrets),
        )


def _beyond(messages: int) -> PlainTextPart:
    last = "last message is" if messages == 1 else f"last {messages:,} messages are"
    return PlainTextPart(
        f"The Slack thread is too long for a ticket: its {last} not quoted in full. "
        "Open it in Slack to read the rest.",
        Tone.WARNING,
    )


def heading(number: int, of: int) -> str:
    """Return the title of the `number`th part."""
    return f"Slack thread, part {number} of {of}"


def extent(messages: Sequence[Message]) -> str:
    """Return how much is quoted."""
    return "1 message" if len(messages) == 1 else f"{len(messages)} messages"


def unread(why: Reason) -> PlainTextPart:
    """Return the warning that the thread was requested and could not be read."""
    because = _UNREAD.get(why, "Slack refused it")
    return PlainTextPart(
        f"The whole Slack thread was requested, but only this message is quoted: {because}.",
        Tone.WARNING,
    )


def app_of(message: Message) -> str | None:
    """Return who posted the message where that was an app, in words that no person's name reads
    like; None for a person's message. A single line."""
    if message.bot is None:
        return None
    app = one_line(message.bot) or UNNAMED_APP
    named = "" if app == UNNAMED_APP else app
    if shown := one_line(message.made_up or ""):
        return f"Posted as “{shown}” by {f'the app {named}' if named else UNNAMED_APP}"
    return f"{named} (app)" if named else "An app"


def moment(ref: MessageRef | None) -> str | None:
    """Return when the message was posted, in words; None if that is unknown."""
    if ref is None:
        return None
    try:
        return f"{time_of(ref.ts):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return None


def _message(
    thread: SlackThread, message: Message, names: Names, uploads: Mapping[str, UploadResult]
) -> Iterator[StyledRun]:
    """Yield a line that says who and when, then the text and the files."""
    yield StyledRun(_author(thread, message), bold=True)
    if when := moment(message.ref):
        yield StyledRun(f" · {when}")
    if message.ref is not None and message.ref == thread.chosen:
        yield StyledRun(" · the escalated message")
    text = richtext.runs(message.blocks, names)
    is_visible = bool(markdown.text_of(text).strip())
    if is_visible:
        yield StyledRun("\n", mark=True)
        yield from text
    if message.files:
        yield StyledRun("\n", mark=True)
        yield from file_runs(message.files, alone=not is_visible, uploads=uploads)
    elif not is_visible:
        yield StyledRun("\n", mark=True)
        yield WITHOUT_TEXT


def _author(thread: SlackThread, message: Message) -> str:
    name = app_of(message)
    if name is None and message.author is not None:
        name = thread.authors.get(message.author, message.author)
    return one_line(name or "") or "Someone"


def _aside(text: str) -> Part:
    return PlainTextPart(text, Tone.MUTED, small=True)
