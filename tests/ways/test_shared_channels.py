"""Channels shared with another company: what is said there, and to whom."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.core.model import RESPONSE_URL_SECONDS
from bot.core.undo import UNDO_SECONDS
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.retention import Retention
from tests.ways.stage import Stage, stage, until
from tests.ways.undoing import buttons, grow_older

EXTERNALS = '[escalation]\nwho = ["member", "external"]\n'
TRUSTED = '[identity]\ntrusted_teams = ["T0OTHER"]\n'


@dataclass
class Shared:
    on: Stage
    pam: str
    """Of another company; she reads along."""
    place: str

    async def ask(self, submitter: str, author: str | None = None) -> str:
        on = self.on
        ts = await on.slack.post(author or on.ben, self.place, "Our invoice is wrong")
        await on.slack.react(submitter, self.place, ts, "ticket")
        await on.settled()
        return ts

    def readable(self) -> str:
        """All that people of the other company can read, but for what Ben wrote."""
        said = [m for m in self.on.slack.messages(self.place) if m.get("bot_id")]
        private = self.on.slack.ephemerals(self.pam)
        direct = self.on.slack.dms(self.pam)
        return f"{said} {private} {direct}"


@asynccontextmanager
async def shared(url: str, folder: Path, toml: str = "") -> AsyncIterator[Shared]:
    async with stage(url, folder, toml=toml) as on:
        pam = on.slack.add_user("Pam Partner", email="pam@other.example", team="T0OTHER")
        place = on.slack.add_channel("both", shared=True, members=(on.ada, on.ben, pam))
        yield Shared(on, pam, place)


def says_nothing(text: str) -> bool:
    """Neither the ticket, nor its title, nor the way there."""
    return not any(inner in text for inner in ("T-1", "plain.com", "invoice", "PB-1"))


@pytest.mark.parametrize("confirm", ["ephemeral", "thread", "reaction"])
async def test_only_who_asked_hears_of_the_ticket(
    confirm: str, sqlite_url: str, tmp_path: Path
) -> None:
    toml = f'[escalation]\nconfirm = "{confirm}"\n'
    async with shared(sqlite_url, tmp_path, toml) as both:
        ts = await both.ask(both.on.ada)
        (told,) = both.on.slack.ephemerals(both.on.ada)
        assert told.text.startswith("Created ticket T-1")
        assert both.on.slack.reactions(both.place, ts) == {"ticket": [both.on.ada]}
        assert len(both.on.slack.messages(both.place)) == 1
        assert both.on.slack.ephemerals(both.pam) == []


@pytest.mark.parametrize("confirm", ["thread", "reaction"])
async def test_an_open_company_confirms_for_all_to_see(
    confirm: str, sqlite_url: str, tmp_path: Path
) -> None:
    toml = f'[escalation]\nconfirm = "{confirm}"\n[slack]\nshared_channels = "open"\n'
    async with shared(sqlite_url, tmp_path, toml) as both:
        ts = await both.ask(both.on.ada)
        assert both.on.slack.ephemerals(both.on.ada) == []
        receipt = both.on.slack.reactions(both.place, ts).get("incoming_envelope")
        answered = len(both.on.slack.messages(both.place)) == 2
        assert (bool(receipt), answered) == (confirm == "reaction", confirm == "thread")


async def test_an_outsider_who_may_ask_hears_that_it_worked_and_no_more(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with shared(sqlite_url, tmp_path, EXTERNALS + TRUSTED) as both:
        ts = await both.ask(both.pam)
        (told,) = both.on.slack.ephemerals(both.pam)
        assert (told.text, buttons(told.blocks)) == ("A ticket was created.", [])
        # Asking again, and adding to it.
        await both.on.slack.unreact(both.pam, both.place, ts, "ticket")
        await both.on.slack.react(both.pam, both.place, ts, "ticket")
        reply = await both.on.slack.post(both.on.ben, both.place, "Look", thread_ts=ts)
        await both.on.slack.react(both.pam, both.place, reply, "ticket")
        await both.on.settled()
        texts = sorted(whisper.text for whisper in both.on.slack.ephemerals(both.pam))
        assert texts == [
            "A ticket was created.",
            "This message already has a ticket.",
            "Your message was added to a ticket.",
        ]
        assert says_nothing(both.readable())


async def test_an_outsider_whose_ticket_is_refused_learns_nothing_of_the_inside(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with shared(sqlite_url, tmp_path, EXTERNALS) as both:
        await both.ask(both.pam, author=both.pam)
        both.on.plain.permissions.discard("thread:create")
        await both.ask(both.pam)
        assert [entry.reason for entry in both.on.entries()] == ["plain_forbidden", "no_customer"]
        unknown, refused = both.on.slack.ephemerals(both.pam)
        assert (
            "Ask someone from the workspace that runs the bridge to choose the customer."
            in unknown.text
        )
        assert refused.text.startswith("No ticket was created. Ask your contact at the company")
        for told in (unknown, refused):
            assert not any(word in told.text for word in ("permission", "plain-bridge", "key"))
            assert buttons(told.blocks) == []


async def test_an_outsider_who_is_linked_later_hears_no_more_after_half_an_hour(
    database_url: str, tmp_path: Path
) -> None:
    """The address of the answer is erased by then, and with it the channel to answer in."""
    async with shared(database_url, tmp_path, EXTERNALS) as both:
        on = both.on
        await both.ask(both.pam, author=both.pam)
        grow_older(on, RESPONSE_URL_SECONDS + 1)
        assert Retention(on.database).erase_addresses() == 1
        customer = on.plain.add_customer("Pam Partner", "pam@other.example")
        line = CustomerLink("T0OTHER", both.pam, customer.id)
        assert CustomerLinks(on.database).link([line], team=on.slack.team) == 1
        on.bridge.worker.wake()
        (entry,) = await on.settled()
        assert entry.state == "created"
        await until(lambda: len(on.slack.dms(both.pam)) == 1)
        (told,) = on.slack.dms(both.pam)
        assert told["text"] == "A ticket was created."
        assert buttons(told["blocks"]) == []
        assert says_nothing(str(told))


async def test_an_outsider_who_may_not_ask_hears_nothing(sqlite_url: str, tmp_path: Path) -> None:
    """Not even that there is a ticket already."""
    async with shared(sqlite_url, tmp_path) as both:
        ts = await both.ask(both.on.ada)
        await both.on.slack.react(both.pam, both.place, ts, "ticket")
        await both.on.settled()
        assert both.on.slack.ephemerals(both.pam) == []
        assert both.on.slack.dms(both.pam) == []


@pytest.mark.parametrize("undone", [True, False])
async def test_an_answer_in_a_channel_that_was_shared_since_tells_no_more(
    undone: bool, sqlite_url: str, tmp_path: Path
) -> None:
    """What stood there already is edited into words that say nothing of the ticket."""
    async with shared(sqlite_url, tmp_path, '[escalation]\nconfirm = "thread"\n') as both:
        on, channel = both.on, both.on.slack.channel(both.place)
        channel.shared = False
        await both.ask(on.ada)
        answer = on.slack.messages(both.place)[-1]
        assert "T-1" in answer["text"]
        channel.shared = True
        forget_channels(on)
        if undone:
            await on.slack.click(on.ada, "undo_ticket", channel=both.place, ts=answer["ts"])
        else:
            grow_older(on, UNDO_SECONDS)
        await until(lambda: "edited" in on.slack.messages(both.place)[-1])
        assert says_nothing(both.readable())


async def test_nobody_outside_presses_a_button(sqlite_url: str, tmp_path: Path) -> None:
    async with shared(sqlite_url, tmp_path, '[escalation]\nconfirm = "thread"\n') as both:
        on, channel = both.on, both.on.slack.channel(both.place)
        channel.shared = False
        await both.ask(on.ada)
        answer = on.slack.messages(both.place)[-1]
        channel.shared = True
        forget_channels(on)
        await on.slack.click(both.pam, "undo_ticket", channel=both.place, ts=answer["ts"])
        await until(lambda: on.slack.ephemerals(both.pam))
        (told,) = on.slack.ephemerals(both.pam)
        assert told.text == (
            "Only people from the company that runs Plain Bridge can use this button."
        )
        assert on.entries()[0].state == "created"


def forget_channels(on: Stage) -> None:
    """As after ten minutes: what the bridge knows of channels is asked anew."""
    slack = on.bridge.listeners.tickets.form.slack
    slack._channels.clear()
