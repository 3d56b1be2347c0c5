"""Every message of `tests/shown`, posted in Slack as it is and read in Plain."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bot.sandbox.plain.nouns import Thread
from tests.shown import cases
from tests.ways.stage import Stage, stage


def with_files(on: Stage, value: Any, known: dict[str, Any]) -> Any:
    """Return the JSON in which every file that has an address lies in the sandbox's Slack; `known`
    are those that lie there, by the id that they had."""
    if isinstance(value, list):
        return [with_files(on, one, known) for one in value]
    if not isinstance(value, dict):
        return value
    if "url_private_download" not in value:
        return {key: with_files(on, one, known) for key, one in value.items()}
    if value["id"] in known:
        return known[value["id"]]
    own = ("id", "url_private", "url_private_download", "name", "size")
    more = {key: one for key, one in value.items() if key not in own}
    lies = on.slack.add_file(value["name"], b"x" * value["size"], user=on.ben, **more)
    known[value["id"]] = lies
    return lies


def peopled(on: Stage, message: dict[str, Any]) -> dict[str, Any]:
    """Return the message with ids that the sandbox's Slack knows."""
    app = on.slack.add_user("watch", bot=True)
    known = {"U0BEN": on.ben, "U0APP": app, "B0APP": on.slack.users[app].bot_id}
    text = json.dumps(message)
    for id_, other in known.items():
        text = text.replace(f'"{id_}"', json.dumps(other))
    found = json.loads(text)
    assert isinstance(found, dict)
    return found


def words(thread: Thread) -> str:
    texts: list[str] = []
    for one in thread.components:
        if "componentText" in one:
            texts.append(one["componentText"]["text"])
        if "componentPlainText" in one:
            texts.append(one["componentPlainText"]["plainText"])
    return "\n".join(texts)


async def test_all_that_slack_shows_is_read_in_plain(sqlite_url: str, tmp_path: Path) -> None:
    async with stage(sqlite_url, tmp_path) as on:
        posted = {}
        for parameter in cases():
            (case,) = parameter.values
            message = with_files(on, peopled(on, case.message), {})
            posted[await on.slack.post_json(on.support, message)] = parameter.id, case
        for number, ts in enumerate(posted, start=1):
            await on.slack.react(on.ada, on.support, ts, "ticket")
            if number % 8 == 0:  # a slow machine has time for so many
                await on.settled()
        await on.settled()
        threads = {str(one.external_id).rpartition(":")[2]: one for one in on.plain.threads}
        assert threads.keys() == posted.keys()
        failed = {}
        for ts, (name, case) in posted.items():
            thread = threads[ts]
            try:
                case.check(words(thread), thread.title)
                attached = [one.file_name for one in thread.attachments]
                assert case.attached in (None, attached)
            except AssertionError as error:
                failed[name] = str(error)
        assert failed == {}
