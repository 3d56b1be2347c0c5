"""Act as people who use the app: shortcuts, commands, forms, buttons, its Home."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from bot.sandbox.slack import block_kit, payloads, typed
from bot.sandbox.slack.modals import Modals, ResponseUrls, Triggers, show
from bot.sandbox.slack.nouns import Conversation, Delivery, Ephemeral, Json, SlackError, User, View
from bot.sandbox.slack.people import MessageActions


class Interactions(MessageActions):
    """Interactions are sent once: what fails is told to the person and never sent again."""

    triggers: Triggers
    answers: ResponseUrls
    modals: Modals

    async def use_shortcut(self, user: str, channel: str, ts: str, callback_id: str) -> Delivery:
        """Use a message shortcut from a message's menu; the bot need not be in the channel."""
        person, place = self._own(user), self._place(user, channel)
        posted = self.message(channel, ts)
        payload = payloads.message_action(self, person, place, posted, callback_id)
        payload["response_url"] = self.answers.give(user, channel)
        return await self._interact(user, payload)

    async def use_global_shortcut(self, user: str, callback_id: str) -> Delivery:
        return await self._interact(user, payloads.shortcut(self, self._own(user), callback_id))

    async def command(self, user: str, channel: str, command: str, text: str = "") -> Delivery:
        """Run a slash command; `text` as typed, with `<@U…>` for a person that was picked."""
        person, place = self._own(user), self._place(user, channel)
        sent = typed.command_text(text, self._label) if self.should_escape else text
        form = payloads.command(self, person, place, command, sent)
        form["response_url"] = self.answers.give(user, channel)
        form["trigger_id"] = self.triggers.give(user)
        delivery = await self.courier.once("slash_commands", form)
        return self._shown(self._with_view(delivery, form["trigger_id"]), user, channel)

    async def submit(
        self,
        user: str,
        view_id: str,
        values: Mapping[str, Any] | None = None,
        *,
        as_empty: Iterable[str] = (),
    ) -> Delivery:
        """Fill in a view's fields by block id and submit it.

        A value is a text, an option's value or text, a user's id, a date, or a list of them.
        Fields that are not named keep what stands in them; those in `as_empty` are sent empty
        although something stands in them, as Slack has been seen to do. ValueError for what
        Slack's own form would not let through.
        """
        view = self._open(user, view_id)
        for block_id, value in (values or {}).items():
            self._fill(view, block_id, value)
        _check(view)
        sent = View(user, view.shape, {**view.state, **_emptied(view, as_empty)})
        payload = payloads.submission(self, self.person(user), sent)
        delivery = await self._interact(user, payload)
        return self._after_submit(user, view, delivery)

    async def close_view(self, user: str, view_id: str) -> Delivery | None:
        """Close a form; return None if the app does not want to be told."""
        view = self._open(user, view_id)
        self.modals.close(view)
        if not view.shape["notify_on_close"]:
            return None
        payload = payloads.closed(self, self.person(user), view)
        return await self.courier.once("interactive", payload)

    async def click(
        self,
        user: str,
        action_id: str,
        *,
        channel: str | None = None,
        ts: str | None = None,
        ephemeral: Ephemeral | None = None,
        view_id: str | None = None,
        value: str | None = None,
        typed: Mapping[str, Any] | None = None,
    ) -> Delivery:
        """Press a button in a message, an ephemeral message, a view or the Home tab.

        `value` tells which one, where several have the same action. `typed` is what a view's
        fields hold by then, as in `submit`.
        """
        if ephemeral is not None:
            shown: Json = {"blocks": ephemeral.blocks}
            place = self._clicked_whisper(user, ephemeral)
        elif channel is not None and ts is not None:
            shown = self.message(channel, ts)
            place = self._clicked_message(user, self._place(user, channel), shown)
        else:
            view = self._open(user, view_id) if view_id else self.homes[user]
            for block_id, held in (typed or {}).items():
                self._fill(view, block_id, held)
            shown = view.shape
            container = {"type": "view", "view_id": view.id}
            place = {"container": container, "view": payloads.filled(view)}
        action = _action(shown.get("blocks", []), action_id, value)
        person = self.person(user)
        return await self._interact(user, payloads.block_actions(self, person, action, place))

    async def suggest(self, user: str, view_id: str, block_id: str, text: str) -> list[Json]:
        """Return the options an external select offers for a text: none for one that is shorter
        than it wants, and none where Slack cannot read the answer.

        https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element
        """
        view = self._open(user, view_id)
        _, element = _field(view, block_id)
        if len(text) < element.get("min_query_length", 3):
            return []
        where = {"block_id": block_id, "action_id": element["action_id"]}
        payload = payloads.block_suggestion(self, self.person(user), view, where, text)
        delivery = await self.courier.once("interactive", payload)
        if not isinstance(delivery.body, dict) or block_kit.faults_of_options(delivery.body):
            return []
        return block_kit.options(delivery.body)

    async def choose(self, user: str, view_id: str, block_id: str, value: Any) -> Delivery | None:
        """Put a value into one field of an open view; return None if the app is not told."""
        view = self._open(user, view_id)
        block, element = _field(view, block_id)
        self._fill(view, block_id, value)
        if not block.get("dispatch_action"):
            return None
        held = view.state[block_id][element["action_id"]]
        action = {"action_id": element["action_id"], "block_id": block_id, **held}
        container = {"type": "view", "view_id": view.id}
        place = {"container": container, "view": payloads.filled(view)}
        person = self.person(user)
        return await self._interact(user, payloads.block_actions(self, person, action, place))

    async def open_home(self, user: str) -> Delivery | None:
        """Open the app's Home tab; the event carries what was published there before.

        https://docs.slack.dev/reference/events/app_home_opened
        """
        home = self.homes.get(user)
        event = {
            "type": "app_home_opened",
            "user": user,
            "channel": self.add_dm(user, self.bot_user),
            "tab": "home",
            "event_ts": self.next_ts(),
            **({"view": payloads.filled(home)} if home else {}),
        }
        return await self.news.tell(event, user, None)

    # Sending, and what the answer does.

    async def _interact(self, user: str, payload: Json) -> Delivery:
        trigger_id = self.triggers.give(user)
        delivery = await self.courier.once("interactive", {**payload, "trigger_id": trigger_id})
        return self._with_view(delivery, trigger_id)

    def _with_view(self, delivery: Delivery, trigger_id: str) -> Delivery:
        view = self.triggers.opened_by(trigger_id)
        shown = payloads.filled(view) if view else None
        return replace(delivery, trigger_id=trigger_id, view=shown)

    def _shown(self, delivery: Delivery, user: str, channel: str) -> Delivery:
        """Show a command's answer: JSON, or a bare text, which only the caller sees."""
        body = {"text": delivery.body} if isinstance(delivery.body, str) else delivery.body
        if not delivery.ok or not isinstance(body, dict):
            return delivery
        if not body.get("text") and not body.get("blocks"):
            return delivery
        whisper, posted = show(self, user, channel, body)
        if posted is not None:
            self.news.spread_message(self.channel(channel), posted)
        return replace(delivery, ephemeral=whisper)

    def _after_submit(self, user: str, view: View, delivery: Delivery) -> Delivery:
        """Act on the answer to a submission: empty closes the view, unreadable leaves it open."""
        if not delivery.ok or view.id not in self.views:
            return delivery
        try:
            shown = self._obey(user, view, delivery)
        except SlackError:
            return replace(delivery, failure="invalid_response")
        return replace(delivery, view=payloads.filled(shown)) if shown else delivery

    def _obey(self, user: str, view: View, delivery: Delivery) -> View | None:
        """Do what the answer says; return the view that it shows, if any."""
        action = delivery.response_action
        if delivery.body in (None, ""):
            self.modals.close(view)
        elif action == "clear":
            self.modals.clear(view)
        elif action == "update":
            self.modals.change(view, delivery.body.get("view"))
            return view
        elif action == "push":
            return self.modals.push(user, delivery.body.get("view"), view)
        elif action != "errors" or not _beside_inputs(view, delivery.errors):
            raise SlackError("invalid_response")
        return None

    # Who, where and which.

    def _own(self, user: str) -> User:
        """Return the person. Raise ValueError for one of another workspace: they have no menu."""
        if self.external(user):
            raise ValueError(f"{user} belongs to another workspace and has no such menu")
        return self.person(user)

    def _place(self, user: str, channel: str) -> Conversation:
        place = self.channel(channel)
        if place.kind != "channel" and user not in place.members:
            raise ValueError(f"{user} does not see {channel}")
        return place

    def _open(self, user: str, view_id: str) -> View:
        view = self.views.get(view_id)
        if view is None or view.user != user:
            raise ValueError(f"{user} has no view {view_id} open")
        return view

    def _fill(self, view: View, block_id: str, value: Any) -> None:
        block, element = _field(view, block_id)
        if "users_select" in element["type"]:
            for one in block_kit.listed(value):
                self.person(one)
        view.state[block["block_id"]] = {element["action_id"]: block_kit.state(element, value)}

    def _label(self, token: str) -> str | None:
        """Return the name that Slack puts beside an id in a command's text."""
        if not self.known(token):
            return None
        name = token[1:]
        if token[0] == "@":
            return self.users[name].name
        return self.conversations[name].name if token[0] == "#" else ""

    def _clicked_message(self, user: str, place: Conversation, message: Json) -> Json:
        where = {"type": "message", "message_ts": message["ts"], "channel_id": place.id}
        thread = {"thread_ts": message["thread_ts"]} if "thread_ts" in message else {}
        return {
            "container": {**where, "is_ephemeral": False, **thread},
            "channel": {"id": place.id, "name": place.payload_name},
            "message": payloads.shown(message),
            "response_url": self.answers.give(user, place.id, message_ts=message["ts"]),
            "state": {"values": {}},
        }

    def _clicked_whisper(self, user: str, whisper: Ephemeral) -> Json:
        """Return the place of a click in an ephemeral message: its thread, without its content.

        https://github.com/slackapi/java-slack-sdk/issues/1200
        """
        place = self.channel(whisper.channel)
        where = {"type": "message", "message_ts": whisper.ts, "channel_id": place.id}
        thread = {"thread_ts": whisper.thread_ts} if whisper.thread_ts else {}
        return {
            "container": {**where, "is_ephemeral": True, **thread},
            "channel": {"id": place.id, "name": place.payload_name},
            "response_url": self.answers.give(user, place.id, ephemeral=whisper),
            "state": {"values": {}},
        }


