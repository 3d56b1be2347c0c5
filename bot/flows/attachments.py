"""Copy the files of quoted messages from Slack to Plain, before the thread is created.

No file delays a thread for longer than its time; one that is not copied is named there, with the
reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Protocol

from bot.core import attachments
from bot.core.attachments import SkipReason, UploadedFiles, UploadResult
from bot.core.faults import Postponed, Rejected, TryLater
from bot.core.model import File, Message, ThreadDraft
from bot.core.text.excerpt import extended
from bot.store.claims import Claim
from bot.store.executor import Run
from bot.store.tickets import Ledger

FILES_SECONDS = 30.0
"""For all files of one attempt together."""

NOT_UPLOADED_SECONDS = 60.0
"""Seconds for retrying a create while Plain says that a file was not uploaded, though it was."""
NOT_UPLOADED_PAUSE = 2.0
NOT_UPLOADED = "plain_attachment_not_uploaded"
"""The cause of that fault."""

Chunks = AsyncIterator[bytes]


@dataclass(frozen=True, slots=True)
class UploadForm:
    """An upload form of Plain's for one file: the attachment's id, and where to send what.

    https://www.plain.com/docs/api-reference/graphql/attachments
    """

    attachment: str
    url: str = field(repr=False)
    fields: tuple[tuple[str, str], ...] = field(repr=False)


class Source(Protocol):
    """Slack's files."""

    async def file(self, file_id: str) -> File | SkipReason:
        """Return all that Slack says of the file. Raise TryLater."""

    def download(self, file: File) -> AbstractAsyncContextManager[Chunks | SkipReason]:
        """Yield the file's bytes as they come: exactly `file.size` of them, else raise TryLater."""


class Target(Protocol):
    """Plain's attachments."""

    async def upload_form(self, customer: str, file: File) -> UploadForm:
        """Ask for a place for the file. Raise TryLater and Rejected."""

    async def upload(self, form: UploadForm, file: File, chunks: Chunks) -> None:
        """Send the file there. Raise TryLater and Rejected."""


def _ignore(_outcome: str) -> None:
    """Count nothing."""


@dataclass(frozen=True, slots=True)
class FileCopier:
    """Copies files within `seconds` for each attempt; `observe` counts the outcomes."""

    source: Source
    target: Target
    observe: Callable[[str], None] = _ignore
    seconds: float = FILES_SECONDS


