"""What is on hold too long ends, and its submitter is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.store.customer_links import CustomerLink
from bot.store.retention import DAY_SECONDS, Retention
from tests.ways.several import heard
from tests.ways.stage import Stage, stage, until


@pytest.fixture
async def on(database_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(database_url, tmp_path) as set_up:
        yield set_up


async def held(on: Stage) -> str:
    """Ada's form of the `+` menu is for Gus, whom nobody has linked; Gus."""
    gus = on.slack.add_user("Gus Grant", guest=True)
    used = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert used.view is not None
    typed = {"title": "PROD DOWN", "description": "Since nine", "requester": gus}
    await on.slack.submit(on.ada, used.view["id"], typed)
    (entry,) = await on.settled()
    assert entry.state == "on-hold"
    await until(lambda: len(on.slack.dms(on.ada)) == 1)
    return gus


async def after(on: Stage, days: float, keep_text_days: int) -> int:
    """Let days pass, and the periodic erasing run; return how many requests ended."""
    older = "UPDATE request SET created_at = created_at - :s, settled_at = settled_at - :s"
    with on.database.writing() as connection:
        connection.execute(text(older), {"s": days * DAY_SECONDS})
    retention = Retention(on.database)
    retention.erase_addresses()
    ended = retention.end_holds(keep_text_days)
    retention.erase_texts(keep_text_days)
    on.bridge.worker.wake()
    return ended


async def link(on: Stage, user: str) -> None:
    customer = on.plain.add_customer("Gus of Grant", "gus@grant.example")
    on.people.link([CustomerLink(on.slack.team, user, customer.id)], by="cli")
    on.bridge.worker.wake()
    await on.settled()


@pytest.mark.parametrize(("days", "keep_text_days"), [(31, 30), (1.1, 0)])
async def test_who_submitted_it_is_told_and_a_later_link_opens_nothing(
    on: Stage, days: float, keep_text_days: int
) -> None:
    """Linked a month later, it became a ticket of the submitter's own, without a word of theirs."""
    gus = await held(on)
    assert await after(on, days, keep_text_days) == 1
    await until(lambda: len(on.slack.dms(on.ada)) == 2)
    told = on.slack.dms(on.ada)[-1]["text"]
    assert told.startswith("No ticket was created: ")
    assert "Gus Grant" in told
    (entry,) = await on.settled()
    assert (entry.state, entry.reason, entry.answer) == ("rejected", "not_linked", "said")
    await link(on, gus)
    assert on.plain.threads == []
    assert len(on.slack.dms(on.ada)) == 2


@pytest.mark.parametrize(("days", "keep_text_days"), [(29, 30), (0.9, 0)])
async def test_linked_in_time_it_is_the_ticket_that_was_asked_for(
    on: Stage, days: float, keep_text_days: int
) -> None:
    gus = await held(on)
    assert await after(on, days, keep_text_days) == 0
    await link(on, gus)
    (thread,) = on.plain.threads
    assert (thread.title, thread.customer.full_name) == ("PROD DOWN", "Gus of Grant")
    assert "Since nine" in str(thread.components)
    await until(lambda: len(on.slack.dms(on.ada)) == 2)
    assert on.slack.dms(on.ada)[-1]["text"].startswith("Created ticket T-1")
    assert heard(on, gus) == []
