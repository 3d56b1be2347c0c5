"""What a Plain thread says of a Slack message: its title, and the parts that quote it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.core import links, markdown, richtext
from bot.core.markdown import Run
from bot.core.model import (
    Channel,
    DividerPart,
    EventDraft,
    File,
    Form,
    LinkPart,
    Message,
    Names,
    Part,
    PlainTextPart,
    Priority,
    TextPart,
    ThreadDraft,
    Tone,
    Via,
)
from bot.core.plaintext import chunks, clean, one_line, shorten
from bot.core.refs import MessageRef, time_of
from bot.core.secrets import mask, mask_runs

LONGEST_TEXT = 10_000
"""UTF-16 units of one text component."""
LONGEST_TITLE = 250
"""UTF-16 units; Plain states no limit, this one is on the safe side."""
LONGEST_DEFAULT_TITLE = 80
LONGEST_PREVIEW = 200

UNTITLED = "Message from Slack"
OPEN_IN_SLACK = "Open in Slack"
NAMELESS_FILE = "a file without a name"


@dataclass(frozen=True, slots=True)
class Scene:
    """The circumstances of a message. `author` and `asker` are names, not ids.

    `author` is None where nobody knows who wrote it; `channel` where there is none;
    `emoji` names the reaction, without colons.
    """

    author: str | None
    asker: str
    via: Via
    channel: Channel | None = None
    permalink: str | None = None
    emoji: str | None = None
    names: Names = field(default_factory=Names)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a rule wants of the thread, resolved: ids of label types, `u_…`, an external id."""

    priority: Priority = Priority.NORMAL
    label_types: tuple[str, ...] = ()
    tenant: str | None = None
    assignee: str | None = None


def default_title(message: Message | None, names: Names, limit: int = LONGEST_DEFAULT_TITLE) -> str:
    """A title of 1 to `limit` (20 or more) UTF-16 units: the first line that says something."""
    if message is None:
        return UNTITLED
    return _first(message, _lines(message, names), limit)


def thread(
    *,
    external_id: str,
    customer: str,
    message: Message | None,
    form: Form | None,
    scene: Scene,
    wishes: Wishes,
) -> ThreadDraft:
    """The thread to create for `message` as `form` describes it; either may be missing."""
    lines = _lines(message, scene.names) if message else ()
    return ThreadDraft(
        customer=customer,
        external_id=external_id,
        title=_title(message, form, lines),
        parts=_parts(message, form, scene),
        preview=_preview(message, form, lines),
        priority=form.priority if form else wishes.priority,
        label_types=wishes.label_types,
        tenant=wishes.tenant,
        assignee=wishes.assignee,
    )


def event(
    *, external_id: str, thread: str, message: Message | None, form: Form | None, scene: Scene
) -> EventDraft:
    """What to add to the thread that the message's Slack thread already has."""
    return EventDraft(
        thread=thread,
        external_id=external_id,
        title=_title(message, form, _lines(message, scene.names) if message else ()),
        parts=_parts(message, form, scene),
    )


def _title(message: Message | None, form: Form | None, lines: Sequence[str]) -> str:
    own = one_line(mask(clean(form.title))[0]) if form else ""
    if own:
        return shorten(own, LONGEST_TITLE)
    return _first(message, lines, LONGEST_DEFAULT_TITLE) if message else UNTITLED


def _first(message: Message, lines: Sequence[str], limit: int) -> str:
    return shorten(next(iter(lines), None) or _files_title(message.files), limit)


def _preview(message: Message | None, form: Form | None, lines: Sequence[str]) -> str | None:
    if not lines and form and form.description:
        lines = (one_line(mask(clean(form.description))[0]),)
    if not lines and message and message.files:
        lines = (_files_title(message.files),)
    return shorten(" ".join(lines), LONGEST_PREVIEW) or None


