"""Who is this? A linker is asked, says it, and what waited for that goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Protocol

from bot.core.directory import Profile
from bot.core.faults import Fault, Reason, Refused, TryLater
from bot.core.identity import Answerer, Hosts, Linkers, Yourself, is_customer_id
from bot.core.model import Customer, Ticket
from bot.store.customer_links import CustomerLink
from bot.store.executor import Run
from bot.store.records import Unlinked

ASK_SECONDS = 1.0
"""For what is to be known before the form opens; its trigger lives for three seconds."""
SEARCH_SECONDS = 1.8
"""For a search; Slack waits for three seconds, and somebody is typing."""
CHECK_SECONDS = 0.7
"""For the check of a right at a submission, …"""
CREATE_SECONDS = 1.3
"""… for the customer, …"""
WRITE_SECONDS = 0.6
"""… and for the record: together they stay within Slack's three seconds."""

SHORTEST_TERM = 3
HITS = 10


class Requests(Protocol):
    def unlinked(self, name: str) -> Unlinked | None:
        """Whom the row "PB-…" is about; None where there is no such row."""


class Lines(Protocol):
    """The lookup table."""

    def find(self, slack_user: str, teams: Sequence[str]) -> CustomerLink | None: ...

    def link(
        self, people: Sequence[CustomerLink], *, by: str, within: float | None = None
    ) -> int: ...


class Profiles(Protocol):
    async def profile(self, user: str) -> Profile | None:
        """Who that is (cached); None for a user that Slack does not show."""

    async def profile_now(self, user: str) -> Profile | None:
        """The same, asked anew."""


class Customers(Protocol):
    async def search_customers(self, term: str, limit: int) -> Sequence[Customer]: ...

    async def find_customer(self, name: str) -> Customer | None: ...

    async def upsert_customer(self, email: str, name: str, *, verified: bool) -> Customer: ...


# What a linker says


@dataclass(frozen=True, slots=True)
class ExistingCustomer:
    """A customer that Plain has; `name` is how the search showed it."""

    customer: str
    name: str


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer that is to be made."""

    email: str
    name: str


CustomerChoice = ExistingCustomer | NewCustomer


# What comes of it


@dataclass(frozen=True, slots=True)
class LinkQuestion:
    """The question: to which customer this person is to be linked. `profile` is None for a user
    that Slack does not show."""

    reference: str
    user: str
    profile: Profile | None

    @property
    def name(self) -> str:
        return self.profile.name if self.profile else self.user


@dataclass(frozen=True, slots=True)
class MayNotLink:
    """Who asked may not say it; `answerer` tells who may. `user` is whom it is about: None where
    there is no such row, and for people of other companies."""

    answerer: Answerer
    user: str | None = None


@dataclass(frozen=True, slots=True)
class NothingToLink:
    """There is nothing to say any more. Without a `reference` there is no such row; `user` is
    whom it was about, `ticket` what came of it."""

    reference: str | None = None
    user: str | None = None
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """It is written: who is which customer, and how many requests go on."""

    name: str
    user: str
    customer: Customer
    opened: int


@dataclass(frozen=True, slots=True)
class CustomerNotCreated:
    """Plain did not make the new customer. `reason` and `data` are those of its refusal; None
    where it did not answer in time."""

    reason: Reason | None = None
    data: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Linking:
    """What it takes to ask and to link. `team` is the installed workspace's; `wake` tells the
    worker of rows that go on."""

    linkers: Linkers
    requests: Requests
    people: Lines
    slack: Profiles
    plain: Customers
    run: Run
    wake: Callable[[], None]
    team: str

    async def ask(self, linker: str, reference: str) -> LinkQuestion | MayNotLink | NothingToLink:
        """What to ask `linker` about the row; raises TryLater where it cannot be told in time."""
        async with _within(ASK_SECONDS):
            return await self._ask(linker, reference)

    async def search(self, linker: str, term: str) -> Sequence[Customer]:
        """The customers whose name or address holds `term`; none for who may not see them, and
        where Plain does not answer in time."""
        term = " ".join(term.split())
        if len(term) < SHORTEST_TERM:
            return ()
        try:
            async with _within(SEARCH_SECONDS):
                if not self.linkers.include(await self.slack.profile(linker)):
                    return ()
                found = await self.plain.search_customers(term, HITS)
        except Fault:
            return ()
        return [one for one in found if is_customer_id(one.id)]

    async def submit(
        self, linker: str, reference: str, choice: CustomerChoice
    ) -> Linked | MayNotLink | NothingToLink | CustomerNotCreated:
        """Link the row's person to the customer that `linker` chose.

        The right is looked at anew, and so is whether there is still something to say: nobody's
        link is written over unseen. Raises TryLater where it cannot be recorded in time.
        """
        async with _within(CHECK_SECONDS):
            asked = await self._ask(linker, reference)
        if not isinstance(asked, LinkQuestion):
            return asked
        customer = await self._customer(choice)
        if isinstance(customer, CustomerNotCreated):
            return customer
        async with _within(WRITE_SECONDS + 0.2):
            opened = await self._write(linker, asked, customer)
        if opened:
            self.wake()
        return Linked(asked.name, asked.user, customer, opened)

    async def _ask(self, linker: str, reference: str) -> LinkQuestion | MayNotLink | NothingToLink:
        profile, row = await asyncio.gather(
            self.slack.profile_now(linker), self.run(self.requests.unlinked, reference)
        )
        answerer = self.linkers.answerer(profile)
        if not isinstance(answerer, Yourself):
            foreign = isinstance(answerer, Hosts)
            return MayNotLink(answerer, None if foreign or row is None else row.requester)
        if row is None:
            return NothingToLink()
        if not row.waits:
            return NothingToLink(row.reference, row.requester, row.ticket)
        return LinkQuestion(row.reference, row.requester, await self._profile(row.requester))

    async def _profile(self, user: str) -> Profile | None:
        try:
            return await self.slack.profile(user)
        except Refused:
            return None  # shown by the id then

    async def _customer(self, choice: CustomerChoice) -> Customer | CustomerNotCreated:
        if isinstance(choice, ExistingCustomer):
            return await self._as_plain_names_it(choice)
        try:
            async with _within(CREATE_SECONDS):
                # Nobody has proved the address: it was typed.
                return await self.plain.upsert_customer(choice.email, choice.name, verified=False)
        except TryLater:
            return CustomerNotCreated()
        except Refused as refused:
            return CustomerNotCreated(refused.reason, refused.data)

    async def _as_plain_names_it(self, choice: ExistingCustomer) -> Customer:
        """The search showed name and address in one, perhaps shortened."""
        found = None
        with suppress(Fault):
            async with _within(CREATE_SECONDS):
                found = await self.plain.find_customer(choice.customer)
        return found or Customer(choice.customer, choice.name)

    async def _write(self, linker: str, asked: LinkQuestion, customer: Customer) -> int:
        """The line stands where a delivery looks first; one that stands already is replaced."""
        teams = [self.team]
        if asked.profile is not None and asked.profile.team != self.team:
            teams.insert(0, asked.profile.team)
        standing = await self.run(self.people.find, asked.user, teams)
        line = CustomerLink(
            team=standing.team if standing else teams[0],
            slack_user=asked.user,
            customer=customer.id,
            name=customer.name,
        )
        return await self.run(self.people.link, [line], by=linker, within=WRITE_SECONDS)


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TryLater("not_in_time") from None
