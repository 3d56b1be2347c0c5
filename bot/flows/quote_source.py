"""Reads in Slack what is to be quoted, and what surrounds it, for the thread or the addition."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from bot.core import quote
from bot.core.attachments import UploadResult
from bot.core.conversation import SlackThread, TranscriptBuilder, render_message
from bot.core.directory import Names, kind_of, name_of
from bot.core.faults import Reason, Refused, TryLater
from bot.core.model import File, Message, ThreadDraft, Trigger
from bot.core.refs import MessageRef
from bot.core.text.richtext import mentions
from bot.flows import attachments, authorship, customer
from bot.flows.admission import Admitted
from bot.flows.attachments import FileCopies
from bot.flows.workspace import Runtime, Workspace
from bot.store.claims import Claim, RemainingParts
from bot.store.executor import Run

MOST_MENTIONED = 1000
"""Mentions of one text that are shown by name."""


@dataclass(frozen=True, slots=True)
class AdmittedRequest:
    """The trigger with all that was read for it."""

    trigger: Trigger
    message: Message | None
    admitted: Admitted


@dataclass(frozen=True, slots=True)
class QuoteSource:
    """What is quoted. `copying` where it has files, and these can be copied."""

    trigger: Trigger
    message: Message | None
    scene: quote.QuoteContext
    copying: FileCopies | None = None

    @property
    def files(self) -> tuple[File, ...]:
        return quote.quoted_files(self.message, self.scene.whole)

    def with_fates(self, fates: Mapping[str, UploadResult]) -> QuoteSource:
        return replace(self, scene=replace(self.scene, fates=fates))

    async def blame_files(self, fault: TryLater | Refused, draft: ThreadDraft) -> None:
        """Raise Postponed if the create of `draft` failed for its files, else return."""
        if self.copying is not None:
            await self.copying.blame(fault, draft, self.scene.fates)

    async def rendered(self, render: Run) -> quote.RenderedQuote:
        """Render it once, off the loop; a whole thread message by message, so that others' texts
        have their turn between two of them."""
        scene = self.scene
        if scene.whole is None:
            return await render(quote.render, self.message, scene)
        telling = TranscriptBuilder(scene.whole.bounds)
        for message in scene.whole.messages:
            if telling.is_full:
                break
            telling.add(
                await render(render_message, scene.whole, message, scene.names, scene.fates)
            )
        told = telling.told(len(scene.whole.messages))
        return await render(quote.rendered, self.message, scene, told)

    def rest(self, external_id: str, rendered: quote.RenderedQuote) -> RemainingParts | None:
        """Return what does not go into the first piece."""
        sequels = quote.continuations(external_id, self.scene, rendered)
        return RemainingParts(sequels) if sequels else None


@asynccontextmanager
async def room_for(request: AdmittedRequest, runtime: Runtime) -> AsyncIterator[None]:
    """Wait until no other whole Slack thread is in memory, where this one wants its own."""
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
    except Refused as refusal:
        unread = refusal.reason
    copying = None
    if workspace.files is not None and quote.quoted_files(message, whole):
        copying = FileCopies(claim, workspace.files, runtime.ledger, runtime.run)
        found = await copying.looked_up(quote.quoted_files(message, whole))
        message = attachments.with_files(message, found) if message else None
        if whole is not None:
            messages = tuple(attachments.with_files(one, found) for one in whole.messages)
            whole = replace(whole, messages=messages)
    scene = await _scene(workspace, runtime, replace(request, message=message), whole, unread)
    return QuoteSource(request.trigger, message, scene, copying)


async def _whole(workspace: Workspace, request: AdmittedRequest) -> SlackThread | None:
    """The message's Slack thread, where all of it is wanted."""
    form, message = request.trigger.form, request.message
    if form is None or not form.whole_thread or message is None or message.ref is None:
        return None
    if message.thread_ts is None:
        return None
    replies = await workspace.slack.replies(MessageRef(message.ref.channel, message.thread_ts))
    if not any(reply.ref == message.ref for reply in replies):
        replies = (*replies, message)  # deleted since, and asked for all the same
    replies = tuple([await authorship.settled(one, workspace.slack) for one in replies])
    people = {one.author for one in replies if one.author is not None and one.bot is None}
    authors = {one: name_of(await workspace.slack.profile(one), one) for one in sorted(people)}
    return SlackThread(replies, authors, message.ref, workspace.policy.bounds)


async def _scene(
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
        standing=kind_of(request.admitted.submitter),
    )


async def _on_behalf_of(workspace: Workspace, request: AdmittedRequest) -> str | None:
    requester = customer.requester_of(request.trigger, request.message)
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
