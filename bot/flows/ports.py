"""Define the two ports, Slack and Plain, as the flows need them. They raise nothing but faults."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.core.directory import Channel, Names, Profile
from bot.core.model import (
    Customer,
    EventDraft,
    LabelType,
    Message,
    Outcome,
    PostedAnswer,
    Tenant,
    ThreadDraft,
    Ticket,
    Trigger,
)
from bot.core.refs import MessageRef
from bot.core.text.richtext import Mention
from bot.core.undo import ThreadSnapshot


@dataclass(frozen=True, slots=True)
class PlainThread:
    """A thread of Plain's: all that the bridge needs of it. `id` is `th_…`, `ref` "T-123".

    https://www.plain.com/docs/api-reference/graphql/threads/create
    """

    id: str
    ref: str


@dataclass(frozen=True, slots=True)
class ThreadSummary:
    """A thread in Plain, as far as it identifies it."""

    id: str
    ref: str
    external_id: str | None


class Profiles(Protocol):
    """The people of one Slack workspace."""

    async def profile(self, user: str) -> Profile | None:
        """Return who the user is (cached); None for one that Slack does not show."""


class Slack(Profiles, Protocol):
    """One Slack workspace."""

    # Reading

    async def message(self, ref: MessageRef) -> Message:
        """Return the message, whether it is a reply or not. Raise Rejected if it cannot be read."""

    async def replies(self, root: MessageRef) -> tuple[Message, ...]:
        """Return the whole Slack thread, its root first. Raise Rejected if it cannot be read."""

    async def channel(self, channel: str) -> Channel:
        """Return the conversation (cached); without a name if it cannot be read."""

    async def names(self, mentions: Sequence[Mention]) -> Names:
        """Return the names of those mentioned (cached), without the unreadable ones."""

    def cached_names(self, mentions: Sequence[Mention]) -> Names:
        """Return the names that are cached."""

    async def readable(self, channel: str) -> bool:
        """Return True if the bot may read the conversation (cached)."""

    def cached_readable(self, channel: str) -> bool | None:
        """Return the same if it is cached, else None."""

    async def permalink(self, ref: MessageRef, thread_ts: str | None) -> str:
        """Return the message's link: Slack's own, or a built one if Slack refuses to give it."""

    # Answering

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        """Answer the submitter once, and return where, if the answer may have to be edited.

        `reference` is what the submitter can quote.
        """

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        """Tell the submitter privately that it takes longer."""

    async def fresh_profile(self, user: str) -> Profile | None:
        """Return the same as `profile`, asked anew."""

    async def edit_undone(self, posted: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        """Replace the answer: this user undid the ticket."""

    async def tell_undone(self, trigger: Trigger, ticket: Ticket | None, by: str) -> None:
        """Tell the submitter privately that this user undid the ticket of their request."""

    async def edit_ended(self, posted: PostedAnswer, ticket: Ticket | None) -> None:
        """Remove the undo button from the answer."""


class Plain(Protocol):
    """One Plain workspace."""

    # Threads

    async def open_thread(self, draft: ThreadDraft) -> PlainThread:
        """Create the thread. Raise TryLater with `outcome_unknown` if it may have been created."""

    async def thread_by_external_id(self, customer: str, external_id: str) -> PlainThread | None:
        """Return the customer's thread with this external id."""

    async def add_event(self, draft: EventDraft) -> None:
        """Add to a thread. Raise TryLater with `outcome_unknown` if it may have been added."""

    async def has_event(self, thread: str, external_id: str) -> bool:
        """Return True if the thread's timeline holds an event with this external id."""

    # Customers, and what else there is in the workspace

    async def find_customer(self, name: str) -> Customer | None:
        """Return the customer named `c_…`, by e-mail address or as `external:ID`."""

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        """Return the customer with this address, created if there is none, else unchanged."""

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        """Return the customers whose name or e-mail address contains `term`."""

    async def thread_snapshot(self, thread: str) -> ThreadSnapshot | None:
        """Return the thread's current state; None if it is gone."""

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        """Add a note to a thread. Harmless twice, but the note then appears twice."""

    async def mark_ignored(self, thread: str) -> None:
        """Mark the thread as ignored; harmless twice."""

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        """Return the customer's threads that were created since then (Unix seconds)."""

    async def label_types(self) -> Sequence[LabelType]:
        """Return all label types that are not archived (cached for a while)."""

    async def recent_label_types(self) -> Sequence[LabelType]:
        """Return all label types, as they were a while ago."""

    def cached_label_types(self) -> Sequence[LabelType]:
        """Return the label types that are cached."""

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        """Return all tenants, as they were a while ago; None if the key may not read them."""

    def cached_tenants(self) -> Sequence[Tenant] | None:
        """Return the tenants that are cached; None once it is known that the key may not."""

    async def user_by_email(self, email: str) -> str | None:
        """Return the id (`u_…`) of the Plain user with this address; None for a deleted one."""

    async def workspace_id(self) -> str:
        """Return the id (`w_…`) of the workspace that the key belongs to (cached)."""
