"""Keep what interactions lead to: views, single-use triggers and response URLs."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from typing import Any

from bot.sandbox.slack import block_kit
from bot.sandbox.slack.nouns import Ephemeral, Json, SlackError, View
from bot.sandbox.slack.world import SlackWorld

LARGEST = 250_000
"""Bytes of a view. https://docs.slack.dev/reference/methods/views.open#errors"""
DEEPEST = 3
"""Views of one stack. https://docs.slack.dev/reference/methods/views.push#errors"""


class Modals:
    """The views that people have open; those of one person's stack share a root."""

    def __init__(self, world: SlackWorld, triggers: Triggers) -> None:
        self._world = world
        self._triggers = triggers

    def open(self, arguments: Json) -> View:
        shape = self._accepted(arguments.get("view"), "modal")
        trigger = self._triggers.exchange(arguments.get("trigger_id"))
        trigger.view = self._put(trigger.user, shape, previous=None)
        return trigger.view

    def push(self, user: str, shape: Any, previous: View) -> View:
        """Push a view on top of an open one."""
        root = previous.shape["root_view_id"]
        stack = [view for view in self._world.views.values() if view.shape["root_view_id"] == root]
        if len(stack) >= DEEPEST:
            raise SlackError("push_limit_reached")
        return self._put(user, self._accepted(shape, "modal"), previous)

    def update(self, arguments: Json) -> View:
        """Replace the content of an open view.

        A field that was there keeps what stands in it; its new initial value is ignored.
        """
        view = self._found(arguments)
        self._check_hash(view, arguments)
        self.change(view, arguments.get("view"))
        return view

    def change(self, view: View, shape: Any) -> None:
        accepted = self._accepted(shape, "modal")
        kept = {key: view.shape[key] for key in ("id", "previous_view_id", "root_view_id")}
        view.shape = {**self._shape(accepted), **kept}
        view.state = {
            block_id: {
                action_id: view.state.get(block_id, {}).get(action_id, first)
                for action_id, first in elements.items()
            }
            for block_id, elements in _first_state(view.shape).items()
        }

    def publish(self, arguments: Json) -> View:
        shape = self._accepted(arguments.get("view"), "home")
        user = self._world.person(str(arguments.get("user_id"))).id
        if user in self._world.homes:
            self._check_hash(self._world.homes[user], arguments)
        whole = self._shape(shape)
        home = View(user, whole, _first_state(whole))
        self._world.homes[user] = home
        return home

    def close(self, view: View) -> None:
        del self._world.views[view.id]

    def clear(self, view: View) -> None:
        """Close the whole stack that the view is in."""
        root = view.shape["root_view_id"]
        for other in list(self._world.views.values()):
            if other.shape["root_view_id"] == root:
                self.close(other)

    def _found(self, arguments: Json) -> View:
        view_id, external_id = arguments.get("view_id"), arguments.get("external_id")
        for view in self._world.views.values():
            if view.id == view_id or (external_id and view.shape["external_id"] == external_id):
                return view
        raise SlackError("not_found")

    def _check_hash(self, view: View, arguments: Json) -> None:
        if arguments.get("hash") not in (None, view.shape["hash"]):
            raise SlackError("hash_conflict")

    def _put(self, user: str, shape: Json, previous: View | None) -> View:
        external_ids = {view.shape["external_id"] for view in self._world.views.values()}
        if shape.get("external_id") and shape["external_id"] in external_ids:
            raise SlackError("duplicate_external_id")
        whole = self._shape(shape)
        whole["previous_view_id"] = previous.id if previous else None
        whole["root_view_id"] = previous.shape["root_view_id"] if previous else whole["id"]
        view = View(user, whole, _first_state(whole))
        self._world.views[view.id] = view
        return view

    def _shape(self, view: Json) -> Json:
        """Return a view as Slack gives it back: with ids, a hash and every field."""
        world = self._world
        view_id = f"V{world.nonce('view').upper()[:10]}"
        blocks = [
            _named({"block_id": world.nonce("block")[:5], **block}, world)
            for block in copy.deepcopy(view["blocks"])
        ]
        return {
            "id": view_id,
            "team_id": world.team,
            "type": view["type"],
            "blocks": blocks,
            "private_metadata": view.get("private_metadata") or "",
            "callback_id": view.get("callback_id") or "",
            "hash": f"{int(world.clock())}.{world.nonce('hash')[:8]}",
            "title": view.get("title") or {"type": "plain_text", "text": "View", "emoji": True},
            "clear_on_close": bool(view.get("clear_on_close")),
            "notify_on_close": bool(view.get("notify_on_close")),
            "close": view.get("close"),
            "submit": view.get("submit"),
            "previous_view_id": None,
            "root_view_id": view_id,
            "app_id": world.app_id,
            "external_id": view.get("external_id") or "",
            "app_installed_team_id": world.team,
            "bot_id": world.bot_id,
        }

    def _accepted(self, view: Any, type_: str) -> Json:
        faults = block_kit.faults_of_view(view)
        if not faults and view["type"] != type_:
            faults = [f"[ERROR] must be a {type_} [json-pointer:/view/type]"]
        faults = faults or [*self._unknown_people(view)]
        if faults:
            raise SlackError("invalid_arguments", response_metadata={"messages": faults})
        if len(json.dumps(view)) > LARGEST:
            raise SlackError("view_too_large")
        accepted: Json = view
        return accepted

    def _unknown_people(self, view: Json) -> list[str]:
        """Return the preset people who do not exist; Slack's own error for it is not known."""
        preset = [
            (block, user)
            for block, element in block_kit.inputs(view)
            if "users_select" in element["type"]
            for user in block_kit.listed(block_kit.initial(element))
        ]
        return [
            f"[ERROR] invalid user: {user} [json-pointer:/view/blocks/{block.get('block_id')}]"
            for block, user in preset
            if user not in self._world.users or user in self._world.refuse_initial_user
        ]