def _lines(message: Message, names: Names) -> tuple[str, ...]:
    """The lines of the message that say something, without marks, secrets masked."""
    masked, _ = mask_runs(richtext.runs(message.blocks, names, bare=True))
    lines = (one_line(line) for line in markdown.text_of(masked).split("\n"))
    return tuple(line for line in lines if line)


def _files_title(files: Sequence[File]) -> str:
    return f"{_count(files)}: {', '.join(map(_file_name, files))}" if files else UNTITLED


def _parts(message: Message | None, form: Form | None, scene: Scene) -> tuple[Part, ...]:
    quote, found = _quote(message, scene.names) if message else ((), ())
    description, more = mask(clean(form.description or "")) if form else ("", ())
    titled = mask(clean(form.title))[1] if form else ()
    parts: list[Part] = []
    if message:
        parts.append(_aside(_circumstances(message, scene)))
    parts += quote
    if quote and description.strip():
        parts.append(DividerPart())
    parts += map(PlainTextPart, chunks(description.strip("\n"), LONGEST_TEXT))
    if kinds := tuple(dict.fromkeys((*found, *more, *titled))):
        parts.append(_warning(kinds))
    if scene.permalink and links.safe(scene.permalink):
        parts.append(LinkPart(OPEN_IN_SLACK, scene.permalink))
    parts.append(_aside(_escalation(scene)))
    return tuple(parts)


def _quote(message: Message, names: Names) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The message's text and files, secrets masked, and the kinds of these."""
    text, found = mask_runs(richtext.runs(message.blocks, names))
    quoted = markdown.split(text, LONGEST_TEXT)
    files, more = mask_runs(list(_file_runs(message.files, alone=not quoted)))
    pieces = [*quoted, *markdown.split(files, LONGEST_TEXT)]
    return tuple(TextPart(piece) for piece in pieces), (*found, *more)


def _file_runs(files: Sequence[File], *, alone: bool) -> Iterator[Run]:
    """A sentence that names the files, each linked where Slack gave a link."""
    if not files:
        return
    yield Run("The message has no text, only " if alone else "With ")
    yield Run(f"{_count(files)}: ")
    for index, file in enumerate(files):
        url = file.link if file.link and links.safe(file.link) else None
        yield Run(", " * (index > 0))
        yield Run(_file_name(file), url=url)


def _file_name(file: File) -> str:
    return one_line(mask(file.name or "")[0]) or NAMELESS_FILE


def _count(files: Sequence[File]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"


def _circumstances(message: Message, scene: Scene) -> str:
    """Who, where and when."""
    who = one_line(scene.author or message.bot or "") or "Someone"
    where = f" in {_place(scene.channel)}" if scene.channel else ""
    when = _moment(message.ref)
    return f"{who}{where}" + (f" · {when}" if when else "")


def _place(channel: Channel) -> str:
    if channel.direct:
        return "a direct message"
    name = one_line(channel.name or "").lstrip("#")
    return f"#{name}" if name else "a Slack channel"


def _moment(ref: MessageRef | None) -> str | None:
    if ref is None:
        return None
    try:
        return f"{time_of(ref.ts):%Y-%m-%d %H:%M} UTC"
    except (ValueError, OverflowError, OSError):
        return None


def _escalation(scene: Scene) -> str:
    """Who escalated the message, and how."""
    emoji = f"the :{one_line(scene.emoji)}: reaction" if scene.emoji else "a reaction"
    how = {
        Via.SHORTCUT: "the message shortcut",
        Via.REACTION: emoji,
        Via.COMMAND: "/plain-ticket",
        Via.FORM: "the form",
    }[scene.via]
    return f"Escalated by {one_line(scene.asker) or 'someone'} with {how}"


def _aside(text: str) -> Part:
    return PlainTextPart(shorten(text, LONGEST_TEXT), Tone.MUTED, small=True)


def _warning(kinds: Iterable[str]) -> Part:
    return PlainTextPart(
        f"Secrets were masked before this left Slack ({', '.join(kinds)}). "
        "Whoever posted them should have them replaced.",
        Tone.WARNING,
    )
