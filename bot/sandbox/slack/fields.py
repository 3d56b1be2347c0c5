"""The fields of a view: what stands in them at first, and the shapes of what people put there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.nouns import Json

# https://docs.slack.dev/reference/block-kit/block-elements
INITIAL = {
    "static_select": "initial_option",
    "external_select": "initial_option",
    "users_select": "initial_user",
    "conversations_select": "initial_conversation",
    "channels_select": "initial_channel",
    "multi_static_select": "initial_options",
    "multi_external_select": "initial_options",
    "multi_users_select": "initial_users",
    "multi_conversations_select": "initial_conversations",
    "multi_channels_select": "initial_channels",
    "checkboxes": "initial_options",
    "radio_buttons": "initial_option",
    "plain_text_input": "initial_value",
    "email_text_input": "initial_value",
    "url_text_input": "initial_value",
    "datepicker": "initial_date",
    "timepicker": "initial_time",
}
SELECTED = {
    "static_select": "selected_option",
    "external_select": "selected_option",
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_static_select": "selected_options",
    "multi_external_select": "selected_options",
    "multi_users_select": "selected_users",
    "multi_conversations_select": "selected_conversations",
    "multi_channels_select": "selected_channels",
    "checkboxes": "selected_options",
    "radio_buttons": "selected_option",
    "plain_text_input": "value",
    "email_text_input": "value",
    "url_text_input": "value",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
}


def inputs(view: Json) -> Iterator[tuple[Json, Json]]:
    """Each field of a view: its block and the element in it."""
    for block in view.get("blocks", []):
        held = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
        for element in held:
            if isinstance(element, dict) and element.get("type") in SELECTED:
                yield block, element


def initial(element: Json) -> Any:
    return element.get(INITIAL[element["type"]])


def state(element: Json, value: Any) -> Json:
    """An element's state with `value` in it; nothing chosen of many is an empty list.

    https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
    """
    of = element["type"]
    key = SELECTED[of]
    if of in ("static_select", "radio_buttons", "external_select") and value is not None:
        value = _option(element, value)
    elif key == "selected_options":
        value = [_option(element, one) for one in value or []]
    elif key.endswith("s"):
        value = list(value or [])
    return {"type": of, key: value if value != "" else None}


def chosen(held: Json) -> Any:
    """What stands in an element's state; None where it is empty."""
    return held[SELECTED[held["type"]]] or None


def options(element: Json) -> list[Json]:
    groups = element.get("option_groups") or []
    return [*(element.get("options") or []), *(one for g in groups for one in g["options"])]


def _option(element: Json, value: Any) -> Json:
    """The option that a person means: itself, its value, or the text that is read."""
    if isinstance(value, dict):
        return value
    for option in options(element):
        if value in (option["value"], option["text"]["text"]):
            return option
    if "external" in element["type"]:
        return {"text": {"type": "plain_text", "text": value, "emoji": True}, "value": value}
    raise ValueError(f"no option {value!r}")
