"""Valid things that Slack sends, of each kind, from a workspace in which they mean something."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from random import Random
from typing import Any, Literal
from urllib.parse import parse_qsl

from bot.sandbox.slack import Json, payloads
from tests.fuzz.mutations import EMAIL, PRIVATE, TOKEN
from tests.ways.stage import Stage

Kind = Literal["events_api", "slash_commands", "interactive"]

RICH: list[Json] = [
    {
        "type": "rich_text",
        "block_id": "b1",
        "elements": [
            {
                "type": "rich_text_section",
                "elements": [
                    {"type": "text", "text": f"{PRIVATE} ", "style": {"bold": True, "code": True}},
                    {"type": "link", "url": "https://x.example/a?b=c", "text": "x.example"},
                    {"type": "user", "user_id": "U1"},
                    {"type": "channel", "channel_id": "C1"},
                    {"type": "usergroup", "usergroup_id": "S1"},
                    {"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fb"},
                    {"type": "broadcast", "range": "here"},
                    {"type": "date", "timestamp": 1700000000, "format": "{date}", "fallback": "x"},
                    {"type": "color", "value": "#F405B3"},
                ],
            },
            {
                "type": "rich_text_list",
                "style": "ordered",
                "indent": 1,
                "offset": 2,
                "border": 1,
                "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "one"}]}
                ],
            },
            {"type": "rich_text_quote", "elements": [{"type": "text", "text": PRIVATE}]},
            {
                "type": "rich_text_preformatted",
                "border": 0,
                "elements": [{"type": "text", "text": f"token = {TOKEN}"}],
            },
        ],
    }
]
BLOCKS: list[Json] = [
    {"type": "header", "text": {"type": "plain_text", "text": PRIVATE}},
    {
        "type": "section",
        "text": {"type": "mrkdwn", "text": f"*a* <mailto:{EMAIL}|write>"},
        "fields": [{"type": "mrkdwn", "text": "_b_"}],
    },
    {"type": "context", "elements": [{"type": "image", "image_url": "x", "alt_text": "an image"}]},
    {"type": "image", "title": {"type": "plain_text", "text": "title"}, "alt_text": "alt"},
    {"type": "table", "rows": [[{"type": "raw_text", "text": "cell"}, RICH[0]]]},
    {"type": "markdown", "text": "# head"},
]
ATTACHMENT: Json = {
    "fallback": PRIVATE,
    "is_share": True,
    "pretext": "see",
    "author_name": "Ben",
    "title": "A title",
    "title_link": "https://x.example/",
    "text": "*quoted*",
    "footer": "below",
    "fields": [{"title": "Key", "value": "value", "short": True}],
    "blocks": BLOCKS,
    "message_blocks": [{"team": "T1", "message": {"blocks": RICH, "text": "inner"}}],
}
FILE: Json = {
    "id": "F1",
    "name": f"{PRIVATE}.png",
    "title": "shot",
    "mimetype": "image/png",
    "size": 1024,
    "permalink": "https://x.example/files/F1",
}


def message(chance: Random, user: str) -> Json:
    """A message with some of all that a message may have."""
    some: Json = {"text": f"{PRIVATE} <@{user}> *bold*\n&gt; quote `{TOKEN}` {EMAIL}"}
    for name, value in {
        "blocks": chance.choice([RICH, BLOCKS]),
        "attachments": [ATTACHMENT],
        "files": [FILE],
        "subtype": "bot_message",
        "bot_profile": {"id": "B1", "name": "Robot"},
        "edited": {"user": user, "ts": "1700000000.000100"},
        "thread_ts": "1700000000.000100",
        "reactions": [{"name": "ticket", "count": 1, "users": [user]}],
    }.items():
        if chance.random() < 0.4:
            some[name] = value
    if chance.random() < 0.3:
        some["text"] = ""
    return {"user": user, "team": "T1", **some}


class Samples:
    """Builds payloads; `drafts` maps a form's draft to the key that its submission asks for, where
    that is known before (a form about a message). `opened` are the keys of tickets that were asked
    for on the way to a payload."""

    def __init__(self, on: Stage, chance: Random) -> None:
        self.on = on
        self.chance = chance
        self.drafts: dict[str, str | None] = {}
        self.opened: set[str] = set()

    def any(self) -> Callable[[], Awaitable[tuple[Kind, Json]]]:
        kinds = (
            *(self.reaction, self.message_shortcut, self.command, self.submission) * 3,
            self.global_shortcut,
            self.closed,
            self.other_event,
            self.click,
            self.undo,
            self.removal,
            self.another_request,
            self.options,
            self.choice,
            self.placement,
        )
        return kinds[self.chance.randrange(len(kinds))]

    def posted(self) -> Json:
        return self.on.slack.write(self.on.support, message(self.chance, self.on.ben))

    async def reaction(self) -> tuple[Kind, Json]:
        return self._reaction("reaction_added", self.on.ada, self.posted()["ts"])

    async def another_request(self) -> tuple[Kind, Json]:
        """Somebody else's reaction, to a message that has its ticket."""
        return self._reaction("reaction_added", self._somebody(), await self._ticket())

    async def removal(self) -> tuple[Kind, Json]:
        """A reaction taken back, which asked for a ticket or for a second time."""
        user = self.chance.choice([self.on.ada, self._somebody()])
        return self._reaction("reaction_removed", user, await self._ticket())

    def _reaction(self, change: str, user: str, ts: str) -> tuple[Kind, Json]:
        on = self.on
        event = payloads.reaction(on.slack, change, user, on.support, ts, "ticket")
        return "events_api", payloads.envelope(on.slack, event, user, on.support)

    def _somebody(self) -> str:
        """A member, a guest, or somebody whom Slack tells nothing of."""
        on, name = self.on, self.on.slack.nonce("eve")
        match self.chance.randrange(4):
            case 0:
                user = on.slack.add_user(name, email=f"{name}@acme.example", guest=True)
            case 1:
                user = on.slack.add_user(name)
            case _:
                return on.ben
        on.slack.channel(on.support).members.add(user)
        return user

    async def _ticket(self) -> str:
        """The ts of a message for which Ada's ticket is there, or on its way."""
        on = self.on
        ts = await on.slack.post(on.ben, on.support, PRIVATE)
        self.opened.add(f"{on.slack.team}:{on.support}:{ts}")
        await on.slack.react(on.ada, on.support, ts, "ticket")
        if self.chance.random() < 0.7:
            with suppress(TimeoutError):
                await on.settled()
        return ts

    async def other_event(self) -> tuple[Kind, Json]:
        on, posted = self.on, self.posted()
        place = on.slack.channel(on.support)
        event = self.chance.choice(
            [
                payloads.message(place, posted),
                payloads.changed(place, posted, posted, on.slack.next_ts()),
                payloads.changed(place, None, posted, on.slack.next_ts()),
                {"type": "app_home_opened", "user": on.ada, "tab": "home"},
                payloads.reaction(
                    on.slack, "reaction_removed", on.ada, on.support, posted["ts"], "ticket"
                ),
            ]
        )
        return "events_api", payloads.envelope(on.slack, event, on.ada, on.support)

    async def message_shortcut(self) -> tuple[Kind, Json]:
        slack, on, posted = self.on.slack, self.on, self.posted()
        payload = payloads.message_action(
            slack,
            slack.person(on.ada),
            slack.channel(on.support),
            posted,
            "create_plain_ticket",
        )
        payload["response_url"] = slack.answers.give(on.ada, on.support)
        payload["trigger_id"] = slack.triggers.give(on.ada)
        return "interactive", payload

    async def global_shortcut(self) -> tuple[Kind, Json]:
        slack, ada = self.on.slack, self.on.ada
        payload = payloads.shortcut(slack, slack.person(ada), "new_plain_ticket")
        return "interactive", {**payload, "trigger_id": slack.triggers.give(ada)}

    async def command(self) -> tuple[Kind, Json]:
        slack, on = self.on.slack, self.on
        said = self.chance.choice([f"{PRIVATE} *bold* <@{on.ben}|ben>", "", "help"])
        form = payloads.command(
            slack, slack.person(on.ada), slack.channel(on.support), "/plain-ticket", said
        )
        form["response_url"] = slack.answers.give(on.ada, on.support)
        form["trigger_id"] = slack.triggers.give(on.ada)
        return "slash_commands", form

    async def submission(self) -> tuple[Kind, Json]:
        slack, ada = self.on.slack, self.on.ada
        view_id = await self._form()
        payload = payloads.submission(slack, slack.person(ada), slack.views[view_id])
        values = payload["view"]["state"]["values"]
        values["title"]["value"]["value"] = PRIVATE
        values["description"]["value"]["value"] = f"{PRIVATE}\n{TOKEN}"
        del slack.views[view_id]
        return "interactive", {**payload, "trigger_id": slack.triggers.give(ada)}

    async def closed(self) -> tuple[Kind, Json]:
        slack = self.on.slack
        view_id = await self._form()
        view = slack.views.pop(view_id)
        return "interactive", payloads.closed(slack, slack.person(self.on.ada), view)

    async def click(self) -> tuple[Kind, Json]:
        newest = [entry.reference for entry in self.on.entries()[:5]]
        action = self.chance.choice(["open_in_plain", "reopen_form", "link_person", "undo_ticket"])
        return self._click(action, self.on.ada, self.chance.choice([PRIVATE, *newest]))

    async def undo(self) -> tuple[Kind, Json]:
        """A click on the Undo of a ticket that is there, by whoever opened it or by another."""
        ts = await self._ticket()
        key = f"{self.on.slack.team}:{self.on.support}:{ts}"
        of = [entry.reference for entry in self.on.entries() if entry.key == key]
        user = self.chance.choice([self.on.ada, self.on.ada, self._somebody()])
        return self._click("undo_ticket", user, (of or ["PB-1"])[0])

    def _click(self, action_id: str, user: str, value: str) -> tuple[Kind, Json]:
        slack, on = self.on.slack, self.on
        where: Json = {"type": "message", "message_ts": slack.next_ts(), "channel_id": on.support}
        if self.chance.random() < 0.5:
            where["is_ephemeral"] = True
        action = {"type": "button", "action_id": action_id, "block_id": "b", "value": value}
        place = {"container": where, "message": self.posted()}
        payload = payloads.block_actions(slack, slack.person(user), action, place)
        if self.chance.random() < 0.5:
            payload["response_url"] = slack.answers.give(user, on.support)
        return "interactive", payload

    async def options(self) -> tuple[Kind, Json]:
        """What a select of the form asks while somebody types."""
        slack, ada = self.on.slack, self.on.ada
        view = slack.views.pop(await self._form())
        where = {"block_id": self.chance.choice(["labels", "tenant"]), "action_id": "value"}
        payload = payloads.block_suggestion(slack, slack.person(ada), view, where, PRIVATE)
        return "interactive", payload

    async def choice(self) -> tuple[Kind, Json]:
        """Another requester chosen in the form."""
        slack, on = self.on.slack, self.on
        view = slack.views.pop(await self._form())
        held = {"type": "users_select", "selected_user": on.ben}
        view.state["requester"] = {"value": held}
        action = {"action_id": "value", "block_id": "requester", **held}
        place = {"container": {"type": "view", "view_id": view.id}, "view": payloads.filled(view)}
        payload = payloads.block_actions(slack, slack.person(on.ada), action, place)
        return "interactive", {**payload, "trigger_id": slack.triggers.give(on.ada)}

    async def placement(self) -> tuple[Kind, Json]:
        """A separate ticket chosen in a form that adds to one, or the other way round."""
        slack, on = self.on.slack, self.on
        view = slack.views.pop(await self._form(in_thread=True))
        value = self.chance.choice(["add", "separate"])
        action = {"type": "button", "action_id": "place_form", "block_id": "b", "value": value}
        place = {"container": {"type": "view", "view_id": view.id}, "view": payloads.filled(view)}
        payload = payloads.block_actions(slack, slack.person(on.ada), action, place)
        return "interactive", {**payload, "trigger_id": slack.triggers.give(on.ada)}

    async def _form(self, *, in_thread: bool = False) -> str:
        """Open a form, the one about a message or the empty one; its view's id.

        `in_thread`: about a message in a Slack thread that has its ticket.
        """
        on, drawn = self.on, self.chance.random()
        if drawn < 0.4 and not in_thread:
            opened = await on.slack.use_global_shortcut(on.ada, "new_plain_ticket")
            key = None
        else:
            root = await self._ticket() if in_thread or drawn > 0.8 else None
            ts = await on.slack.post(on.ben, on.support, PRIVATE, thread_ts=root)
            opened = await on.slack.use_shortcut(on.ada, on.support, ts, "create_plain_ticket")
            key = f"{on.slack.team}:{on.support}:{ts}"
        assert opened.view is not None, opened
        self.drafts[_draft(opened.view["private_metadata"])] = key
        return str(opened.view["id"])

    def asked(self, body: Any) -> set[str]:
        """The keys of the threads that this payload asks for, if it is well formed."""
        found = set(self.opened)
        if not isinstance(body, dict):
            return found
        team = self.on.slack.team
        event = body.get("event")
        if body.get("type") == "event_callback" and isinstance(event, dict):
            item = event.get("item")
            if event.get("type") == "reaction_added" and isinstance(item, dict):
                emoji, of = str(event.get("reaction")), item.get("type")
                if emoji.strip().strip(":").partition("::")[0].lower() == "ticket":
                    key = f"{team}:{item.get('channel')}:{item.get('ts')}"
                    found |= {key} if of == "message" and _is_name(event.get("user")) else set()
        if body.get("command") == "/plain-ticket" and _is_name(body.get("text")):
            found.add(f"{team}:command:{body.get('trigger_id')}")
        view = body.get("view")
        if body.get("type") == "view_submission" and isinstance(view, dict):
            draft, of = _draft(view.get("private_metadata")), view.get("callback_id")
            if draft in self.drafts and of == "plain_ticket_form":
                found.add(self.drafts[draft] or f"{team}:view:{view.get('id')}")
        return found


def _draft(metadata: object) -> str:
    """The id of a form's draft, which the placement may follow."""
    return metadata.partition("\n")[0] if isinstance(metadata, str) else ""


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def read(body: str) -> Any:
    """A request's body as Slack's documentation has it: JSON, or a form with or without it."""
    try:
        if body.startswith("{"):
            return json.loads(body)
        form = dict(parse_qsl(body, keep_blank_values=True))
        return json.loads(form["payload"]) if "payload" in form else form
    except (ValueError, RecursionError):
        return None
