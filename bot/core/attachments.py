"""Decide which files of a message are copied to Plain, and say what happened to each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bot.core.faults import Reason, Rejection
from bot.core.model import File
from bot.core.secrets import mask
from bot.core.text import links
from bot.core.text.markdown import StyledRun
from bot.core.text.plaintext import one_line

MOST_FILES = 25
MOST_BYTES = 6_000_000
"""Of all files of one escalation. What Plain takes with a thread today is not stated: its older
guides say 25 files and 6 MB, and a megabyte is taken as the smaller of its two meanings."""

KEPT_SECONDS = 20 * 3600.0
"""Plain deletes an attachment that nothing names within 24 hours; what is older than this is
uploaded anew, so that the create does not race the deletion."""

_BANNED = frozenset(
    {"bat", "bin", "chm", "com", "cpl", "crt", "exe", "hlp", "hta", "inf", "ins", "isp"}
    | {"jse", "lnk", "mdb", "msc", "msi", "msp", "mst", "pcd", "pif", "reg", "scr", "sct"}
    | {"shs", "vba", "vbe", "vbs", "wsf", "wsh", "wsl"}
)
"""https://www.plain.com/docs/api-reference/graphql/attachments"""

_ONLY_IN_SLACK = frozenset({"canvas", "list", "post", "quip", "space"})


class SkipReason(StrEnum):
    """A reason for not copying a file; `WORDS` has the sentence for readers of the thread."""

    EXTERNAL = "external"
    DELETED = "deleted"
    HIDDEN = "hidden"
    ONLY_IN_SLACK = "only_in_slack"
    UNREADABLE = "unreadable"
    SCOPE = "scope"
    EMPTY = "empty"
    KIND = "kind"
    TOO_LARGE = "too_large"
    TOGETHER = "together"
    COUNT = "count"
    SLOW = "slow"
    FAILED = "failed"
    FORBIDDEN = "forbidden"
    REFUSED = "refused"
    ADDITION = "addition"


WORDS: Mapping[SkipReason, str] = {
    SkipReason.EXTERNAL: "it is stored outside Slack",
    SkipReason.DELETED: "it was deleted",
    SkipReason.HIDDEN: "Slack hides it because it is older than the workspace's plan keeps",
    SkipReason.ONLY_IN_SLACK: "it is a Slack document, which only opens in Slack",
    SkipReason.UNREADABLE: "the bridge cannot read it here",
    SkipReason.SCOPE: "the Slack app lacks the files:read permission",
    SkipReason.EMPTY: "it is empty",
    SkipReason.KIND: "Plain does not accept files of this type",
    SkipReason.TOO_LARGE: "it is larger than 6 MB",
    SkipReason.TOGETHER: "the files exceed 6 MB together",
    SkipReason.COUNT: f"there are more than {MOST_FILES} files",
    SkipReason.SLOW: "it took too long",
    SkipReason.FAILED: "it could not be copied",
    SkipReason.FORBIDDEN: "the Plain key lacks the attachment:create permission",
    SkipReason.REFUSED: "Plain rejected it",
    SkipReason.ADDITION: "Plain accepts no files with a message that is added to a ticket",
}

_FOR_GOOD = frozenset(
    {
        SkipReason.UNREADABLE,
        SkipReason.DELETED,
        SkipReason.KIND,
        SkipReason.TOO_LARGE,
        SkipReason.REFUSED,
        SkipReason.ONLY_IN_SLACK,
    }
)


@dataclass(frozen=True, slots=True)
class UploadResult:
    """The result of copying a file: the id of Plain's attachment, or the reason for none.

    `at` is when that was (Unix seconds, the database's clock).
    """

    attachment: str | None = None
    why: SkipReason | None = None
    at: float = 0.0

    @property
    def is_final(self) -> bool:
        """Return True if another attempt need not try again."""
        return self.attachment is not None or self.why in _FOR_GOOD


@dataclass(frozen=True, slots=True)
class UploadedFiles:
    """The results by file id that a row keeps; attachments in Plain belong to one `customer`."""

    customer: str
    fates: Mapping[str, UploadResult] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class UploadPlan:
    """The results that are known, and the files that are to be copied, in this order."""

    results: Mapping[str, UploadResult]
    todo: tuple[File, ...]