def _field(view: View, block_id: str) -> tuple[Json, Json]:
    for block, element in block_kit.inputs(view.shape):
        if block["block_id"] == block_id:
            return block, element
    raise ValueError(f"the view has no field {block_id!r}")


def _check(view: View) -> None:
    """Check what Slack's form checks before it sends anything. Raise ValueError."""
    for block, element in block_kit.inputs(view.shape):
        held = block_kit.chosen(view.state[block["block_id"]][element["action_id"]])
        if held is None and block["type"] == "input" and not block.get("optional"):
            raise ValueError(f"the field {block['block_id']!r} has to be filled in")
        if isinstance(held, str) and element["type"] == "plain_text_input":
            least, most = element.get("min_length", 0), element.get("max_length", 3000)
            if not least <= len(held) <= most:
                raise ValueError(f"{block['block_id']!r} takes {least} to {most} characters")


def _emptied(view: View, block_ids: Iterable[str]) -> dict[str, dict[str, Json]]:
    found = (_field(view, block_id) for block_id in block_ids)
    return {
        block["block_id"]: {element["action_id"]: block_kit.state(element, None)}
        for block, element in found
    }


def _beside_inputs(view: View, errors: Mapping[str, str]) -> bool:
    """Check that errors name input blocks. https://docs.slack.dev/surfaces/modals#displaying_errors"""
    blocks = {block["block_id"] for block in view.shape["blocks"] if block["type"] == "input"}
    return bool(errors) and errors.keys() <= blocks


def _action(blocks: list[Json], action_id: str, value: str | None) -> Json:
    for block in blocks:
        for element in [*block.get("elements", []), block.get("accessory") or {}]:
            if element.get("action_id") == action_id and value in (None, element.get("value")):
                shown = {key: element[key] for key in ("value", "url", "text") if key in element}
                where = {"action_id": action_id, "block_id": block.get("block_id", "")}
                return {"type": element["type"], **where, **shown}
    raise ValueError(f"there is nothing to press with action_id {action_id!r}")
