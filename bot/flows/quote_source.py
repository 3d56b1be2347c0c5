"""Read from Slack what is to be quoted, and its context, for a thread or an addition."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bot.core import quote
from bot.core.attachments import UploadResult
from bot.core.conversation import SlackThread, TranscriptBuilder, render_message
from bot.core.directory import Names, kind_of, name_of
from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import File, Message, ThreadDraft, Trigger
from bot.core.refs import MessageRef
from bot.core.text.richtext import mentions
from bot.flows import attachments, authorship
from bot.flows.admission import Admitted
from bot.flows.attachments import FileCopies
from bot.flows.workspace import Runtime, Workspace
from bot.store.claims import Claim, RemainingParts
from bot.store.executor import Run

MOST_MENTIONED = 1000
"""Mentions of one text that are shown by name."""


@dataclass(frozen=True, slots=True)
class AdmittedRequest:
    """The trigger, with all that was read for it. `requester` is the Slack user whom it is for."""

    trigger: Trigger
    message: Message | None
    admitted: Admitted
    requester: str


@dataclass(frozen=True, slots=True)
class QuoteSource:
    """The source of a quote. `copies` is None if it has no files, or none can be copied."""

    trigger: Trigger
    message: Message | None
    context: quote.QuoteContext
    copies: FileCopies | None = None

    @property
    def files(self) -> tuple[File, ...]:
        return quote.quoted_files(self.message, self.context.whole)

    def with_uploads(self, uploads: Mapping[str, UploadResult]) -> QuoteSource:
        """Return the source with the results of its files."""
        return replace(self, context=replace(self.context, uploads=uploads))

    async def blame_files(self, fault: TryLater | Rejected, draft: ThreadDraft) -> None:
        """Raise Postponed if the create of `draft` failed for its files, else return."""
        if self.copies is not None:
            await self.copies.blame(fault, draft, self.context.uploads)

    async def rendered(self, render: Run) -> quote.RenderedQuote:
        """Render it once, off the event loop; a whole thread message by message, so that the
        texts of other deliveries have their turn in between."""
        context, whole = self.context, self.context.whole
        if whole is None:
            return await render(quote.render, self.message, context)
        builder = TranscriptBuilder(whole.bounds)
        for message in whole.messages:
            if builder.is_full:
                break
            builder.add(
                await render(render_message, whole, message, context.names, context.uploads)
            )
        transcript = builder.transcript(len(whole.messages))
        return await render(quote.of_transcript, self.message, context, transcript)

    def rest(self, external_id: str, rendered: quote.RenderedQuote) -> RemainingParts | None:
        """Return the parts that do not fit into the first entry."""
        sequels = quote.continuations(external_id, rendered)
        return RemainingParts(sequels) if sequels else None


@asynccontextmanager
async def room_for(request: AdmittedRequest, runtime: Runtime) -> AsyncIterator[None]:
    """Wait until no other whole Slack thread is in memory, if this request needs one."""
    form = request.trigger.form
    if form is None or not form.whole_thread:
        yield
        return
    async with runtime.one_thread:
        yield


async def read_source(
    claim: Claim, workspace: Workspace, runtime: Runtime, request: AdmittedRequest
) -> QuoteSource:
    """Read what is quoted. A whole thread that cannot be read is mentioned, not refused."""
    message, whole, unread = request.message, None, None
    try:
        whole = await _whole(workspace, request)
    except Rejected as refusal:
        unread = refusal.reason
    copies = None
    if workspace.files is not None and quote.quoted_files(message, whole):
        copies = FileCopies(claim, workspace.files, runtime.ledger, runtime.run)
        found = await copies.looked_up(quote.quoted_files(message, whole))
        message = attachments.with_files(message, found) if message else None
        if whole is not None:
            messages = tuple(attachments.with_files(one, found) for one in whole.messages)
            whole = replace(whole, messages=messages)
    context = await _context(workspace, runtime, replace(request, message=message), whole, unread)
    return QuoteSource(request.trigger, message, context, copies)


async def _whole(workspace: Workspace, request: AdmittedRequest) -> SlackThread | None:
    """Return the message's Slack thread if all of it is requested."""
    form, message = request.trigger.form, request.message
    if form is None or not form.whole_thread or message is None or message.ref is None:
        return None
    if message.thread_ts is None:
        return None
    replies = await workspace.slack.replies(MessageRef(message.ref.channel, message.thread_ts))
    if not any(reply.ref == message.ref for reply in replies):
        replies = (*replies, message)  # deleted since, and requested all the same
    replies = tuple([await authorship.settled(one, workspace.slack) for one in replies])
    people = {one.author for one in replies if one.author is not None and one.bot is None}
    authors = {one: name_of(await workspace.slack.profile(one), one) for one in sorted(people)}
    return SlackThread(replies, authors, message.ref, workspace.policy.bounds)


async def _context(
    workspace: Workspace,
    runtime: Runtime,
    request: AdmittedRequest,
    whole: SlackThread | None,
    unread: Reason | None,
) -> quote.QuoteContext:
    """Return what surrounds the quote: names, place and link."""
    message = request.message
    link = None
    if message is not None and message.ref is not None:
        link = await workspace.slack.permalink(message.ref, message.thread_ts)
    texts = [one.blocks for one in whole.messages] if whole else []
    if message is not None and whole is None:
        texts = [message.blocks]
    mentioned = await runtime.render(mentions, [block for blocks in texts for block in blocks])
    return quote.QuoteContext(
        author=await _author(workspace, request),
        channel=request.admitted.channel,
        permalink=link,
        submitter=name_of(request.admitted.submitter, request.trigger.submitter),
        via=request.trigger.via,
        emoji=request.trigger.emoji,
        names=await workspace.slack.names(mentioned[:MOST_MENTIONED]) if texts else Names(),
        whole=whole,
        unread=unread,
        on_behalf_of=await _on_behalf_of(workspace, request),
        submitter_kind=kind_of(request.admitted.submitter),
    )


async def _on_behalf_of(workspace: Workspace, request: AdmittedRequest) -> str | None:
    requester = request.requester
    if requester == request.trigger.submitter:
        return None
    return name_of(await workspace.slack.profile(requester), requester)


async def _author(workspace: Workspace, request: AdmittedRequest) -> str | None:
    message = request.message
    if message is not None and message.bot is not None:
        return None  # the message names its app
    author = message.author if message else None
    if author is None or author == request.trigger.submitter:
        return name_of(request.admitted.submitter, request.trigger.submitter)
    return name_of(await workspace.slack.profile(author), author)