def plan(
    files: Iterable[File], kept: UploadedFiles | None, customer: str, now: float
) -> UploadPlan:
    """Plan the upload of `files`, the most important first; `now` as in `UploadResult.at`."""
    before = kept.fates if kept is not None and kept.customer == customer else {}
    fresh = {id_: result for id_, result in before.items() if not _is_stale(result, now)}
    unique: dict[str, File] = {}
    for file in files:
        unique.setdefault(file.id, file)
    results: dict[str, UploadResult] = {}
    todo: list[File] = []
    count, total = 0, 0
    for file in unique.values():
        known, size = fresh.get(file.id), file.size or 0
        why = known.why if known else why_not_copied(file)
        if why is None and count >= MOST_FILES:
            why = SkipReason.COUNT
        if why is None and total + size > MOST_BYTES:
            why = SkipReason.TOGETHER
        if why is not None:
            results[file.id] = UploadResult(why=why, at=now)
            continue
        count, total = count + 1, total + size
        if known is None:
            todo.append(file)
        else:
            results[file.id] = known
    return UploadPlan(results, tuple(todo))


def _is_stale(result: UploadResult, now: float) -> bool:
    return result.attachment is not None and now - result.at > KEPT_SECONDS


def why_not_copied(file: File) -> SkipReason | None:
    """Return why the file cannot be copied, as far as that is known without reading it."""
    if file.external or file.mode == "external":
        return SkipReason.EXTERNAL
    if file.mode == "tombstone":
        return SkipReason.DELETED
    if file.mode == "hidden_by_limit":
        return SkipReason.HIDDEN
    if file.mode in _ONLY_IN_SLACK:
        return SkipReason.ONLY_IN_SLACK
    if file.download is None or file.size is None:
        return SkipReason.UNREADABLE
    if file.size == 0:
        return SkipReason.EMPTY
    if _is_banned(file.name):
        return SkipReason.KIND
    return SkipReason.TOO_LARGE if file.size > MOST_BYTES else None


def needs_look_up(file: File) -> bool:
    """Return True if Slack has more to say of the file than came with its message."""
    unknown = file.mode is None and file.download is None
    return not file.external and (file.withheld or unknown)


def attachment_ids(files: Sequence[File], results: Mapping[str, UploadResult]) -> tuple[str, ...]:
    """Return the ids of the attachments of these files, each once, in order."""
    found = (results[file.id].attachment for file in files if file.id in results)
    return tuple(dict.fromkeys(id_ for id_ in found if id_ is not None))


def skip_reason(rejection: Rejection) -> SkipReason:
    """Return why Plain, which rejected the upload of one file, did not take it."""
    if rejection.reason is Reason.PLAIN_FORBIDDEN:
        return SkipReason.FORBIDDEN
    return {
        "attachment_file_size_too_large": SkipReason.TOO_LARGE,
        "attachment_file_type_not_allowed": SkipReason.KIND,
    }.get(rejection.code or "", SkipReason.REFUSED)


def files_are_to_blame(rejection: Rejection) -> bool:
    """Return True if Plain rejected a thread for the attachments that it names."""
    error = rejection.plain_error
    if error is None:
        return False
    said = " ".join(f"{one.field} {one.message}" for one in error.fields)
    return (error.code or "").startswith("attachment") or "attachment" in said.casefold()


def _is_banned(name: str | None) -> bool:
    # Windows, which these kinds are banned for, ignores blanks and dots at the end.
    return (name or "").rstrip(" .").rpartition(".")[2].casefold() in _BANNED


# The files in words

NAMELESS = "a file without a name"


def file_title(files: Sequence[File]) -> str:
    """Return the title of a message that has nothing but these files."""
    return f"{_count(files)}: {', '.join(map(_name, files))}"


def file_runs(
    files: Sequence[File], *, alone: bool, uploads: Mapping[str, UploadResult]
) -> Iterator[StyledRun]:
    """Yield a sentence that names the files, each linked where Slack gave a link, and with the
    reason where one is not attached."""
    if not files:
        return
    yield StyledRun("The message has no text, only " if alone else "With ")
    yield StyledRun(f"{_count(files)}: ")
    for index, file in enumerate(files):
        url = file.link if file.link and links.safe(file.link) else None
        yield StyledRun(", " * (index > 0))
        yield StyledRun(_name(file), url=url)
        why = uploads[file.id].why if file.id in uploads else None
        if why is not None:
            yield StyledRun(f" (not attached: {WORDS[why]})")


def _name(file: File) -> str:
    """Return the name that people see in Slack, with the file's own name where they differ."""
    name = one_line(mask(file.name or "")[0])
    title = one_line(mask(file.title or "")[0])
    return f"{title} ({name})" if title and name else title or name or NAMELESS


def _count(files: Sequence[File]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"
