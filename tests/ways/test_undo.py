"""Undo by its button: by whom, for how long, and when something breaks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core.faults import TryLater
from bot.core.reconcile import FindingVerdict, Scope
from bot.core.undo import UNDO_SECONDS
from bot.flows import undo as undo_flow
from bot.flows.reconcile import reconcile
from bot.sandbox.plain import Plain
from bot.sandbox.plain.nouns import SystemActor
from bot.sandbox.slack import Ephemeral
from bot.store.undo import Undos
from tests.ways.stage import Stage, stage, until
from tests.ways.undoing import THREAD, buttons, created, grow_older, ignored, seen, thread, undone


async def undo(on: Stage, user: str, whisper: Ephemeral) -> None:
    clicked = await on.slack.click(user, "undo_ticket", ephemeral=whisper)
    assert clicked.status == 200
    await undone(on)


# The button


async def test_an_answer_offers_the_way_to_plain_and_an_undo(on_stage: Stage) -> None:
    on = on_stage
    told = await created(on)
    assert told.text.startswith("Created ticket T-1 · <https://app.plain.com/")
    section, actions = told.blocks
    assert section["text"]["text"] == "Created ticket T-1"
    open_in_plain, undo_ticket = actions["elements"]
    assert open_in_plain["action_id"] == "open_in_plain"
    assert open_in_plain["url"].endswith(f"/thread/{thread(on).id}/")
    assert (undo_ticket["action_id"], undo_ticket["value"]) == ("undo_ticket", "PB-1")
    assert undo_ticket["confirm"]["title"]["text"] == "Undo this ticket?"
    opened = await on.slack.click(on.ada, "open_in_plain", ephemeral=told)
    assert opened.status == 200
    await on.settled()
    assert (len(on.slack.ephemerals(on.ada)), thread(on).status) == (1, "TODO")


async def test_who_asked_undoes_it_and_asks_again(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        told = await created(on)
        ts = on.slack.messages(on.support)[0]["ts"]
        await undo(on, on.ada, told)
        assert ignored(on)
        (note,) = thread(on).notes
        assert "Ada Nowak undid this ticket in Slack" in note.text
        (entry,) = on.entries()
        assert entry.reference in note.text
        assert "@" not in note.text
        assert (entry.state, entry.undone_by) == ("undone", on.ada)
        # The answer stands replaced, and is the only one.
        (now,) = on.slack.ephemerals(on.ada)
        assert now.text.startswith("Undone: T-1 is marked as ignored in Plain")
        assert buttons(now.blocks) == []

        await on.slack.unreact(on.ada, on.support, ts, "ticket")
        await on.slack.react(on.ada, on.support, ts, "ticket")
        entries = await on.settled()
        assert [one.state for one in entries] == ["created", "undone"]
        first, second = on.plain.threads
        assert second.external_id == f"{first.external_id}:2"
        assert (first.status, second.status) == ("DONE", "TODO")
        assert seen(on, on.ada).startswith("Created ticket T-2")


async def test_a_linker_undoes_what_somebody_else_asked_for(
    sqlite_url: str, tmp_path: Path
) -> None:
    async with stage(sqlite_url, tmp_path, toml=THREAD) as on:
        boss = on.slack.add_user("Olga Owner", email="olga@acme.example", owner=True)
        on.slack.channel(on.support).members.add(boss)
        await on.ask()
        await on.settled()
        answer = on.slack.messages(on.support)[-1]
        await on.slack.click(boss, "undo_ticket", channel=on.support, ts=answer["ts"])
        await undone(on)
        assert ignored(on)
        assert "Olga Owner undid" in thread(on).notes[0].text
        (entry,) = on.entries()
        assert (entry.state, entry.undone_by) == ("undone", boss)


async def test_nobody_else_undoes_it(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path, toml=THREAD) as on:
        await on.ask()
        await on.settled()
        answer = on.slack.messages(on.support)[-1]
        await on.slack.click(on.ben, "undo_ticket", channel=on.support, ts=answer["ts"])
        await undone(on)
        assert seen(on, on.ben).startswith("Not undone: only the person who requested")
        assert (thread(on).status, on.entries()[0].state) == ("TODO", "created")
        assert on.slack.messages(on.support)[-1] == answer


async def test_people_of_other_companies_never_undo(sqlite_url: str, tmp_path: Path) -> None:
    """Not even what they asked for themselves, and whatever the settings say of linkers."""
    toml = f'{THREAD}who = ["member", "external"]\n[slack]\nshared_channels = "open"\n'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        pam = on.slack.add_user("Pam Partner", team="T0OTHER", owner=True)
        place = on.slack.add_channel("both", shared=True, members=(on.ada, on.ben, pam))
        for submitter in (on.ada, pam):
            ts = await on.slack.post(on.ben, place, f"Asked by {submitter}")
            await on.slack.react(submitter, place, ts, "ticket")
            await on.settled()
            answer = on.slack.messages(place)[-1]
            await on.slack.click(pam, "undo_ticket", channel=place, ts=answer["ts"])
            await undone(on)
            assert on.slack.messages(place)[-1] == answer
        assert [whisper.text for whisper in on.slack.ephemerals(pam)] == [
            "Only people from the company that runs Plain Bridge can use this button."
        ] * 2
        assert [entry.state for entry in on.entries()] == ["created", "created"]
        assert [one.status for one in on.plain.threads] == ["TODO", "TODO"]


async def test_a_late_click_on_an_old_answer_says_what_to_do(on_stage: Stage) -> None:
    on = on_stage
    told = await created(on)
    grow_older(on, UNDO_SECONDS + 1)
    await undo(on, on.ada, told)
    (now,) = on.slack.ephemerals(on.ada)
    assert now.text.startswith("Too late to undo: mark T-1 as done in Plain instead.")
    assert buttons(now.blocks) == ["open_in_plain"]
    assert thread(on).status == "TODO"


ACTS = {
    "answered": lambda on: on.plain.answer(thread(on), "Have you tried again?"),
    "wrote a note": lambda on: on.plain.write_note(thread(on), "Known bug"),
    "assigned": lambda on: on.plain.assign(thread(on)),
    "done": lambda on: on.plain.change_status(thread(on), "done"),
    "ignored": lambda on: on.plain.change_status(thread(on), "ignored"),
    "snoozed": lambda on: on.plain.change_status(thread(on), "snoozed"),
    "investigating": lambda on: on.plain.change_status(thread(on), "investigating"),
    "snoozed by a workflow": lambda on: on.plain.change_status(
        thread(on), "snoozed", SystemActor("sys_1")
    ),
}


@pytest.mark.parametrize("act", [pytest.param(act, id=name) for name, act in ACTS.items()])
async def test_not_once_an_agent_acted(act: object, on_stage: Stage) -> None:
    on = on_stage
    told = await created(on)
    assert callable(act)
    act(on)
    before = thread(on).status
    await undo(on, on.ada, told)
    (now,) = on.slack.ephemerals(on.ada)
    assert now.text.startswith("Not undone: someone has already acted on T-1 in Plain.")
    assert buttons(now.blocks) == ["open_in_plain"]
    assert (on.entries()[0].state, on.entries()[0].undone_by) == ("created", None)
    assert thread(on).status == before
    assert all(note.text == "Known bug" for note in thread(on).notes)


async def test_what_a_rule_did_at_the_creation_does_not_count(
    sqlite_url: str, tmp_path: Path
) -> None:
    plain = Plain()
    grace = plain.add_user("grace@plain.example", "Grace")
    toml = f'[[rule]]\nemoji = "ticket"\nassignee = "{grace.id}"\n'
    async with stage(sqlite_url, tmp_path, toml=toml, plain=plain) as on:
        told = await created(on)
        assert thread(on).assigned_to is grace
        await undo(on, on.ada, told)
        assert ignored(on)


async def test_not_once_other_messages_were_added(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        told = await created(on)
        root = on.slack.messages(on.support)[0]["ts"]
        reply = await on.slack.post(on.ben, on.support, "Still failing", thread_ts=root)
        await on.slack.react(on.ben, on.support, reply, "ticket")
        await on.settled()
        assert len(thread(on).events) == 1
        await undo(on, on.ada, told)
        assert "other messages have been added to T-1" in seen(on, on.ada)
        assert thread(on).status == "TODO"


async def test_the_home_offers_it_too(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        await created(on)
        await on.ask("Another one")
        await on.settled()
        await on.slack.open_home(on.ada)
        await until(lambda: "undo_ticket" in str(on.slack.home(on.ada)))
        await on.slack.click(on.ada, "undo_ticket")  # of the newest
        await undone(on)
        assert (ignored(on, 1), thread(on, 0).status) == (True, "TODO")
        await until(lambda: str(on.slack.home(on.ada)).count("undo_ticket") == 1)
        assert on.slack.dms(on.ada) == []
        grow_older(on, UNDO_SECONDS + 1)
        await on.slack.click(on.ada, "undo_ticket")
        await undone(on)
        (told,) = on.slack.dms(on.ada)
        assert told["text"].startswith("Too late to undo: mark T-1 as done in Plain instead.")


async def test_the_home_stops_offering_what_was_refused(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        on.bridge.listeners.home.pause = 0.01
        await created(on)
        await on.slack.open_home(on.ada)
        await until(lambda: "undo_ticket" in str(on.slack.home(on.ada)))
        on.plain.answer(thread(on), "Have you tried again?")
        await on.slack.click(on.ada, "undo_ticket")
        await undone(on)
        (told,) = on.slack.dms(on.ada)
        assert told["text"].startswith("Not undone: someone has already acted on T-1 in Plain.")
        await until(lambda: "undo_ticket" not in str(on.slack.home(on.ada)))
        assert "Created: T-1" in str(on.slack.home(on.ada))


async def test_reconciliation_leaves_what_was_undone_alone(sqlite_url: str, tmp_path: Path) -> None:
    """The reaction that asked still stands under the message."""
    async with stage(sqlite_url, tmp_path) as on:
        await undo(on, on.ada, await created(on))
        report = await reconcile(on.bridge.reconciling, Scope())
        assert report.of(FindingVerdict.ESCALATED) == ()
        await on.settled()
        assert [entry.state for entry in on.entries()] == ["undone"]


async def test_an_addition_offers_no_undo(on_stage: Stage) -> None:
    on = on_stage
    await created(on)
    root = on.slack.messages(on.support)[0]["ts"]
    reply = await on.slack.post(on.ben, on.support, "Still failing", thread_ts=root)
    await on.slack.react(on.ada, on.support, reply, "ticket")
    await on.settled()
    added = on.slack.ephemerals(on.ada)[-1]
    assert added.text.startswith("Added to T-1")
    assert buttons(added.blocks) == ["open_in_plain"]


async def test_a_double_click_is_one_undo(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        told = await created(on)
        await asyncio.gather(*(undo(on, on.ada, told) for _ in range(3)))
        assert ignored(on)
        assert len(thread(on).notes) == 1
        texts = [whisper.text for whisper in on.slack.ephemerals(on.ada)]
        assert all("undone" in text.lower() for text in texts)
        assert not any("undo_ticket" in buttons(w.blocks) for w in on.slack.ephemerals(on.ada))


@pytest.mark.parametrize("lacking", ["note:create", "thread:edit", "timeline:read"])
async def test_a_permission_that_is_missing_is_named(lacking: str, on_stage: Stage) -> None:
    on = on_stage
    told = await created(on)
    on.plain.permissions.discard(lacking)
    await undo(on, on.ada, told)
    if lacking != "timeline:read":  # which Plain names in words of its own
        assert f"lacks a permission in Plain: it needs `{lacking}`" in seen(on, on.ada)
    assert "mark T-1 as done in Plain" in seen(on, on.ada)
    assert (thread(on).status, thread(on).notes) == ("TODO", [])
    assert on.entries()[0].state == "created"
    # The button still stands: it works as soon as the key may.
    assert buttons(on.slack.ephemerals(on.ada)[0].blocks) == ["open_in_plain", "undo_ticket"]
    on.plain.permissions.add(lacking)
    await undo(on, on.ada, told)
    assert ignored(on)


# When something breaks


async def test_while_plain_is_away_the_click_waits(
    on_stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was answered that nothing came of it, and had to be clicked again."""
    monkeypatch.setattr(undo_flow, "PATIENCE", 0.0)
    on = on_stage
    told = await created(on)
    on.plain.down = True
    await on.slack.click(on.ada, "undo_ticket", ephemeral=told)
    await until(lambda: "will be undone automatically" in seen(on, on.ada))
    assert on.entries()[0].state == "created"
    on.plain.heal()
    await undone(on)
    assert ignored(on)
    assert seen(on, on.ada).startswith("Undone: T-1")