def _named(block: Json, world: SlackWorld) -> Json:
    for _, element in block_kit.inputs({"blocks": [block]}):
        element.setdefault("action_id", world.nonce("action")[:5])
    return block


def _first_state(view: Json) -> dict[str, dict[str, Json]]:
    first: dict[str, dict[str, Json]] = {}
    for block, element in block_kit.inputs(view):
        value = block_kit.state(element, block_kit.initial(element))
        first.setdefault(block["block_id"], {})[element["action_id"]] = value
    return first


TRIGGER_SECONDS = 3.0
"""https://docs.slack.dev/interactivity/handling-user-interaction#modal_responses"""
ANSWER_SECONDS = 30 * 60.0
MOST_ANSWERS = 5
"""https://docs.slack.dev/interactivity/handling-user-interaction#message_responses"""


@dataclass
class _Trigger:
    user: str
    at: float
    view: View | None = None
    used: bool = False


@dataclass
class _Address:
    user: str
    channel: str
    at: float
    message_ts: str | None
    ephemeral: Ephemeral | None = None
    uses: int = 0


class Triggers:
    """The trigger ids that were given out."""

    def __init__(self, world: SlackWorld) -> None:
        self._world = world
        self._triggers: dict[str, _Trigger] = {}

    def give(self, user: str) -> str:
        number = int(self._world.clock() * 1000)
        trigger_id = f"{number}.{len(self._triggers) + 1}.{self._world.nonce('trigger')}"
        self._triggers[trigger_id] = _Trigger(user, self._world.clock())
        return trigger_id

    def exchange(self, trigger_id: object) -> _Trigger:
        """Return and use up the trigger."""
        trigger = self._triggers.get(str(trigger_id))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._world.clock() - trigger.at > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def opened_by(self, trigger_id: str) -> View | None:
        return self._triggers[trigger_id].view


class ResponseUrls:
    """The answer addresses that were given out, and what is posted to them.

    They need neither the bot's membership nor a scope.
    """

    def __init__(self, world: SlackWorld) -> None:
        self._world = world
        self._addresses: dict[str, _Address] = {}

    def give(
        self,
        user: str,
        channel: str,
        message_ts: str | None = None,
        ephemeral: Ephemeral | None = None,
    ) -> str:
        """Return a new `response_url`; for a click, tied to the message that was clicked."""
        name = self._world.nonce("answer")
        self._addresses[name] = _Address(user, channel, self._world.clock(), message_ts, ephemeral)
        return f"{self._world.base_url}/app/{self._world.team}/{name}"

    def take(self, name: str, answer: Json) -> tuple[str, Json | None]:
        """Show an answer; return the channel, and the message if everybody sees it."""
        address = self._addresses.get(name)
        if address is None:
            raise SlackError("invalid_url")
        if address.uses >= MOST_ANSWERS:
            raise SlackError("used_url")
        if self._world.clock() - address.at > ANSWER_SECONDS:
            raise SlackError("expired_url")
        if not answer.get("text") and not answer.get("blocks") and not _removes(answer):
            raise SlackError("no_text")
        address.uses += 1
        if not _removes(answer) and not answer.get("replace_original"):
            return address.channel, show(self._world, address.user, address.channel, answer)[1]
        return address.channel, self._replace(address, answer)

    def _replace(self, address: _Address, answer: Json) -> Json | None:
        """Replace what was clicked; a command's earlier answer cannot be replaced."""
        world = self._world
        clicked = address.message_ts and world.channel(address.channel).find(address.message_ts)
        if clicked and _removes(answer):
            world.channel(address.channel).messages.remove(clicked)
        elif clicked:
            clicked |= {"text": answer.get("text") or "", "blocks": answer.get("blocks") or []}
        if clicked:
            return None
        at = next(
            (n for n, (_, one) in enumerate(world.whispers) if one is address.ephemeral), None
        )
        if at is not None:
            del world.whispers[at]
        if _removes(answer):
            return None
        shown, posted = show(world, address.user, address.channel, answer)
        if at is not None and shown is not None and address.ephemeral is not None:
            # In its place: above what came later, and in its Slack thread.
            del world.whispers[-1]
            before = address.ephemeral
            instead = shown._replace(thread_ts=before.thread_ts, ts=before.ts)
            world.whispers.insert(at, (address.user, instead))
            address.ephemeral = instead
        return posted


def _removes(answer: Json) -> bool:
    return bool(answer.get("delete_original"))


def show(
    world: SlackWorld, user: str, channel: str, answer: Json
) -> tuple[Ephemeral | None, Json | None]:
    """Show an answer to an interaction: to that person only, unless it says `in_channel`."""
    text, blocks = str(answer.get("text") or ""), list(answer.get("blocks") or [])
    if answer.get("response_type") == "in_channel":
        posted = world.bot_message(text, blocks)
        return None, world.write(channel, posted, answer.get("thread_ts"))
    whisper = Ephemeral(channel, answer.get("thread_ts"), text, blocks, world.next_ts())
    world.whispers.append((user, whisper))
    return whisper, None
