"""Check Block Kit as Slack does, and read the fields of views."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.slack.nouns import Json

# Every limit and field: https://docs.slack.dev/reference/block-kit/blocks and …/block-elements
_SELECTS = {
    f"{many}{of}_select": {"placeholder", "focus_on_load", "confirm"} | fields
    for many, fields in (("", set[str]()), ("multi_", {"max_selected_items"}))
    for of in ("static", "external", "users", "conversations", "channels")
}
_TEXT_INPUT = {"placeholder", "focus_on_load", "dispatch_action_config"}
_FIELDS: dict[str, set[str]] = {
    **_SELECTS,
    "static_select": _SELECTS["static_select"] | {"options", "option_groups"},
    "multi_static_select": _SELECTS["multi_static_select"] | {"options", "option_groups"},
    "external_select": _SELECTS["external_select"] | {"min_query_length"},
    "multi_external_select": _SELECTS["multi_external_select"] | {"min_query_length"},
    "conversations_select": _SELECTS["conversations_select"]
    | {"default_to_current_conversation", "response_url_enabled", "filter"},
    "channels_select": _SELECTS["channels_select"] | {"response_url_enabled"},
    "plain_text_input": _TEXT_INPUT | {"multiline", "min_length", "max_length"},
    "email_text_input": _TEXT_INPUT,
    "url_text_input": _TEXT_INPUT,
    "checkboxes": {"options", "focus_on_load", "confirm"},
    "radio_buttons": {"options", "focus_on_load", "confirm"},
    "datepicker": {"placeholder", "focus_on_load", "confirm"},
    "timepicker": {"placeholder", "focus_on_load", "confirm", "timezone"},
    "button": {"text", "url", "value", "style", "confirm", "accessibility_label"},
    "overflow": {"options", "confirm"},
    "image": {"image_url", "alt_text", "slack_file"},
}
_BLOCKS: dict[str, set[str]] = {
    "section": {"text", "fields", "accessory", "expand"},
    "header": {"text", "level"},
    "context": {"elements"},
    "actions": {"elements"},
    "divider": set(),
    "image": {"image_url", "alt_text", "title", "slack_file"},
    "input": {"label", "element", "hint", "optional", "dispatch_action"},
    "rich_text": {"elements"},
    "markdown": {"text"},
    "video": {"alt_text", "title", "thumbnail_url", "video_url", "description", "title_url"},
}
_MODAL = {
    *("type", "title", "blocks", "submit", "close", "callback_id", "private_metadata"),
    *("clear_on_close", "notify_on_close", "external_id", "submit_disabled"),
}
_LENGTHS = {"callback_id": 255, "private_metadata": 3000, "external_id": 255}


def faults_of_view(view: Any) -> list[str]:
    """Return what Slack would find wrong with a modal or home tab; empty if nothing."""
    if not isinstance(view, dict) or view.get("type") not in ("modal", "home"):
        return [_fault("unsupported type", "/view/type")]
    return list(_view(view))


def faults_of_message(blocks: Any) -> list[str]:
    """Return what Slack would find wrong with a message's blocks; empty if nothing."""
    return list(_blocks(blocks, 50, "/blocks"))


def faults_of_options(answer: Json) -> list[str]:
    """Return what Slack would find wrong with the options that an app offers; none at all are fine.

    https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
    """
    return list(_offered(options(answer), ""))


def _fault(words: str, pointer: str) -> str:
    return f"[ERROR] {words} [json-pointer:{pointer}]"


def _view(view: Json) -> Iterator[str]:
    for field in view.keys() - _MODAL:
        yield _fault(f"additional property: {field}", "/view")
    yield from _blocks(view.get("blocks"), 100, "/view/blocks", least=1)
    for field, most in _LENGTHS.items():
        if len(view.get(field) or "") > most:
            yield _fault(f"must be less than {most + 1} characters", f"/view/{field}")
    if view["type"] == "home":
        return
    yield from _text(view.get("title"), 24, "/view/title", only="plain_text")
    for field in ("submit", "close"):
        if field in view:
            yield from _text(view[field], 24, f"/view/{field}", only="plain_text")
    blocks = view.get("blocks") or []
    if "submit" not in view and any(block.get("type") == "input" for block in blocks):
        yield _fault("missing required field: submit", "/view")


