"""`plain-bridge sandbox`: play a story against a local Slack and Plain, or serve a page."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.cli import console
from bot.cli.console import CommandFailed
from bot.server import loop_factory


def sandbox(
    stay: Annotated[
        bool, typer.Option(help="Serve a page to try the bridge in a browser, until Ctrl-C.")
    ] = False,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", help="Port of the page (default: 8020).")
    ] = None,
    socket_mode: Annotated[
        bool, typer.Option(help="Connect the story's bridge over Socket Mode instead of HTTP.")
    ] = False,
    only_json: Annotated[
        bool, typer.Option("--json", help="Print only the story's threads.")
    ] = False,
) -> None:
    """Try the bridge with a local Slack and Plain; no account or network needed."""
    if stay and (socket_mode or only_json):
        raise CommandFailed("--stay serves the page; --socket-mode and --json belong to the story.")
    if port is not None and not stay:
        raise CommandFailed("--port is the page's port: add --stay.")
    try:
        from bot.sandbox import page, process, story
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"{error.name} is not installed, and the sandbox needs it: "
            "install the wheel with its extra `sandbox` (pip install 'FILE.whl[sandbox]')"
        ) from None
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            if stay:
                runner.run(_until_stopped(_stay(page.PORT if port is None else port)))
            else:
                runner.run(_play(socket_mode=socket_mode, only_json=only_json))
    except KeyboardInterrupt:
        return
    except (process.BridgeFailed, story.StoryBroke) as error:
        raise CommandFailed(f"the story failed: {error}") from None


async def _play(*, socket_mode: bool, only_json: bool) -> None:
    from bot.sandbox import story

    def say(line: str) -> None:
        if not only_json:
            console.say(line)

    with tempfile.TemporaryDirectory(prefix="plain-bridge-sandbox-") as folder:
        async with story.stage(Path(folder), socket_mode=socket_mode) as stage:
            say(f"Slack, Plain and the bridge are running; the bridge is at {stage.bridge.url}")
            threads = await story.play(stage, say)
            say(f"The result, {len(threads)} Plain threads:")
            sys.stdout.write(json.dumps(threads, indent=2, ensure_ascii=False) + "\n")
            sys.stdout.flush()


async def _stay(port: int) -> None:
    from bot.sandbox.page import page

    with tempfile.TemporaryDirectory(prefix="plain-bridge-sandbox-") as folder:
        try:
            async with page(Path(folder), port) as (url, desk):
                console.say(f"A small Slack, a small Plain, and the bridge between them: {url}")
                console.say(
                    "React to a message with :ticket: and watch the thread appear. "
                    "Then switch Plain off, react again, and switch it back on."
                )
                console.complain(f"The bridge's log: {desk.bridge.log} · Ctrl-C stops everything.")
                sys.stdout.flush()
                await asyncio.Event().wait()
        except OSError as error:
            raise CommandFailed(
                f"port {port} cannot be used ({error.strerror}): try another --port"
            ) from None


async def _until_stopped(work: Coroutine[Any, Any, None]) -> None:
    """Run the work until Ctrl-C or SIGTERM, and let it clean up."""
    task = asyncio.ensure_future(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: Ctrl-C raises there
            loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
