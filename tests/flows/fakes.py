"""A Slack and a Plain in memory that fit the flows' Protocols.

The sandbox's servers are reached through the bridge's own clients; these are not, so that a case
can raise any fault before or after any single write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from bot.core.directory import Channel, Installation, Names, Profile, UserKind
from bot.core.faults import Fault, FieldError, PlainError, Reason, Rejected, Rejection
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
from bot.core.refs import MessageRef, permalink
from bot.core.text.richtext import Mention
from bot.core.undo import Actor, ActorKind, ThreadSnapshot
from bot.flows.ports import Plain, PlainThread, Slack, ThreadSummary
from bot.flows.workspace import Workspace
from tests.nouns import TEAM

NOT_FOUND = Rejected(
    Rejection(
        Reason.PLAIN_REFUSED,
        plain_error=PlainError("input_validation", "", (FieldError("threadId", "", "NOT_FOUND"),)),
    )
)

P = ParamSpec("P")
T = TypeVar("T")


async def run(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """`executor.Run` in the test's own thread."""
    return work(*args, **kwargs)


def profile(user: str, **more: object) -> Profile:
    values: dict[str, object] = {
        "user": user,
        "team": TEAM,
        "name": user.removeprefix("U0").title(),
        "kind": UserKind.MEMBER,
        "email": f"{user.lower()}@example.com",
        "email_confirmed": True,
    }
    return Profile(**(values | more))  # type: ignore[arg-type]


@dataclass
class FakeSlack:
    messages: dict[MessageRef, Message] = field(default_factory=dict)
    threads: dict[MessageRef, tuple[Message, ...]] = field(default_factory=dict)
    profiles: dict[str, Profile | None] = field(default_factory=dict)
    channels: dict[str, Channel] = field(default_factory=dict)
    joined: dict[str, bool] = field(default_factory=dict)
    """Which conversations may be read; those that are missing are not cached."""
    told: list[tuple[Trigger, Outcome, str]] = field(default_factory=list)
    queued: list[Trigger] = field(default_factory=list)
    edits: list[tuple[str, PostedAnswer]] = field(default_factory=list)
    told_undone: list[tuple[str, str]] = field(default_factory=list)
    """Who was told that their ticket was undone, and by whom."""
    posted: PostedAnswer | None = None
    """Where an answer is posted that can be edited."""
    faults: list[Fault] = field(default_factory=list)
    """Raised by the next reads, in order."""
    tell_faults: list[Fault] = field(default_factory=list)

    async def message(self, ref: MessageRef) -> Message:
        if self.faults:
            raise self.faults.pop(0)
        if ref not in self.messages:
            raise Rejected(Rejection(Reason.MESSAGE_NOT_FOUND))
        return self.messages[ref]

    async def replies(self, root: MessageRef) -> tuple[Message, ...]:
        if self.faults:
            raise self.faults.pop(0)
        if root not in self.threads:
            raise Rejected(Rejection(Reason.NOT_IN_CHANNEL, channel=root.channel))
        return self.threads[root]

    async def profile(self, user: str) -> Profile | None:
        return self.profiles.get(user, profile(user))

    async def channel(self, channel: str) -> Channel:
        return self.channels.get(channel, Channel(channel, "support"))

    async def names(self, mentions: Sequence[Mention]) -> Names:
        return Names()

    def cached_names(self, mentions: Sequence[Mention]) -> Names:
        return Names()

    async def readable(self, channel: str) -> bool:
        return self.joined.get(channel, True)

    def cached_readable(self, channel: str) -> bool | None:
        return self.joined.get(channel)

    async def permalink(self, ref: MessageRef, thread_ts: str | None) -> str:
        return permalink("https://example.slack.com/", ref, thread_ts)

    async def tell(self, trigger: Trigger, outcome: Outcome, reference: str) -> PostedAnswer | None:
        if self.tell_faults:
            raise self.tell_faults.pop(0)
        self.told.append((trigger, outcome, reference))
        return self.posted

    async def tell_queued(self, trigger: Trigger, reference: str) -> None:
        if self.tell_faults:
            raise self.tell_faults.pop(0)
        self.queued.append(trigger)

    async def fresh_profile(self, user: str) -> Profile | None:
        return await self.profile(user)

    async def edit_undone(self, said: PostedAnswer, ticket: Ticket | None, by: str) -> None:
        self._edit(f"undone by {by}", said)

    async def tell_undone(self, trigger: Trigger, ticket: Ticket | None, by: str) -> None:
        if self.tell_faults:
            raise self.tell_faults.pop(0)
        self.told_undone.append((trigger.submitter, by))

    async def edit_ended(self, said: PostedAnswer, ticket: Ticket | None) -> None:
        self._edit("ended", said)

    def _edit(self, what: str, said: PostedAnswer) -> None:
        if self.tell_faults:
            raise self.tell_faults.pop(0)
        self.edits.append((what, said))