async def test_a_mark_without_an_answer_is_finished(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        told = await created(on)
        on.plain.fail("markThreadAsDone", "drop", committed=True)
        await undo(on, on.ada, told)
        assert seen(on, on.ada).startswith("Undone: T-1")
        assert (ignored(on), on.entries()[0].state) == (True, "undone")
        assert len(thread(on).notes) == 1


async def test_a_click_that_cannot_be_recorded_says_so(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        told = await created(on)
        on.bridge.listeners.undo.context = replace(
            on.bridge.listeners.undo.context, undos=Unwritable(on.bridge.worker.ledger)
        )
        clicked = await on.slack.click(on.ada, "undo_ticket", ephemeral=told)
        assert clicked.status == 200
        await on.bridge.background.drain()
        assert seen(on, on.ada).startswith("Not undone: the bridge couldn't do it right now.")
        assert (thread(on).status, on.entries()[0].state) == ("TODO", "created")


class Unwritable(Undos):
    def record(self, *_: object, **__: object) -> int:
        raise TryLater("database_busy")


# Everybody


async def test_everybody_who_was_told_of_a_ticket_hears_that_it_was_undone(
    database_url: str, tmp_path: Path
) -> None:
    async with stage(database_url, tmp_path) as on:
        told = await created(on)
        ts = on.slack.messages(on.support)[0]["ts"]
        await on.slack.react(on.ben, on.support, ts, "ticket")
        await on.settled()
        assert "T-1" in seen(on, on.ben)
        await undo(on, on.ada, told)
        assert seen(on, on.ben) == (
            f"T-1 was undone by <@{on.ada}>: it is marked as ignored in Plain. "
            "If you still need a ticket, request it again."
        )
