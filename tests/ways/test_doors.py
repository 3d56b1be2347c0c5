"""What Slack is answered: accepted means committed, and whatever else is said at once."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from bot.sandbox.slack import payloads
from tests.ways.locking import locked
from tests.ways.stage import Stage, Transport, stage, until

# The form


async def test_the_form_comes_complete_in_the_first_call(on_stage: Stage) -> None:
    on = on_stage
    ts = await on.slack.post(
        on.ben, on.support, f"<@{on.ada}> the *export* of our yearly numbers fails " + "again " * 20
    )
    opened = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    view = opened.view
    assert (view["callback_id"], view["notify_on_close"]) == ("plain_ticket_form", True)
    inputs = [block["block_id"] for block in view["blocks"] if block["type"] == "input"]
    assert inputs == ["title", "description", "requester", "priority", "labels", "tenant"]
    state = {name: fields["value"] for name, fields in view["state"]["values"].items()}
    title = state["title"]["value"]
    assert "the export of our yearly numbers fails again" in title
    assert "<@" not in title
    assert len(title) <= 80
    assert state["requester"]["selected_user"] == on.ben
    assert state["priority"]["selected_option"]["value"] == "normal"
    assert len(view["private_metadata"]) == 32
    assert "export" not in view["private_metadata"]
    await on.bridge.background.drain()
    assert [call.method for call in on.slack.calls].count("views.open") == 1


async def test_the_shortcut_works_where_the_bot_is_no_member(on_stage: Stage) -> None:
    on = on_stage
    dm = on.slack.add_dm(on.ada, on.ben)
    private = on.slack.add_channel("secret", private=True, members=(on.ada,), bot_member=False)
    for place in (dm, private):
        ts = await on.slack.post(on.ada, place, f"Between us in {place}")
        opened = await on.slack.use_shortcut(on.ada, place, ts, "create_plain_ticket")
        assert opened.view is not None
        await on.slack.submit(on.ada, opened.view["id"])
    await on.settled()
    assert len(on.plain.threads) == 2
    assert "a direct message" in str(on.plain.threads[0].components)
    assert f"/archives/{dm}/p" in str(on.plain.threads[0].components)
    # The bot cannot post there: the answers came by the shortcuts' response_url.
    assert [seen.channel for seen in on.slack.ephemerals(on.ada)] == [dm, private]


async def test_a_bots_message_is_asked_for_by_who_escalates_it(on_stage: Stage) -> None:
    on = on_stage
    ts = await on.slack.post(None, on.support, "Disk is full", bot_name="Monitor")
    opened = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    state = opened.view["state"]["values"]
    assert state["requester"]["value"]["selected_user"] == on.ada
    await on.slack.submit(on.ada, opened.view["id"])
    await on.threads(1)
    assert "Posted as “Monitor” by an app in #support" in str(on.plain.threads[0].components)


async def test_a_requester_whom_slack_refuses_leaves_the_form_without_one(
    on_stage: Stage,
) -> None:
    on = on_stage
    on.slack.refuse_initial_user.add(on.ben)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    opened = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(on.ada, opened.view["id"])
    (entry,) = await on.settled()
    assert (entry.state, entry.requester) == ("created", on.ben)


async def test_wrong_input_is_said_beside_its_field_and_empty_input_is_the_prefill(
    on_stage: Stage,
) -> None:
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    opened = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert opened.view is not None
    wrong = await on.slack.submit(on.ada, opened.view["id"], {"title": "   "})
    assert wrong.errors == {"title": "Enter a title."}
    assert on.slack.open_views(on.ada)
    assert on.entries() == []
    empty = ("title", "requester", "priority")
    sent = await on.slack.submit(
        on.ada, opened.view["id"], {"title": "The export fails"}, as_empty=empty
    )
    assert sent.ok
    assert sent.errors == {}
    await on.settled()
    (thread,) = on.plain.threads
    assert (thread.title, thread.priority) == ("The export fails", 2)
    assert thread.customer.full_name == "Ben Ortiz"


async def test_a_closed_form_is_forgotten(on_stage: Stage) -> None:
    on = on_stage
    opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert opened.view is not None
    draft = opened.view["private_metadata"]
    assert on.bridge.listeners.tickets.drafts.load(draft) is not None
    await on.slack.close_view(on.ada, opened.view["id"])
    await on.bridge.background.drain()
    assert on.bridge.listeners.tickets.drafts.load(draft) is None


async def test_a_form_is_forgotten_once_its_request_is_recorded(on_stage: Stage) -> None:
    on = on_stage
    opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert opened.view is not None
    view = on.slack.views[opened.view["id"]]
    await on.slack.submit(on.ada, view.id, {"title": "Secret"})
    await on.bridge.background.drain()
    assert on.bridge.listeners.tickets.drafts.load(opened.view["private_metadata"]) is None
    # Submitted again, it is known all the same.
    on.slack.views[view.id] = view
    again = await on.slack.submit(on.ada, view.id, {"title": "Secret"})
    assert again.errors == {}
    assert len(await on.settled()) == 1


async def test_a_form_whose_draft_is_gone_says_so(on_stage: Stage) -> None:
    on = on_stage
    opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert opened.view is not None
    on.bridge.listeners.tickets.drafts.erase(opened.view["private_metadata"])
    sent = await on.slack.submit(on.ada, opened.view["id"], {"title": "Late"})
    assert list(sent.errors) == ["title"]
    assert on.entries() == []


async def test_a_form_submitted_twice_is_one_thread(on_stage: Stage) -> None:
    on = on_stage
    opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert opened.view is not None
    view = on.slack.views[opened.view["id"]]
    await on.slack.submit(on.ada, opened.view["id"], {"title": "Twice"})
    on.slack.views[view.id] = view
    again = await on.slack.submit(on.ada, view.id, {"title": "Twice"})
    assert again.errors == {}
    await on.settled()
    assert len(on.plain.threads) == 1
    assert len(on.slack.dms(on.ada)) == 1


async def test_a_form_that_slack_does_not_open_is_said(on_stage: Stage) -> None:
    on = on_stage
    on.slack.fail("views.open", error="expired_trigger_id")
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    await until(lambda: on.seen_by(on.ada))
    assert on.seen_by(on.ada) == [
        "The form couldn't be opened, and nothing was saved. Try again in a minute."
    ]


# The command


@pytest.mark.parametrize("text", ["help", " HELP "])
async def test_help_explains_to_the_caller_only(on_stage: Stage, text: str) -> None:
    on = on_stage
    said = await on.slack.command(on.ada, on.support, "/plain-ticket", text)
    assert said.ephemeral is not None
    assert "`/plain-ticket`" in said.ephemeral.text
    assert "by e-mail, not to the Slack thread" in said.ephemeral.text
    assert on.entries() == []


async def test_no_door_asks_slack_who_it_is_talking_to(on_stage: Stage) -> None:
    on = on_stage
    begun = len(on.slack.calls)
    await on.ask()
    await on.slack.command(on.ada, on.support, "/plain-ticket", "help")
    await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    await on.settled()
    assert "auth.test" not in [call.method for call in on.slack.calls[begun:]]


async def test_the_bare_command_opens_the_form(on_stage: Stage) -> None:
    on = on_stage
    said = await on.slack.command(on.ada, on.support, "/plain-ticket")
    assert said.view is not None
    await on.slack.submit(on.ada, said.view["id"], {"title": "By form"})
    await on.settled()
    assert on.plain.threads[0].title == "By form"
    assert on.seen_by(on.ada)[0].startswith("Created ticket T-1")


# Reactions


@pytest.mark.parametrize(
    ("emoji", "wanted"), [("ticket", 1), ("ticket::skin-tone-3", 1), ("eyes", 0)]
)
async def test_only_a_rules_emoji_asks(on_stage: Stage, emoji: str, wanted: int) -> None:
    on = on_stage
    delivery = await on.ask(emoji=emoji)
    assert (delivery.status, delivery.attempts) == (200, 1)
    assert len(await on.settled()) == wanted


async def test_a_reaction_that_no_rule_names_touches_no_database(on_stage: Stage) -> None:
    on = on_stage
    with locked(on):
        assert (await on.ask(emoji="eyes")).status == 200
    assert on.entries() == []


async def test_reactions_by_bots_by_the_bridge_and_on_files_are_ignored(on_stage: Stage) -> None:
    on = on_stage
    robot = on.slack.add_user("Robot", bot=True)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.slack.bot_user, on.support, ts, "ticket")
    assert on.entries() == []
    event = {"type": "reaction_added", "user": on.ada, "reaction": "ticket", "event_ts": ts}
    on_file = await on.slack.send_event({**event, "item": {"type": "file", "file": "F1"}})
    assert on_file.status == 200
    assert on.entries() == []
    await on.slack.react(robot, on.support, ts, "ticket")
    (entry,) = await on.settled()
    assert (entry.state, entry.reason) == ("ignored", "asked_by_a_bot")
    assert on.plain.threads == []
    assert on.seen_by(robot) == []


@pytest.mark.parametrize("replies", ["only_reply", "whole_thread"])
@pytest.mark.parametrize("scopes", ["all", "reactions only"])
async def test_a_reply_is_quoted_and_never_its_neighbour(
    on_stage: Stage, replies: Any, scopes: str
) -> None:
    on = on_stage
    on.slack.replies_to_reply = replies
    if scopes == "reactions only":
        on.slack.scopes -= {"channels:history"}
    root = await on.slack.post(on.ben, on.support, "The root")
    reply = await on.slack.post(on.ada, on.support, "The reply", thread_ts=root)
    await on.slack.post(on.ben, on.support, "The neighbour", thread_ts=root)
    await on.slack.react(on.ada, on.support, reply, "ticket")
    (entry,) = await on.settled()
    assert entry.key.endswith(reply)
    components = str(on.plain.threads[0].components)
    assert "The reply" in components
    assert "The root" not in components
    assert "The neighbour" not in components
    assert f"thread_ts={root}" in components


# When the database cannot take it


async def test_an_event_that_cannot_be_recorded_is_sent_again_by_slack(on_stage: Stage) -> None:
    on = on_stage
    with locked(on):
        delivery = await on.ask()
    # Each was answered within the three seconds that Slack waits.
    assert (delivery.status, delivery.attempts) == (500, 4)
    assert on.entries() == []


async def test_a_command_that_cannot_be_recorded_gives_the_text_back(on_stage: Stage) -> None:
    on = on_stage
    with locked(on):
        started = time.monotonic()
        said = await on.slack.command(on.ada, on.support, "/plain-ticket", "My *precious* text")
        assert time.monotonic() - started < 2.5
    assert said.status == 200
    assert said.ephemeral is not None
    assert "couldn't be saved" in said.ephemeral.text
    assert "My *precious* text" in said.ephemeral.text
    assert on.entries() == []


async def test_a_submit_that_cannot_be_recorded_keeps_the_form_open(on_stage: Stage) -> None:
    on = on_stage
    opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
    assert opened.view is not None
    with locked(on):
        sent = await on.slack.submit(on.ada, opened.view["id"], {"title": "Typed at length"})
    assert list(sent.errors) == ["title"]
    assert on.slack.open_views(on.ada)
    again = await on.slack.submit(on.ada, opened.view["id"])
    assert again.errors == {}
    await on.settled()
    assert on.plain.threads[0].title == "Typed at length"


async def test_a_shortcut_that_cannot_be_recorded_says_so_in_its_form(on_stage: Stage) -> None:
    on = on_stage
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    with locked(on):
        used = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
    assert used.status == 200
    (view,) = on.slack.open_views(on.ada)
    assert "couldn't" in str(view["blocks"])
    assert not any(block["type"] == "input" for block in view["blocks"])


# Other workspaces and apps


@pytest.mark.parametrize("transport", ["http", "socket"])
async def test_what_belongs_to_another_workspace_or_app_is_answered_and_not_recorded(
    sqlite_url: str, tmp_path: Path, transport: Transport
) -> None:
    """One secret signs for every workspace that the app is installed in."""
    async with stage(sqlite_url, tmp_path, transport=transport) as on:
        ts = await on.slack.post(on.ben, on.support, "It burns")
        event = payloads.reaction(on.slack, "reaction_added", on.ada, on.support, ts, "ticket")
        ours = payloads.envelope(on.slack, event, on.ada, on.support)
        theirs = {**ours["authorizations"][0], "team_id": "T0THEIRS"}
        foreign = [
            ours | {"authorizations": [theirs], "context_team_id": "T0THEIRS"},
            ours | {"api_app_id": "A0OTHER"},
        ]
        with capture_logs() as logs:
            for number, body in enumerate([*foreign, foreign[0]]):
                said = await on.slack.courier.event(body | {"event_id": f"Ev{number}"})
                assert (said.status, said.attempts) == (200, 1)
        assert await on.settled() == []
        named = [(line["event"], line["team"], line["app"]) for line in logs if "team" in line]
        assert named == [
            ("request_from_another_workspace", "T0THEIRS", on.slack.app_id),
            ("request_from_another_app", on.slack.team, "A0OTHER"),
        ]
        said = await on.slack.courier.event(ours | {"team_id": "T0SENDER"})
        assert said.status == 200
        assert [entry.state for entry in await on.settled()] == ["created"]


async def test_a_command_of_another_workspace_is_told_that_nothing_was_recorded(
    on_stage: Stage,
) -> None:
    on = on_stage
    theirs = {
        "command": "/plain-ticket",
        "text": "It burns",
        "team_id": "T0THEIRS",
        "api_app_id": on.slack.app_id,
        "user_id": "U0THEIRS",
        "channel_id": "C0THEIRS",
        "trigger_id": "1.2.x",
    }
    said = await on.slack.courier.once("slash_commands", theirs)
    assert said.status == 200
    assert "this bridge belongs to another Slack workspace" in str(said.body)
    assert await on.settled() == []
    async with aiohttp.ClientSession() as session, session.get(f"{on.url}/metrics") as metrics:
        counted = await metrics.text()
    assert 'plain_bridge_foreign_requests_total{belongs_to="another_workspace"} 1.0' in counted
