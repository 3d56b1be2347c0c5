"""The files of a message by their names: in words, each linked, and with why it did not go."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot.core.attachments import WORDS, UploadResult
from bot.core.model import File
from bot.core.secrets import mask
from bot.core.text import links
from bot.core.text.markdown import StyledRun
from bot.core.text.plaintext import one_line

NAMELESS = "a file without a name"


def title(files: Sequence[File]) -> str:
    """What a message is called that has nothing but these files."""
    return f"{_count(files)}: {', '.join(map(_name, files))}"


def runs(
    files: Sequence[File], *, alone: bool, fates: Mapping[str, UploadResult]
) -> Iterator[StyledRun]:
    """A sentence that names the files, each linked where Slack gave a link."""
    if not files:
        return
    yield StyledRun("The message has no text, only " if alone else "With ")
    yield StyledRun(f"{_count(files)}: ")
    for index, file in enumerate(files):
        url = file.link if file.link and links.safe(file.link) else None
        yield StyledRun(", " * (index > 0))
        yield StyledRun(_name(file), url=url)
        why = fates[file.id].why if file.id in fates else None
        if why is not None:
            yield StyledRun(f" (not attached: {WORDS[why]})")


def _name(file: File) -> str:
    """Return the name that people see in Slack, with the file's own name where they differ."""
    name = one_line(mask(file.name or "")[0])
    title = one_line(mask(file.title or "")[0])
    return f"{title} ({name})" if title and name else title or name or NAMELESS


def _count(files: Sequence[File]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"