@dataclass
class FileCopies:
    """The files of one attempt. All waiting for files ends at one moment."""

    claim: Claim
    copier: FileCopier
    ledger: Ledger
    run: Run
    lost: dict[str, SkipReason] = field(default_factory=dict)
    """Files that could not be looked up."""
    _ends: float = field(init=False)

    def __post_init__(self) -> None:
        self._ends = asyncio.get_running_loop().time() + self.copier.seconds

    async def looked_up(self, of: Sequence[File]) -> Mapping[str, File]:
        """Return what Slack says of the files that came with no more than their id."""
        found: dict[str, File] = {}
        for file in of:
            if not attachments.needs_look_up(file) or file.id in found or file.id in self.lost:
                continue
            result = await self._look_up(file.id)
            if isinstance(result, SkipReason):
                self.lost[file.id] = result
            else:
                found[file.id] = result
        return found

    async def _look_up(self, file_id: str) -> File | SkipReason:
        try:
            async with asyncio.timeout_at(self._ends):
                return await self.copier.source.file(file_id)
        except TimeoutError:
            return SkipReason.SLOW
        except (TryLater, Rejected):
            return SkipReason.FAILED

    async def copy(self, of: Sequence[File], customer: str) -> Mapping[str, UploadResult]:
        """Copy the files and return the results by id. Raise Postponed if Plain is not to be asked
        yet."""
        known = [file for file in of if file.id not in self.lost]
        plan = attachments.plan(known, self.claim.kept, customer, self.claim.now)
        results = {**plan.results, **self.named()}
        closed: SkipReason | None = None
        for file in plan.todo:
            result = (
                UploadResult(why=closed, at=self.claim.now)
                if closed
                else await self._upload(file, customer)
            )
            results[file.id] = result
            if result.why is SkipReason.FORBIDDEN:
                closed = result.why  # a permission that is missing is missing for all of them
            if result.is_final:
                await self._keep(customer, results)
        before = self.claim.kept.fates if self.claim.kept else {}
        for id_, result in results.items():
            if id_ not in before:
                self.copier.observe(result.why.value if result.why else "attached")
        return results

    def named(self) -> Mapping[str, UploadResult]:
        """Return the results of the files that could not be looked up."""
        return {id_: UploadResult(why=why, at=self.claim.now) for id_, why in self.lost.items()}

    async def _upload(self, file: File, customer: str) -> UploadResult:
        now = self.claim.now
        if asyncio.get_running_loop().time() >= self._ends:
            return UploadResult(why=SkipReason.SLOW, at=now)
        try:
            async with asyncio.timeout_at(self._ends):
                return await self._copied(file, customer)
        except TimeoutError:
            return UploadResult(why=SkipReason.SLOW, at=now)
        except Postponed:
            raise  # the create would have to wait as well, and finds what was kept
        except TryLater:
            return UploadResult(why=SkipReason.FAILED, at=now)
        except Rejected as refusal:
            return UploadResult(why=attachments.skip_reason(refusal.rejection), at=now)

    async def _copied(self, file: File, customer: str) -> UploadResult:
        async with self.copier.source.download(file) as found:
            if isinstance(found, SkipReason):
                return UploadResult(why=found, at=self.claim.now)
            form = await self.copier.target.upload_form(customer, file)
            await self.copier.target.upload(form, file, found)
            return UploadResult(attachment=form.attachment, at=self.claim.now)

    async def blame(
        self, fault: TryLater | Rejected, draft: ThreadDraft, results: Mapping[str, UploadResult]
    ) -> None:
        """Raise Postponed if a create failed for its files: to wait for them, or to go without."""
        if not draft.attachments:
            return
        if isinstance(fault, TryLater) and fault.cause == NOT_UPLOADED:
            raise await self._not_uploaded(draft.customer, results) from fault
        if isinstance(fault, TryLater) or fault.outcome_unknown:
            return
        if attachments.files_are_to_blame(fault.rejection):
            raise await self._give_up(draft.customer, results) from fault

    async def _not_uploaded(self, customer: str, results: Mapping[str, UploadResult]) -> Postponed:
        """Wait for a while: Plain does not see yet what was uploaded."""
        uploaded = [result.at for result in results.values() if result.attachment]
        if self.claim.now - min(uploaded, default=0.0) < NOT_UPLOADED_SECONDS:
            return Postponed("files_not_uploaded", NOT_UPLOADED_PAUSE)
        return await self._give_up(customer, results)

    async def _give_up(self, customer: str, results: Mapping[str, UploadResult]) -> Postponed:
        """Let the next attempt go without these files, which Plain does not accept."""
        refused = UploadResult(why=SkipReason.REFUSED, at=self.claim.now)
        without = {id_: refused if result.attachment else result for id_, result in results.items()}
        await self._keep(customer, without)
        return Postponed("files_refused", 0.0)

    async def _keep(self, customer: str, results: Mapping[str, UploadResult]) -> None:
        """Keep the results in the row, so that another attempt does not repeat them."""
        final = {id_: result for id_, result in results.items() if result.is_final}
        await self.run(self.ledger.keep_files, self.claim, UploadedFiles(customer, final))


def named_only(of: Sequence[File], now: float) -> Mapping[str, UploadResult]:
    """Return the results where Plain takes no files at all: a file that could not be copied anyway
    has that reason."""
    return {
        file.id: UploadResult(why=attachments.why_not_copied(file) or SkipReason.ADDITION, at=now)
        for file in of
    }


def with_files(message: Message, found: Mapping[str, File]) -> Message:
    """Return the message with what was looked up of its files, and with the words in them (which
    may be a mail of any length) as far as there is room for them in one message.

    An earlier attempt may have added the words of a file that is looked up each time.
    """
    files = tuple(found.get(file.id, file) for file in message.files)
    there = frozenset(message.blocks)
    words = tuple(chain.from_iterable(f.words for f in files if not there.issuperset(f.words)))
    return replace(
        message,
        blocks=extended(message.blocks, words) if words else message.blocks,
        files=tuple(replace(file, words=()) for file in files),
    )
