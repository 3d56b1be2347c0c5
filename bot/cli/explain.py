"""`plain-bridge explain`: report why a message did or did not become a ticket."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated
from urllib.parse import urlsplit

import typer

from bot import build
from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.core import refs
from bot.core.directory import Installation
from bot.core.identity import Others
from bot.core.refs import MessageRef
from bot.core.why import Explanation, Unread
from bot.flows import why as flow
from bot.settings import Settings, load
from bot.slack.views import why as words
from bot.slack.views.formatting import flat
from bot.store.database import Database
from bot.store.executor import Executor

LINK_IS_WRONG = "Or the link is wrong: copy it again from the message's … menu."


def explain(
    permalink: Annotated[
        str, typer.Argument(metavar="PERMALINK", help="“Copy link” in the message's menu.")
    ],
) -> None:
    """Explain every decision about one message, and why it has no ticket.

    Judges the rules and reactions as they are now. Changes nothing.
    """
    found = refs.from_permalink(permalink.strip())
    if found is None:
        raise CommandFailed(
            "this is not a link to a Slack message: choose “Copy link” in the message's … menu, "
            "and put the link in quotation marks"
        )
    settings = load(needs=("slack_bot_token",))
    with services.database(settings) as database:
        here, explained = asyncio.run(_explained(settings, database, permalink.strip(), *found))
    shown = words.sentences(explained, here.bot_user, Others(settings.identity.linkers or ()))
    if explained.unread is Unread.GONE and not explained.known:
        shown = replace(shown, first=f"{shown.first} {LINK_IS_WRONG}")
    _show(shown)


async def _explained(
    settings: Settings, database: Database, link: str, ref: MessageRef, root: str | None
) -> tuple[Installation, Explanation]:
    run = Executor(1)
    try:
        async with services.slack(settings) as slack:
            here = await slack.installation()
            _check_workspace(link, here)
            world = build.why_context(settings, database, slack, run, here)
            return here, await flow.explain(ref, root, world)
    finally:
        run.close()


def _check_workspace(link: str, here: Installation) -> None:
    theirs, ours = urlsplit(link).hostname or "", urlsplit(here.url).hostname
    in_organization = bool(here.enterprise) and theirs.endswith(".enterprise.slack.com")
    if theirs != ours and not in_organization:
        raise CommandFailed(
            f"the link points to {theirs or 'no workspace'}, but the bridge works in {ours}"
        )


def _show(shown: words.Sentences) -> None:
    console.say(flat(shown.first))
    for heading, lines in shown.lists:
        console.say("")
        console.say(heading)
        for line in lines:
            console.say(f"  - {flat(line)}")
    console.say("")
    console.say(words.AS_OF_NOW)