def _blocks(blocks: Any, most: int, at: str, least: int = 0) -> Iterator[str]:
    if not isinstance(blocks, list) or not least <= len(blocks) <= most:
        yield _fault(f"must be a list of {least} to {most} blocks", at)
        return
    seen: set[str] = set()
    for index, block in enumerate(blocks):
        yield from _block(block, f"{at}/{index}")
        block_id = block.get("block_id") if isinstance(block, dict) else None
        if block_id in seen:
            yield _fault(f"block_id already exists: {block_id}", f"{at}/{index}/block_id")
        seen |= {block_id} if block_id else set()


def _block(block: Any, at: str) -> Iterator[str]:
    if not isinstance(block, dict) or block.get("type") not in _BLOCKS:
        yield _fault("unsupported type", f"{at}/type")
        return
    for field in block.keys() - _BLOCKS[block["type"]] - {"type", "block_id"}:
        yield _fault(f"additional property: {field}", at)
    if len(block.get("block_id") or "") > 255:
        yield _fault("must be less than 256 characters", f"{at}/block_id")
    check = _BLOCK_CHECKS.get(block["type"])
    if check is not None:
        yield from check(block, at)


def _section(block: Json, at: str) -> Iterator[str]:
    fields = block.get("fields")
    if "text" in block or fields is None:
        yield from _text(block.get("text"), 3000, f"{at}/text")
    if fields is not None and not 1 <= len(fields) <= 10:
        yield _fault("must have 1 to 10 items", f"{at}/fields")
    for index, field in enumerate(fields or []):
        yield from _text(field, 2000, f"{at}/fields/{index}")
    if "accessory" in block:
        yield from _element(block["accessory"], f"{at}/accessory")


def _header(block: Json, at: str) -> Iterator[str]:
    return _text(block.get("text"), 150, f"{at}/text", only="plain_text")


