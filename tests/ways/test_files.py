"""Files of a message reach Plain with its ticket; what cannot go is named with the reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.plain.nouns import Thread
from tests.ways.stage import Stage, stage

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4096
"""A megabyte, with every byte in it."""


def carried(on: Stage, thread: Thread) -> dict[str, bytes | None]:
    """The thread's attachments: name to bytes."""
    return {one.file_name: one.content for one in thread.attachments}


def listed(thread: Thread) -> str:
    """What the thread says of the files."""
    texts: list[str] = [
        one["componentText"]["text"] for one in thread.components if "componentText" in one
    ]
    return texts[-1]


async def post(on: Stage, *files: Any, text: str = "See here") -> str:
    return await on.slack.post(on.ben, on.support, text, files=files)


async def react(on: Stage, ts: str) -> Thread:
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    return on.plain.threads[-1]


async def test_files_reach_plain_to_the_byte(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        png = on.slack.add_file('Bild "1" ä.png', PNG, user=on.ben)
        log = on.slack.add_file("log.txt", b"it broke\n", user=on.ben, mode="snippet")
        thread = await react(on, await post(on, png, log))
        assert list(carried(on, thread).values()) == [PNG, b"it broke\n"]
        assert listed(thread).startswith("With 2 files: ")
        assert "not attached" not in listed(thread)
        sizes = [one.size for one in on.plain.attachments]
        assert sizes == [len(PNG), 9]


async def test_a_message_of_nothing_but_a_file(on_stage: Stage) -> None:
    on = on_stage
    thread = await react(on, await post(on, "shot.png", text=""))
    assert thread.title == "1 file: shot.png"
    assert list(carried(on, thread)) == ["shot.png"]


Make = Callable[[Stage], Any]

LOST: dict[str, tuple[Make, str]] = {
    "a banned kind": (
        lambda on: on.slack.add_file("setup.EXE", b"MZ"),
        "Plain does not accept files of this type",
    ),
    "too large": (
        lambda on: on.slack.add_file("big.zip", b"x" * 6_000_001),
        "it is larger than 6 MB",
    ),
    "empty": (lambda on: on.slack.add_file("a.txt", b""), "it is empty"),
    "external": (
        lambda on: on.slack.add_file("plan", b"?", mode="external", is_external=True),
        "it is stored outside Slack",
    ),
    "deleted": (
        lambda _on: {"id": "F9", "mode": "tombstone", "permalink": "https://x.example/F9"},
        "it was deleted",
    ),
    "hidden by the plan's limit": (
        lambda _on: {"id": "F9", "mode": "hidden_by_limit", "permalink": "https://x.example/F9"},
        "Slack hides it because it is older than the workspace's plan keeps",
    ),
    "a canvas": (
        lambda on: on.slack.add_file("Plan", b"{}", mode="canvas"),
        "it is a Slack document, which only opens in Slack",
    ),
    "another size than Slack said": (
        lambda on: on.slack.add_file("a.png", PNG, size=len(PNG) + 1),
        "the bridge cannot read it here",
    ),
    "on a host that is not Slack's": (
        lambda on: on.slack.add_file(
            "a.png", PNG, url_private_download="https://files.slack.com.evil.example/a.png"
        ),
        "the bridge cannot read it here",
    ),
}


@pytest.mark.parametrize(("make", "why"), LOST.values(), ids=LOST)
async def test_what_cannot_go_is_named_with_its_link_and_the_reason(
    on_stage: Stage, make: Make, why: str
) -> None:
    on = on_stage
    lost = make(on)
    thread = await react(on, await post(on, lost, "log.txt"))
    assert list(carried(on, thread)) == ["log.txt"]
    assert f"]({lost['permalink']}) (not attached: {why})" in listed(thread)


async def test_without_the_scope_the_ticket_comes_all_the_same(on_stage: Stage) -> None:
    on = on_stage
    ts = await post(on, "shot.png")
    on.slack.scopes.discard("files:read")
    thread = await react(on, ts)  # Slack shows its login page, with status 200
    assert thread.attachments == []
    assert "(not attached: the bridge cannot read it here)" in listed(thread)


async def test_without_the_permission_the_ticket_comes_all_the_same(on_stage: Stage) -> None:
    on = on_stage
    on.plain.permissions.discard("attachment:create")
    thread = await react(on, await post(on, "shot.png", "log.txt"))
    assert thread.attachments == []
    why = "the Plain key lacks the attachment:create permission"
    assert listed(thread).count(f"(not attached: {why})") == 2
    asked = [one for one in on.plain.requests if one.operation == "createAttachmentUploadUrl"]
    assert len(asked) == 1


async def test_a_redirect_to_another_host_is_not_followed(on_stage: Stage) -> None:
    on = on_stage
    shot = on.slack.add_file("shot.png", PNG, user=on.ben)
    on.slack.redirect_file(shot["id"], "http://127.0.0.1:9/shot.png")
    thread = await react(on, await post(on, shot))
    assert thread.attachments == []
    assert "(not attached: the bridge cannot read it here)" in listed(thread)


async def test_a_redirect_that_stays_with_slack_is_followed(on_stage: Stage) -> None:
    on = on_stage
    shot = on.slack.add_file("shot.png", PNG, user=on.ben)
    real = on.slack.add_file("real.png", PNG, user=on.ben)
    on.slack.redirect_file(shot["id"], str(real["url_private"]))
    await on.slack.post(on.ben, on.support, files=[real])
    thread = await react(on, await post(on, shot))
    assert carried(on, thread) == {"shot.png": PNG}


async def test_a_file_that_slack_withholds_is_looked_up(on_stage: Stage) -> None:
    on = on_stage
    shot = on.slack.add_file("shot.png", PNG, user=on.ben)
    thread = await react(on, await post(on, {"id": shot["id"], "file_access": "check_file_info"}))
    assert carried(on, thread) == {"shot.png": PNG}
    assert f"[shot.png]({shot['permalink']})" in listed(thread)


async def test_what_is_too_much_together_is_named(on_stage: Stage) -> None:
    on = on_stage
    thread = await react(
        on,
        await post(
            on,
            on.slack.add_file("a.bmp", b"a" * 4_000_000),
            on.slack.add_file("b.bmp", b"b" * 4_000_000),
            on.slack.add_file("c.bmp", b"c" * 2_000_000),
        ),
    )
    assert list(carried(on, thread)) == ["a.bmp", "c.bmp"]
    assert "(not attached: the files exceed 6 MB together)" in listed(thread)


async def test_files_of_the_whole_thread_go_too(on_stage: Stage) -> None:
    on = on_stage
    root = await post(on, "first.png")
    reply = await on.slack.post(on.ada, on.support, "And this", thread_ts=root, files=["two.png"])
    opened = await on.slack.use_shortcut(on.ada, on.support, reply, "create_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(on.ada, opened.view["id"], {"whole_thread": ["whole_thread"]})
    await on.settled()
    (thread,) = on.plain.threads
    assert sorted(carried(on, thread)) == ["first.png", "two.png"]


async def test_an_addition_names_its_files(on_stage: Stage) -> None:
    on = on_stage
    root = await post(on)
    await react(on, root)
    reply = await on.slack.post(on.ben, on.support, "And this", thread_ts=root, files=["two.png"])
    thread = await react(on, reply)
    (event,) = thread.events
    said = str(event.components)
    assert "(not attached: Plain accepts no files with a message that is added to a ticket)" in said
    assert on.plain.attachments == []


async def test_a_retry_uploads_nothing_again(database_url: str, tmp_path: Path) -> None:
    async with stage(database_url, tmp_path) as on:
        on.plain.fail("createThread", "429", times=2, seconds=0)
        thread = await react(on, await post(on, "shot.png", "log.txt"))
        assert sorted(carried(on, thread)) == ["log.txt", "shot.png"]
        assert len(on.plain.attachments) == 2


async def test_a_thread_waits_for_what_plain_does_not_see_yet(on_stage: Stage) -> None:
    on = on_stage
    on.plain.overlook_uploads(1)
    thread = await react(on, await post(on, "shot.png"))
    assert list(carried(on, thread)) == ["shot.png"]
    assert len(on.plain.attachments) == 1


@pytest.mark.parametrize("how", ["500", "drop"])
async def test_a_failing_bucket_costs_a_file_and_no_ticket(on_stage: Stage, how: Any) -> None:
    on = on_stage
    on.plain.fail("upload", how)
    thread = await react(on, await post(on, "shot.png", "log.txt"))
    assert list(carried(on, thread)) == ["log.txt"]
    assert "(not attached: it could not be copied)" in listed(thread)


async def test_a_download_that_breaks_costs_a_file_and_no_ticket(on_stage: Stage) -> None:
    on = on_stage
    on.slack.fail("download", status=503)
    thread = await react(on, await post(on, "shot.png", "log.txt"))
    assert list(carried(on, thread)) == ["log.txt"]
    assert "(not attached: it could not be copied)" in listed(thread)
