"""Looks whether a file of Slack's can be fetched: a wrong token gets a login page, with 200."""

from __future__ import annotations

from bot.cli.checks import Check, skip
from bot.cli.checks.refusals import failed, lacking
from bot.core.attachments import SkipReason
from bot.core.faults import Fault, TryLater
from bot.core.model import File
from bot.slack import calls
from bot.slack.client import SlackClient
from bot.slack.fields import maps
from bot.slack.files import SlackFiles
from bot.slack.text.files import file_of

NAME = "Slack files"
LISTED = 50

_SCOPE = "add the scope files:read, and install the app again"


async def check(client: SlackClient) -> Check:
    """Fetches the smallest of the files that the bot saw last, and drops it.

    https://docs.slack.dev/reference/methods/files.list
    """
    try:
        answer = await calls.call("files.list", client.web.files_list(count=LISTED))
    except Fault as fault:
        return lacking(NAME, fault) or failed(NAME, fault, _SCOPE)
    listed = [file_of(one) for one in maps(calls.content(answer).get("files"))]
    found = [file for file in listed if file is not None and _can_be_fetched(file)]
    if not found:
        return skip(NAME, "the bot sees no file yet; the scope is granted")
    return await _fetched(SlackFiles(client.web), min(found, key=lambda file: file.size or 0))


def _can_be_fetched(file: File) -> bool:
    hosted = file.mode in ("hosted", "snippet") and not file.external and not file.withheld
    return hosted and bool(file.download and file.size)


async def _fetched(files: SlackFiles, file: File) -> Check:
    fix = "see whether this machine reaches files.slack.com (proxy, firewall)"
    try:
        async with files.download(file) as given:
            if given is SkipReason.FAILED:
                return skip(NAME, "Slack cannot give a file now; look again later")
            if isinstance(given, SkipReason):
                return Check(NAME, False, "Slack gives something else in a file's place", _SCOPE)
            size = sum([len(chunk) async for chunk in given])
    except TryLater as later:
        return Check(NAME, False, f"a file could not be fetched ({later.cause})", fix)
    return Check(NAME, True, f"one of {size} bytes was fetched")