def _context(block: Json, at: str) -> Iterator[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 10:
        yield _fault("must have 1 to 10 items", f"{at}/elements")
    for index, element in enumerate(elements):
        if isinstance(element, dict) and element.get("type") == "image":
            yield from _element(element, f"{at}/elements/{index}")
        else:
            yield from _text(element, 3000, f"{at}/elements/{index}")


def _actions(block: Json, at: str) -> Iterator[str]:
    elements = block.get("elements") or []
    if not 1 <= len(elements) <= 25:
        yield _fault("must have 1 to 25 items", f"{at}/elements")
    for index, element in enumerate(elements):
        yield from _element(element, f"{at}/elements/{index}")


def _input(block: Json, at: str) -> Iterator[str]:
    yield from _text(block.get("label"), 2000, f"{at}/label", only="plain_text")
    if "hint" in block:
        yield from _text(block["hint"], 2000, f"{at}/hint", only="plain_text")
    element = block.get("element")
    if not isinstance(element, dict) or element.get("type") not in SELECTED:
        yield _fault("unsupported type", f"{at}/element/type")
    else:
        yield from _element(element, f"{at}/element")


def _image(block: Json, at: str) -> Iterator[str]:
    if not block.get("alt_text") or len(block["alt_text"]) > 2000:
        yield _fault("must be 1 to 2000 characters", f"{at}/alt_text")


def _markdown(block: Json, at: str) -> Iterator[str]:
    if not 1 <= len(block.get("text") or "") <= 12_000:
        yield _fault("must be 1 to 12000 characters", f"{at}/text")


_BLOCK_CHECKS = {
    "section": _section,
    "header": _header,
    "context": _context,
    "actions": _actions,
    "input": _input,
    "image": _image,
    "markdown": _markdown,
}


def _element(element: Any, at: str) -> Iterator[str]:
    if not isinstance(element, dict) or element.get("type") not in _FIELDS:
        yield _fault("unsupported type", f"{at}/type")
        return
    of = element["type"]
    for field in element.keys() - _FIELDS[of] - {"type", "action_id", INITIAL.get(of)}:
        yield _fault(f"additional property: {field}", at)
    for field, most in (("action_id", 255), ("value", 2000), ("url", 3000)):
        if len(element.get(field) or "") > most:
            yield _fault(f"must be less than {most + 1} characters", f"{at}/{field}")
    if "placeholder" in element:
        yield from _text(element["placeholder"], 150, f"{at}/placeholder", only="plain_text")
    if of == "button":
        yield from _button(element, at)
    elif of == "plain_text_input":
        yield from _text_input(element, at)
    elif "options" in _FIELDS[of]:
        yield from _choice(element, at)
    elif "external" in of:
        yield from _offered(listed(initial(element)), f"{at}/{INITIAL[of]}")


def _button(element: Json, at: str) -> Iterator[str]:
    yield from _text(element.get("text"), 75, f"{at}/text", only="plain_text")
    if element.get("style", "primary") not in ("primary", "danger"):
        yield _fault("must be primary or danger", f"{at}/style")
    if len(element.get("accessibility_label") or "") > 75:
        yield _fault("must be less than 76 characters", f"{at}/accessibility_label")


def _text_input(element: Json, at: str) -> Iterator[str]:
    most = element.get("max_length", 3000)
    if not isinstance(most, int) or not 1 <= most <= 3000:
        yield _fault("must be 1 to 3000", f"{at}/max_length")
    elif len(element.get("initial_value") or "") > most:
        yield _fault(f"must be less than {most + 1} characters", f"{at}/initial_value")
    if not 0 <= element.get("min_length", 0) <= 3000:
        yield _fault("must be 0 to 3000", f"{at}/min_length")


def _choice(element: Json, at: str) -> Iterator[str]:
    offered = options(element)
    if not offered:
        yield _fault("must have 1 to 100 items", f"{at}/options")
    yield from _offered(offered, at)
    if element["type"] == "checkboxes" and len(offered) > 10:
        yield _fault("must have 1 to 10 items", f"{at}/options")
    first = initial(element) if element["type"] in INITIAL else None
    for option in listed(first):
        if option not in offered:
            yield _fault("must be one of the options", f"{at}/{INITIAL[element['type']]}")


def _offered(offered: list[Json], at: str) -> Iterator[str]:
    if len(offered) > 100:
        yield _fault("must have 1 to 100 items", f"{at}/options")
    for index, option in enumerate(offered):
        here = f"{at}/options/{index}"
        yield from _text(option.get("text"), 75, f"{here}/text")
        if not 1 <= len(str(option.get("value", ""))) <= 150:
            yield _fault("must be 1 to 150 characters", f"{here}/value")


def _text(text: Any, most: int, at: str, only: str | None = None) -> Iterator[str]:
    if not isinstance(text, dict):
        yield _fault("missing required field", at)
        return
    if text.get("type") not in ([only] if only else ["plain_text", "mrkdwn"]):
        yield _fault(f"must be {only or 'plain_text or mrkdwn'}", f"{at}/type")
    for field in text.keys() - {"type", "text", "emoji", "verbatim"}:
        yield _fault(f"additional property: {field}", at)
    length = len(text.get("text") or "")
    if length < 1:
        yield _fault("must be more than 0 characters", f"{at}/text")
    elif length > most:
        yield _fault(f"must be less than {most + 1} characters", f"{at}/text")


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
    """Yield each field of a view: its block and its element."""
    for block in view.get("blocks", []):
        held = [block.get("element"), block.get("accessory"), *block.get("elements", [])]
        for element in held:
            if isinstance(element, dict) and element.get("type") in SELECTED:
                yield block, element


def initial(element: Json) -> Any:
    return element.get(INITIAL[element["type"]])


def state(element: Json, value: Any) -> Json:
    """Return an element's state with `value` in it; nothing chosen of many is an empty list.

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
    """Return the value in an element's state; None if it is empty."""
    return held[SELECTED[held["type"]]] or None


def listed(value: Any) -> list[Any]:
    """Return what is chosen as a list, of an element of any kind; empty for nothing."""
    return value if isinstance(value, list) else [value] if value else []


def options(element: Json) -> list[Json]:
    groups = element.get("option_groups") or []
    return [*(element.get("options") or []), *(one for g in groups for one in g["options"])]


def _option(element: Json, value: Any) -> Json:
    """Return the option that a person means by itself, its value or its text."""
    if isinstance(value, dict):
        return value
    for option in options(element):
        if value in (option["value"], option["text"]["text"]):
            return option
    if "external" in element["type"]:
        return {"text": {"type": "plain_text", "text": value, "emoji": True}, "value": value}
    raise ValueError(f"no option {value!r}")