@dataclass
class FakePlain:
    """`before` and `after` are raised by the next writes: before or after they take effect.

    `hidden` threads and events were committed, and are not found yet.
    """

    customers: dict[str, Customer] = field(default_factory=dict)
    labels: Sequence[LabelType] = ()
    tenants: Sequence[Tenant] | None = ()
    users: dict[str, str] = field(default_factory=dict)
    threads: list[ThreadDraft] = field(default_factory=list)
    events: list[EventDraft] = field(default_factory=list)
    upserts: list[tuple[str, str, bool]] = field(default_factory=list)
    before: list[Fault] = field(default_factory=list)
    after: list[Fault] = field(default_factory=list)
    look_ups: list[Fault] = field(default_factory=list)
    hidden: bool = False
    gone: set[str] = field(default_factory=set)
    refuse_duplicates: bool = False
    sent: int = 0

    async def open_thread(self, draft: ThreadDraft) -> PlainThread:
        self.sent += 1
        if self.before:
            raise self.before.pop(0)
        same = [t for t in self.threads if (t.customer, t.external_id) == _name(draft)]
        if same and self.refuse_duplicates:
            raise Rejected(
                Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="duplicate"))
            )
        self.threads.append(draft)
        if self.after:
            raise self.after.pop(0)
        return self._thread(draft)

    async def thread_by_external_id(self, customer: str, external_id: str) -> PlainThread | None:
        if self.look_ups:
            raise self.look_ups.pop(0)
        if self.hidden:
            return None
        wanted = (customer, external_id)
        return next((self._thread(t) for t in self.threads if _name(t) == wanted), None)

    async def add_event(self, draft: EventDraft) -> None:
        self.sent += 1
        if self.before:
            raise self.before.pop(0)
        if draft.thread in self.gone:
            raise NOT_FOUND
        self.events.append(draft)
        if self.after:
            raise self.after.pop(0)

    async def has_event(self, thread: str, external_id: str) -> bool:
        if self.look_ups:
            raise self.look_ups.pop(0)
        if thread in self.gone:
            raise NOT_FOUND
        return not self.hidden and any(
            (event.thread, event.external_id) == (thread, external_id) for event in self.events
        )

    async def find_customer(self, name: str) -> Customer | None:
        return self.customers.get(name)

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer:
        self.upserts.append((email, name, verified))
        return Customer(f"c_{email.split('@')[0]}", name, email)

    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]:
        raise NotImplementedError

    async def thread_snapshot(self, thread: str) -> ThreadSnapshot | None:
        """None for a thread that was deleted (`gone`)."""
        if thread in self.gone:
            return None
        return ThreadSnapshot("c_1", "TODO", None, Actor(ActorKind.MACHINE_USER, "mu_1"), False)

    async def add_note(self, customer: str, thread: str, text: str) -> None:
        raise NotImplementedError

    async def mark_ignored(self, thread: str) -> None:
        raise NotImplementedError

    async def threads_since(self, customer: str, since: float) -> Sequence[ThreadSummary]:
        raise NotImplementedError

    async def label_types(self) -> Sequence[LabelType]:
        return self.labels

    async def recent_label_types(self) -> Sequence[LabelType]:
        return self.labels

    def cached_label_types(self) -> Sequence[LabelType]:
        return self.labels

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        return self.tenants

    def cached_tenants(self) -> Sequence[Tenant] | None:
        return self.tenants

    async def user_by_email(self, email: str) -> str | None:
        return self.users.get(email)

    async def workspace_id(self) -> str:
        return "w_1"

    def _thread(self, draft: ThreadDraft) -> PlainThread:
        number = self.threads.index(draft) + 1
        return PlainThread(f"th_{number}", f"T-{number}")


def _name(draft: ThreadDraft) -> tuple[str, str]:
    return draft.customer, draft.external_id


def workspace(slack: Slack | None = None, plain: Plain | None = None, **more: Any) -> Workspace:
    """Return the installed workspace, over these fakes or new ones."""
    installation = Installation(TEAM, "https://example.slack.com/", "U0BOT")
    return Workspace(installation, slack or FakeSlack(), plain or FakePlain(), **more)
