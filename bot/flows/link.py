"""Ask a linker who a user is, link the user to a customer, and resume what was on hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from bot.core.directory import Profile
from bot.core.faults import Fault, Rejected, Rejection, TryLater
from bot.core.identity import Answerer, Hosts, Yourself, is_customer_id, teams_of
from bot.core.model import Customer, Ticket
from bot.core.record import State
from bot.flows.workspace import Workspace
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.executor import Run
from bot.store.records import Records

ASK_SECONDS = 1.0
"""For everything before the form opens; its trigger lives for three seconds."""
SEARCH_SECONDS = 1.8
"""For a search; Slack waits three seconds, and somebody is typing."""
CHECK_SECONDS = 0.7
"""For the check of the linker's right at a submission, …"""
CREATE_SECONDS = 1.3
"""… for the customer, …"""
WRITE_SECONDS = 0.6
"""… and for the write: together they stay within Slack's three seconds."""

SHORTEST_TERM = 3
HITS = 10


# The linker's answer


@dataclass(frozen=True, slots=True)
class ExistingCustomer:
    """A customer that Plain has; `name` is what the search showed."""

    customer: str
    name: str


@dataclass(frozen=True, slots=True)
class NewCustomer:
    """A customer to create."""

    email: str
    name: str


CustomerChoice = ExistingCustomer | NewCustomer


# Results


@dataclass(frozen=True, slots=True)
class LinkQuestion:
    """The question to which customer this user is to be linked.

    `profile` is None for a user that Slack does not show.
    """

    reference: str
    user: str
    profile: Profile | None

    @property
    def name(self) -> str:
        """Return the user's name; their id if that is all that is known."""
        return self.profile.name if self.profile else self.user


@dataclass(frozen=True, slots=True)
class MayNotLink:
    """The user may not link people; `answerer` tells who may.

    `user` is the one to be linked: None if there is no such request, and for external users.
    """

    answerer: Answerer
    user: str | None = None


@dataclass(frozen=True, slots=True)
class NothingToLink:
    """The request is no longer on hold, or (without a `reference`) does not exist.

    `user` is the one it was about; `ticket` is its ticket, if it has one.
    """

    reference: str | None = None
    user: str | None = None
    ticket: Ticket | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """The user is linked to the customer, and `opened` requests resume."""

    name: str
    user: str
    customer: Customer
    opened: int


@dataclass(frozen=True, slots=True)
class CustomerNotCreated:
    """Plain did not create the customer.

    `rejection` is None if it did not answer in time.
    """

    rejection: Rejection | None = None


@dataclass(frozen=True, slots=True)
class Linking:
    """Asks who somebody is, and links them.

    `wake` tells the worker that requests resume.
    """

    workspace: Workspace
    records: Records
    people: CustomerLinks
    run: Run
    wake: Callable[[], None]

    async def ask(self, linker: str, reference: str) -> LinkQuestion | MayNotLink | NothingToLink:
        """Return the question for `linker` about a request; raises TryLater if too slow."""
        async with _within(ASK_SECONDS):
            return await self._ask(linker, reference)

    async def search(self, linker: str, term: str) -> Sequence[Customer]:
        """Return the customers whose name or address contains `term`.

        Empty for a user who may not see them, and if Plain does not answer in time.
        """
        term = " ".join(term.split())
        if len(term) < SHORTEST_TERM:
            return ()
        try:
            async with _within(SEARCH_SECONDS):
                if not self.workspace.policy.linkers.include(
                    await self.workspace.slack.profile(linker)
                ):
                    return ()
                found = await self.workspace.plain.search_customers(term, HITS)
        except Fault:
            return ()
        return [one for one in found if is_customer_id(one.id)]

    async def submit(
        self, linker: str, reference: str, choice: CustomerChoice
    ) -> Linked | MayNotLink | NothingToLink | CustomerNotCreated:
        """Link the request's user to the customer that `linker` chose.

        Checks again that `linker` may do so and that the request is still on hold: no link is
        overwritten unseen. Raises TryLater if it cannot be recorded in time.
        """
        async with _within(CHECK_SECONDS):
            question = await self._ask(linker, reference)
        if not isinstance(question, LinkQuestion):
            return question
        customer = await self._customer(choice)
        if isinstance(customer, CustomerNotCreated):
            return customer
        async with _within(WRITE_SECONDS + 0.2):
            opened = await self._write(linker, question, customer)
        if opened:
            self.wake()
        return Linked(question.name, question.user, customer, opened)

    async def _ask(self, linker: str, reference: str) -> LinkQuestion | MayNotLink | NothingToLink:
        profile, record = await asyncio.gather(
            self.workspace.slack.fresh_profile(linker),
            self.run(self.records.by_reference, self.workspace.team, reference),
        )
        user = record.requester if record else None
        answerer = self.workspace.policy.linkers.answerer(profile)
        if not isinstance(answerer, Yourself):
            foreign = isinstance(answerer, Hosts)
            return MayNotLink(answerer, None if foreign else user)
        if record is None or user is None:
            return NothingToLink()
        if not record.is_on_hold:
            is_made = record.state in (State.CREATED, State.ADDED)
            return NothingToLink(record.reference, user, record.ticket if is_made else None)
        return LinkQuestion(record.reference, user, await self._profile(user))

    async def _profile(self, user: str) -> Profile | None:
        try:
            return await self.workspace.slack.profile(user)
        except Rejected:
            return None  # then the form shows the id

    async def _customer(self, choice: CustomerChoice) -> Customer | CustomerNotCreated:
        if isinstance(choice, ExistingCustomer):
            return await self._as_plain_names_it(choice)
        try:
            async with _within(CREATE_SECONDS):
                # The address was typed: nobody has verified it.
                return await self.workspace.plain.upsert_customer(
                    choice.email, choice.name, verified=False
                )
        except TryLater:
            return CustomerNotCreated()
        except Rejected as refused:
            return CustomerNotCreated(refused.rejection)

    async def _as_plain_names_it(self, choice: ExistingCustomer) -> Customer:
        """Return the customer as Plain names it; the search showed name and address, shortened."""
        found = None
        with suppress(Fault):
            async with _within(CREATE_SECONDS):
                found = await self.workspace.plain.find_customer(choice.customer)
        return found or Customer(choice.customer, choice.name)

    async def _write(self, linker: str, question: LinkQuestion, customer: Customer) -> int:
        """Write the link where a delivery looks first; replace one that is there already."""
        teams = teams_of(question.profile, self.workspace.team)
        old = await self.run(self.people.find, question.user, teams)
        line = CustomerLink(
            team=old.team if old else teams[0],
            slack_user=question.user,
            customer=customer.id,
            name=customer.name,
        )
        return await self.run(
            self.people.link, [line], by=linker, team=self.workspace.team, within=WRITE_SECONDS
        )


@asynccontextmanager
async def _within(seconds: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise TryLater("not_in_time") from None
