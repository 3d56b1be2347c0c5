"""`plain-bridge sandbox`: the main job, played against a local Slack and Plain."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from bot.cli import console
from bot.cli.console import CommandFailed


def sandbox(
    stay: Annotated[bool, typer.Option(help="Stay up after the story, until Ctrl-C.")] = False,
    socket_mode: Annotated[
        bool, typer.Option(help="Reach the bridge over Socket Mode instead of HTTP.")
    ] = False,
    only_json: Annotated[
        bool, typer.Option("--json", help="Print the created threads only.")
    ] = False,
) -> None:
    """Play the main job against a local Slack and Plain; needs no account and no network."""
    try:
        from bot.sandbox import process, story
    except ModuleNotFoundError as error:
        raise CommandFailed(
            f"{error.name} is not installed, which the sandbox needs: "
            "install `plain-bridge[sandbox]`"
        ) from None

    def say(line: str) -> None:
        if not only_json:
            console.say(line)

    async def play() -> None:
        with tempfile.TemporaryDirectory(prefix="plain-bridge-sandbox-") as folder:
            async with story.stage(Path(folder), socket_mode=socket_mode) as stage:
                say(f"Slack, Plain and the bridge are up; the bridge listens on {stage.bridge.url}")
                threads = await story.play(stage, say)
                say(f"{len(threads)} Plain threads came of it:")
                sys.stdout.write(json.dumps(threads, indent=2, ensure_ascii=False) + "\n")
                sys.stdout.flush()
                if stay:
                    console.complain(
                        f"Staying up. Slack's Web API: {stage.slack.api_url} · "
                        f"the bridge's log: {stage.bridge.log} · Ctrl-C ends it."
                    )
                    await asyncio.Event().wait()

    try:
        asyncio.run(play())
    except KeyboardInterrupt:
        return
    except (process.BridgeFailed, story.StoryBroke) as error:
        raise CommandFailed(f"the story broke off: {error}") from None
