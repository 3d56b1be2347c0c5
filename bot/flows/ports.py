"""What the flows need of the world. Edges raise `TryLater` and `Refused`, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, ParamSpec, Protocol, TypeVar

from bot.core.files import Kept
from bot.core.model import (
    Channel,
    Customer,
    Draft,
    Escalation,
    EventDraft,
    LabelType,
    Message,
    Names,
    Outcome,
    Profile,
    Remark,
    ReplyTo,
    Sequel,
    ThreadDraft,
    Ticket,
    Trigger,
)
from bot.core.reactions import Posted, Reaction
from bot.core.record import Evidence
from bot.core.refs import MessageRef, generation_key
from bot.core.richtext import Mention

P = ParamSpec("P")
T = TypeVar("T")


class Run(Protocol):
    """Runs blocking work (the store's methods) off the event loop."""

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T: ...


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


@dataclass(frozen=True, slots=True)
class Rest:
    """What is to be added once the first piece is in Plain, in this order.

    `ticket` is None until that is sure; from then on all but the first of `sequels` were surely
    not sent yet. `added`: the first piece was an addition too. `missing`: so many were refused.
    """

    sequels: tuple[Sequel, ...]
    ticket: Ticket | None = None
    added: bool = False
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A row in a worker's hands, as it stood when it was claimed.

    `now` is the ledger's clock then, `attempt` counts from 1. `token` fences: whoever lost
    the lease writes nothing more. `customer`, `sent_at` and `adding_to` are what earlier
    attempts froze: `sent_at` is when a create (or an addition to `adding_to`) was about to be
    sent without its outcome being known. `outcome` is set where only the answer is still due.
    `rest` is what the write that was sent leaves to be added, `kept` what became of its files.
    `lease` is for how many seconds the row is its worker's: from the claim, and anew from a freeze.
    """

    id: int
    token: str
    escalation: Escalation
    generation: int
    now: float
    attempt: int
    customer: str | None = None
    sent_at: float | None = None
    adding_to: Ticket | None = None
    outcome: Outcome | None = None
    rest: Rest | None = None
    kept: Kept | None = None
    lease: float = float("inf")

    @property
    def external_id(self) -> str:
        """Plain's externalId for what this row creates."""
        return generation_key(self.escalation.key, self.generation)

    @property
    def reference(self) -> str:
        """What a person can quote; `ledger show` takes it."""
        return reference(self.id)


def reference(row_id: int) -> str:
    """What people call the row with this id."""
    return f"PB-{row_id}"


@dataclass(frozen=True, slots=True)
class Won:
    """The conversation is this row's: it may create the thread."""


@dataclass(frozen=True, slots=True)
class Held:
    """Another row is creating the conversation's thread; how that ends is not known yet."""


@dataclass(frozen=True, slots=True)
class Stands:
    """The conversation has its ticket: add to it."""

    ticket: Ticket


Conversation = Won | Held | Stands


@dataclass(frozen=True, slots=True)
class Recorded:
    """What an asking met. `remark` is what can be said at once; None where there is nothing.

    `fresh`: there is work for the worker now.
    """

    fresh: bool
    remark: Remark | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the lookup table. `customer` is a name: `c_…`, an e-mail or `external:ID`.

    `source` tells how it came about: "link" and "import" by a person, "email" and
    "synthetic" by the bridge itself.
    """

    team: str
    slack_user: str
    customer: str
    email: str | None = None
    name: str | None = None
    source: str = "link"

    @property
    def automatic(self) -> bool:
        return self.source in ("email", "synthetic")


@dataclass(frozen=True, slots=True)
class Said:
    """What the bot itself put into Slack for an answer, where all can see it and it can be edited.

    A message of its own; or, with `receipt`, its reaction of that name to the message at `ts`.
    """

    channel: str
    ts: str
    receipt: str | None = None


class Ledger(Protocol):
    """Escalations; every method is one transaction. They raise TryLater and LeaseLost."""

    def record(self, escalation: Escalation, *, within: float | None = None) -> Recorded:
        """Accept an asking: a new row, an opened one, or the row that is there already."""

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
        person: Person | None,
        rest: Rest | None = None,
        evidence: Evidence | None = None,
    ) -> Conversation:
        """Claim the conversation, freeze the customer and note that a create is about to go.

        Writes nothing unless the answer is Won; `person` is learnt in the same transaction.
        `rest` is what the create leaves to be added. `evidence` is what named the customer; None
        leaves what an earlier attempt noted.
        """

    def ticket_of(self, key: str) -> Ticket | None:
        """The ticket that the message with this key has."""

    def freeze_addition(
        self, claim: Claim, ticket: Ticket, message: Message | None, rest: Rest | None = None
    ) -> None:
        """Note that an addition to `ticket` is about to go."""

    def freeze_rest(self, claim: Claim, rest: Rest) -> None:
        """Note that the first of what is left is about to go."""

    def keep_files(self, claim: Claim, kept: Kept) -> None:
        """Note what became of files, for another attempt; begins the lease anew."""


class People(Protocol):
    """The lookup table."""

    def find(self, slack_user: str, teams: Sequence[str]) -> Person | None:
        """The user's line; the first of `teams` that has one."""

    def forget(self, person: Person) -> None:
        """Drop the line, if it still says the same."""


class Drafts(Protocol):
    """Open forms."""

    def keep(self, draft: Draft, *, within: float | None = None) -> None: ...

    def load(self, draft_id: str) -> Draft | None: ...

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

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> Said | None:
        """Answer the person who asked, in words, once; where, if it may have to be edited.

        `reference` is what they can quote.
        """

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        """Tell the person who asked, privately, that it takes longer."""

    async def remark(self, reply_to: ReplyTo, remark: Remark) -> None:
        """Say privately what came of asking again; a failure is nobody's loss."""


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


# What reconciliation needs


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A part of a longer list; `cursor` leads to the next one, None where there is none."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pass over the channels' history stopped, for the next one to go on.

    `cursor` is the page of the channel's history (None: its first), `thread` the root of the
    Slack thread of that page, `thread_cursor` the page of that thread. `at`: when it stopped
    (Unix seconds).
    """

    channel: str
    cursor: str | None = None
    thread: str | None = None
    thread_cursor: str | None = None
    at: float = 0.0


class History(Protocol):
    """What stands in Slack, without the texts; each method is one call of Slack's Web API.

    `oldest` is Unix seconds. A cursor that Slack no longer knows counts as none.
    """

    async def channels(self, cursor: str | None) -> Page[Channel]:
        """The channels that the bot is in, without direct messages and archived channels."""

    async def messages(self, channel: str, oldest: float, cursor: str | None) -> Page[Posted]:
        """The channel's messages outside of Slack threads, and the threads' roots."""

    async def replies(self, root: MessageRef, oldest: float, cursor: str | None) -> Page[Posted]:
        """The replies of a Slack thread, without its root; none where the thread is gone."""

    async def reactions(self, ref: MessageRef) -> tuple[Reaction, ...]:
        """The reactions under a message with all who gave them; none where it is gone."""


class Places(Protocol):
    """Where passes stopped, by the name of what they look at."""

    def recall(self, name: str) -> Place | None: ...

    def keep(self, name: str, value: Place) -> None: ...

    def forget(self, name: str) -> None: ...


class FirstLoaded(Protocol):
    """When each rule was loaded for the first time, by its identity; Unix seconds."""

    def note(self, rules: Sequence[str]) -> Mapping[str, float]:
        """The moments of these rules; the present one for those that are new."""

    def known(self) -> Mapping[str, float]:
        """The moments of all rules that were loaded so far."""
