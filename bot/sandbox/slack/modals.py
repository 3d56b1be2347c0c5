"""The life of views: opened with a trigger, filled in, updated, stacked and closed."""

from __future__ import annotations

import copy
import json
from typing import Any

from bot.sandbox.slack import block_kit, fields
from bot.sandbox.slack.answers import Triggers
from bot.sandbox.slack.nouns import Json, SlackError, View
from bot.sandbox.slack.world import World

LARGEST = 250_000
"""Bytes of a view. https://docs.slack.dev/reference/methods/views.open#errors"""
DEEPEST = 3
"""Views of one stack. https://docs.slack.dev/reference/methods/views.push#errors"""


class Modals:
    """The views that people have open; those of one person's stack share a root."""

    def __init__(self, world: World, triggers: Triggers) -> None:
        self._world = world
        self._triggers = triggers

    def open(self, arguments: Json) -> View:
        shape = self._accepted(arguments.get("view"), "modal")
        trigger = self._triggers.exchange(arguments.get("trigger_id"))
        trigger.view = self._put(trigger.user, shape, previous=None)
        return trigger.view

    def push(self, user: str, shape: Any, previous: View) -> View:
        """Lay another view over one that is open."""
        root = previous.shape["root_view_id"]
        stack = [view for view in self._world.views.values() if view.shape["root_view_id"] == root]
        if len(stack) >= DEEPEST:
            raise SlackError("push_limit_reached")
        return self._put(user, self._accepted(shape, "modal"), previous)

    def update(self, arguments: Json) -> View:
        """Show something else in an open view.

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
        """A view as Slack gives it back: with ids, a hash and every field."""
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
        """Preset people who are not there; Slack's own words for it are not known."""
        preset = [
            (block, user)
            for block, element in fields.inputs(view)
            if "users_select" in element["type"]
            for user in _list(fields.initial(element))
        ]
        return [
            f"[ERROR] invalid user: {user} [json-pointer:/view/blocks/{block.get('block_id')}]"
            for block, user in preset
            if user not in self._world.users or user in self._world.refuse_initial_user
        ]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def _named(block: Json, world: World) -> Json:
    for _, element in fields.inputs({"blocks": [block]}):
        element.setdefault("action_id", world.nonce("action")[:5])
    return block


def _first_state(view: Json) -> dict[str, dict[str, Json]]:
    first: dict[str, dict[str, Json]] = {}
    for block, element in fields.inputs(view):
        value = fields.state(element, fields.initial(element))
        first.setdefault(block["block_id"], {})[element["action_id"]] = value
    return first
