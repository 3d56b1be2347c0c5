"""What the flows need of the world. Edges raise `TryLater` and `RefusedRequests`, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ParamSpec, Protocol, TypeVar

from bot.core.attachments import UploadedFiles
from bot.core.directory import Channel, Names, Profile
from bot.core.model import (
    Customer,
    EventDraft,
    Form,
    FormDraft,
    LabelType,
    Message,
    Outcome,
    PostedAnswer,
    Remark,
    ReplyTo,
    ThreadDraft,
    Ticket,
    Trigger,
)
from bot.core.record import Evidence
from bot.core.refs import MessageRef
from bot.core.text.richtext import Mention
from bot.store.claims import Claim, Conversation, RemainingParts
from bot.store.customer_links import CustomerLink

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PlainThread:
    """A thread as Plain gives it back: the whole of what its guide shows for `createThread`.

    `priority` is Plain's number (0 urgent to 3 low); `created_at` ISO 8601; `created_by` and
    `assignee` are ids of whatever kind of actor.
    https://www.plain.com/docs/api-reference/graphql/threads/create
    """

    id: str
    ref: str
    title: str | None
    status: str
    priority: int
    external_id: str | None
    preview_text: str | None
    customer: Customer
    labels: tuple[LabelType, ...]
    assignee: str | None
    created_at: str
    created_by: str | None


class Ledger(Protocol):
    """Escalations; every method is one transaction. They raise TryLater and LeaseLost."""

    def conversation(self, claim: Claim, conversation_key: str) -> Conversation:
        """Who has the conversation, without claiming it."""

    def freeze(
        self,
        claim: Claim,
        *,
        conversation_key: str,
        customer: str,
        requester: str,
        message: Message | None,
        person: CustomerLink | None,
        rest: RemainingParts | None = None,
        evidence: Evidence | None = None,
    ) -> Conversation:
        """Claim the conversation, freeze the customer and note that a create is about to go.

        Writes nothing unless the answer is Won; `person` is learnt in the same transaction.
        `rest` is what the create leaves to be added. `evidence` is what named the customer; None
        leaves what an earlier attempt noted.
        """

    def ticket_of(self, key: str) -> Ticket | None:
        """The ticket that the message with this key has."""

    def ticket_of_conversation(self, key: str) -> Ticket | None:
        """The ticket that the Slack thread with this key has."""

    def freeze_addition(
        self,
        claim: Claim,
        ticket: Ticket,
        message: Message | None,
        rest: RemainingParts | None = None,
    ) -> None:
        """Note that an addition to `ticket` is about to go."""

    def freeze_rest(self, claim: Claim, rest: RemainingParts) -> None:
        """Note that the first of what is left is about to go."""

    def keep_files(self, claim: Claim, kept: UploadedFiles) -> None:
        """Note what became of files, for another attempt; begins the lease anew."""


class People(Protocol):
    """The lookup table."""

    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None:
        """The user's line; the first of `teams` that has one."""

    def forget(self, person: CustomerLink) -> None:
        """Drop the line, if it still says the same."""


class Drafts(Protocol):
    """Open forms."""

    def keep(self, draft: FormDraft, *, within: float | None = None) -> None: ...

    def load(self, draft_id: str) -> FormDraft | None: ...

    def erase(self, draft_id: str) -> None: ...


class Slack(Protocol):
    """What a delivery reads and says in Slack."""

    async def message(self, ref: MessageRef) -> Message:
        """The message, whether it is a reply or not. Refused where it cannot be read."""

    async def replies(self, root: MessageRef) -> tuple[Message, ...]:
        """The whole Slack thread, its root first. Refused where it cannot be read."""

    async def profile(self, user: str) -> Profile | None:
        """Who that is (cached); None for a user that Slack does not show."""

    async def channel(self, channel: str) -> Channel:
        """The conversation (cached); without a name where it cannot be read."""

    async def names(self, mentions: Sequence[Mention]) -> Names:
        """The names of those mentioned (cached); the unreadable ones are left out."""

    async def permalink(self, ref: MessageRef, thread_ts: str | None) -> str:
        """The message's link: Slack's own, or built where Slack refuses to give it."""

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        """Answer the person who asked, in words, once; where, if it may have to be edited.

        `reference` is what they can quote.
        """

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        """Tell the person who asked, privately, that it takes longer."""

    async def remark(self, reply_to: ReplyTo, remark: Remark, form: Form | None = None) -> None:
        """Say privately what came of asking again, with a form that came to nothing; a failure
        is nobody's loss."""


class Plain(Protocol):
    """What a delivery does in Plain."""

    async def open_thread(self, draft: ThreadDraft) -> PlainThread:
        """Create the thread. TryLater(unknown=True) where it may have come about all the same."""

    async def thread_by_external_id(self, customer: str, external_id: str) -> PlainThread | None:
        """The customer's thread with this external id."""

    async def add_event(self, draft: EventDraft) -> None:
        """Add to a thread. TryLater(unknown=True) where it may have come about all the same."""

    async def has_event(self, thread: str, external_id: str) -> bool:
        """Whether the thread's timeline holds an event with this external id."""

    async def find_customer(self, name: str) -> Customer | None:
        """The customer named `c_…`, by e-mail address or as `external:ID`."""

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        """The customer with this address, made if there is none; an existing one stays as it is."""

    async def label_types(self) -> Sequence[LabelType]:
        """All label types that are not archived (cached for a while)."""

    async def user_by_email(self, email: str) -> str | None:
        """The id (`u_…`) of the Plain user with this address; None also for a deleted one."""

    async def workspace_id(self) -> str:
        """The id (`w_…`) of the workspace that the key belongs to (asked once)."""
