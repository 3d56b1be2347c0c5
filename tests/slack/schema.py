"""Slack's messages as Hypothesis builds them: every kind of block, attachment and file.

In their strings `§W§` stands for words and `§U§` for an address that people see, `§K§` for the kind
of a block that has neither, `§H§` for what nobody sees; `-1` is a number that is seen. `numbered`
puts something different in place of each.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import count
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]
Strategy = st.SearchStrategy[Json]

_MARK = re.compile("§([WUKH])§")
_SEEN = re.compile(r'§[WU]§|: -1\b|"type": "(?:emoji|broadcast|user|usergroup)"')
_FORMS = {"W": "word{}x", "U": "https://x.example/a{}z", "K": "kind{}x", "H": "hidden{}x"}


def numbered(value: Any) -> tuple[Any, list[str], list[str]]:
    """Return the JSON with its marks replaced, what must be found of it, and what must not."""
    numbers = count(1)
    shown: list[str] = []
    hidden: list[str] = []

    def replaced(match: re.Match[str]) -> str:
        found = _FORMS[match[1]].format(f"{next(numbers):04d}")
        (hidden if match[1] == "H" else shown).append(found)
        return found

    def walk(one: Any) -> Any:
        if isinstance(one, str):
            return _MARK.sub(replaced, one)
        if isinstance(one, list):
            return [walk(inner) for inner in one]
        if isinstance(one, dict):
            return {key: walk(inner) for key, inner in one.items()}
        if one == -1 and not isinstance(one, bool):
            shown.append(str(10_000 + next(numbers)))
            return int(shown[-1])
        return one

    return walk(value), shown, hidden


def is_seen(value: Any) -> bool:
    """Return whether words, an address, a number, an emoji or a mention are in it."""
    return _SEEN.search(json.dumps(value, ensure_ascii=False)) is not None


def some(**fields: st.SearchStrategy[Any] | str | int | bool) -> Strategy:
    """Return objects that have any of the fields; `type` and what is no strategy always."""
    always = {k: st.just(v) for k, v in fields.items() if not isinstance(v, st.SearchStrategy)}
    others = {k: v for k, v in fields.items() if isinstance(v, st.SearchStrategy)}
    return st.fixed_dictionaries(always, optional=others)


def few(of: st.SearchStrategy[Any], least: int = 0) -> st.SearchStrategy[list[Any]]:
    return st.lists(of, min_size=least, max_size=3)


words = st.sampled_from(["§W§", "§W§ and §W§", "a §W§, b", "§W§\n§W§", " "])
line = st.sampled_from(["§W§", "§W§ and §W§"])
marked = st.sampled_from(
    [
        *("*§W§* of §W§", "_§W§_ ~§W§~", "`§W§`", "```§W§```", "&gt; §W§\n§W§", "&gt;&gt;&gt;§W§"),
        *("<§U§|§W§>", "see <§U§>", "<#C0C|§W§>", "<!here|here> §W§", "• §W§\n• §W§", ":x: §W§"),
        *("<!date^1700000000^{date}^§U§|later>", "&lt;§W§&gt; &amp; §W§", "*§W§ <§U§|§W§>*"),
    ]
)
address = st.just("§U§")
plain_text = some(type="plain_text", text=words, emoji=True)
mrkdwn = some(type="mrkdwn", text=words | marked, verbatim=False)
text_object = plain_text | mrkdwn

# Rich text.

style = some(bold=st.booleans(), italic=st.booleans(), strike=st.booleans(), code=st.booleans())
INLINE: tuple[Strategy, ...] = (
    st.fixed_dictionaries({"type": st.just("text"), "text": words}, optional={"style": style}),
    some(type="link", url="§U§", text=line, style=style),
    some(type="emoji", name="tada"),
    some(type="emoji", name="thumbsup", unicode="1f44d"),
    some(type="broadcast", range="here"),
    some(type="user", user_id="U0BEN"),
    some(type="usergroup", usergroup_id="S0OPS"),
    some(type="date", timestamp=1700000000, format="{date}", url="§U§"),
    some(type="color", value="§W§"),
    some(type="hologram", text="§W§", style=style),
    some(type="hologram", url="§U§", name=line),
    some(type="§W§", hologram_id="H0"),
    st.builds(
        lambda inner: {"type": "prism", "elements": inner},
        few(st.just({"type": "text", "text": "§W§"}), 1),
    ),
)
inline: Strategy = st.one_of(INLINE)
section = some(type="rich_text_section", elements=few(inline))
part: Strategy = st.one_of(
    section,
    some(type="rich_text_quote", elements=few(inline), border=st.sampled_from([0, 1])),
    some(type="rich_text_preformatted", elements=few(inline), border=st.sampled_from([0, 1])),
    some(
        type="rich_text_list",
        style=st.sampled_from(["bullet", "ordered"]),
        indent=st.integers(0, 3),
        border=st.sampled_from([0, 1]),
        offset=st.integers(0, 3),
        elements=few(section),
    ),
    some(type="rich_text_prism", elements=few(section | inline, 1)),
)
rich_text = some(type="rich_text", block_id="§H§", elements=few(part))

# Elements.

image = st.one_of(
    some(type="image", image_url="§U§", alt_text=line, image_width=-2, fallback="§H§"),
    some(type="image", alt_text="§W§"),
    some(type="image", alt_text="§W§", slack_file=some(url="§U§")),
)
button = st.one_of(
    some(type="button", action_id="§H§", text=some(type="plain_text", text=line), url="§U§"),
    some(type="button", action_id="§H§", text=some(type="plain_text", text="§H§"), value="§H§"),
    st.builds(
        lambda text: {
            "type": "workflow_button",
            "text": text,
            "workflow": {"trigger": {"url": "§U§"}},
        },
        some(type="plain_text", text=line),
    ),
)
chosen = st.just({"text": {"type": "plain_text", "text": "§W§"}, "value": "v"})
unseen = st.just({"text": {"type": "plain_text", "text": "§H§"}, "value": "w"})
option = some(text=text_object, description=plain_text, value="v")
linked = some(text=some(type="plain_text", text=line), url="§U§", value="§H§")
MENUS: tuple[Strategy, ...] = (
    some(type="static_select", placeholder=unseen, options=few(unseen), initial_option=chosen),
    some(type="multi_static_select", options=few(unseen), initial_options=few(chosen)),
    some(type="overflow", options=few(linked | unseen)),
    some(type="datepicker", initial_date=line, placeholder=unseen),
    some(type="plain_text_input", initial_value=line, placeholder=unseen),
    some(type=st.sampled_from(["checkboxes", "radio_buttons"]), options=few(option)).filter(
        lambda one: "type" in one
    ),
)
menu: Strategy = st.one_of(MENUS)
feedback = st.just({"type": "feedback_buttons", "positive_button": {"text": "§H§", "value": "§H§"}})
pressed = button | menu | feedback

# Blocks.

cell = st.one_of(
    some(type="raw_text", text=words),
    some(type="raw_number", value=-1),
    some(type="raw_number", value=3, text="§W§"),
    some(type="action", element=button),
    rich_text,
)
rows = few(few(cell))
card = some(
    type="card",
    block_id="§H§",
    icon=image,
    slack_icon=st.just({"type": "icon", "name": "§H§"}),
    title=text_object,
    subtitle=text_object,
    hero_image=image,
    body=text_object,
    actions=few(button),
)
task = st.fixed_dictionaries(
    {"task_id": st.just("§H§"), "title": line},
    optional={
        "type": st.just("task_card"),
        "status": st.sampled_from(["pending", "in_progress", "complete", "error"]),
        "details": rich_text,
        "output": rich_text,
        "sources": few(some(type="url", url="§U§", text=line)),
    },
)
point = st.just({"label": "§W§", "value": -1})
chart = st.one_of(
    some(type="pie", segments=few(point)),
    some(
        type=st.sampled_from(["bar", "line", "area"]),
        series=few(some(name=line, data=few(point))),
        axis_config=some(categories=few(st.just("§H§")), x_label=line, y_label=line),
    ),
)
markdown = st.sampled_from(
    [
        *("# §W§\n§W§ **§W§** *§W§* ~~§W§~~ `§W§`", "[§W§](§U§) <§U§>", "- §W§\n  1. §W§\n---\n"),
        *("```py\n§W§\n```\n> §W§", "| §W§ | §W§ |\n|---|---|\n| §W§ | §W§ |", "![§W§](§U§)"),
        *("**§W§ [§W§](§U§)**", "§W§ *§W§ **§W§", "```\n§W§", "__§W§__ _§W§_ [§W§] (§W§)"),
    ]
)
strange = st.recursive(
    st.one_of(line, address, text_object, rich_text, button, image, st.just({"value": -1})),
    lambda inner: st.one_of(
        few(inner),
        st.dictionaries(
            st.sampled_from(["text", "title", "body", "elements", "parts", "caption", "note"]),
            inner,
            max_size=3,
        ),
        some(type="mirror", items=inner, mirror_id="§H§", source=few(inner), status="§H§"),
    ),
    max_leaves=5,
)
unknown = st.one_of(
    some(type="hologram", block_id="§H§", body=strange, footing=strange, rows=rows),
    some(type="§K§", block_id="§H§", size=4),
)
BLOCKS: tuple[Strategy, ...] = (
    rich_text,
    some(
        type="section",
        block_id="§H§",
        text=text_object,
        fields=few(text_object),
        accessory=image | pressed,
        expand=True,
    ),
    some(type="header", text=plain_text),
    some(type="divider", block_id="§H§"),
    some(type="context", elements=few(text_object | image)),
    some(type="actions", elements=few(pressed)),
    some(type="context_actions", elements=few(feedback)),
    some(
        type="image", title=some(type="plain_text", text="§W§"), image_url="§U§", alt_text="§H§"
    ).filter(lambda one: "title" in one),
    image,
    some(
        type="video",
        title=plain_text,
        title_url=address,
        description=plain_text,
        author_name=line,
        provider_name=line,
        provider_icon_url="§H§",
        video_url="§U§",
        thumbnail_url="§H§",
    ),
    some(type="markdown", text=markdown),
    some(type="table", rows=rows, column_settings=few(st.just({"align": "§H§"}))),
    some(type="data_table", caption=line, rows=rows, page_size=5),
    card,
    some(type="carousel", elements=few(card)),
    task.map(lambda one: {**one, "type": "task_card"}),
    some(type="plan", title=line, tasks=few(task)),
    some(type="data_visualization", title=line, chart=chart),
    some(type="alert", text=text_object, level="§H§"),
    some(type="input", label=plain_text, hint=plain_text, element=menu),
    st.just(
        {
            "type": "call",
            "call_id": "§H§",
            "call": {"v1": {"id": "§H§", "name": "§W§", "join_url": "§U§", "display_id": "§W§"}},
        }
    ),
    unknown,
)
plain_block: Strategy = st.one_of(BLOCKS)
block: Strategy = plain_block | some(
    type="container",
    title=plain_text,
    rich_text_title=rich_text,
    subtitle=text_object,
    icon=image,
    width="§H§",
    child_blocks=few(plain_block),
)

# Files.


def _file(**fields: Any) -> Strategy:
    always = {"id": "F0FILE", "permalink": "§U§", "size": 9, "url_private": "§H§", **fields}
    return some(**always)


FILES: tuple[Strategy, ...] = (
    _file(name="§W§", mode="hosted"),
    _file(name="§W§", title="§W§", mode="hosted"),
    _file(name="§H§", title="§W§", mode=st.sampled_from(["canvas", "quip", "list"])).filter(
        lambda one: "mode" in one
    ),
    _file(name="§W§", mode="snippet", preview="§W§\n§W§", lines_more=3),
    _file(name="§W§", mode="hosted", transcription={"preview": {"content": "§W§"}}),
    _file(
        name="§H§",
        title="§W§",
        mode="email",
        subject="§W§",
        to=[{"address": "", "name": "§H§"}],
        plain_text=words,
        attachments=few(some(filename="§W§", url=address)),
        **{"from": [{"address": "a@x.example", "name": "§W§"}]},
    ),
)
file: Strategy = st.one_of(FILES)

# Attachments.

field = some(title=line, value=line | marked, short=True)
action = st.one_of(
    some(type="button", name="§H§", text=line, url="§U§"),
    some(type="button", name="§H§", text="§H§", value="§H§"),
)
body: Mapping[str, st.SearchStrategy[Any]] = {
    "title": line,
    "title_link": address,
    "text": words | marked,
    "fields": few(field),
    "blocks": few(block),
    "image_url": address,
    "thumb_url": address,
    "video_url": address,
    "actions": few(action),
}
around: Mapping[str, st.SearchStrategy[Any]] = {
    "author_name": line,
    "author_link": address,
    "footer": line,
}
icons = {"color": "§H§", "author_icon": "§H§", "footer_icon": "§H§"}


def _with_fallback(attachment: Json) -> Json:
    """Return the attachment with words for old clients, seen where it has no others."""
    shared = "is_share" in attachment
    rest = {k: v for k, v in attachment.items() if not (shared and k in around)}
    if shared:
        rest.pop("from_url")
    seen = is_seen(rest) or (shared and bool(attachment.get("files")))
    return {**attachment, "fallback": "§H§" if seen else "§W§"}


own_attachment = some(
    **icons, **body, **around, pretext=words | marked, service_name=line, author_subname=line
).map(_with_fallback)


def _hidden(value: Any) -> Any:
    text = json.dumps(value).replace("\\u00a7W", "\\u00a7H").replace("\\u00a7U", "\\u00a7H")
    return json.loads(text.replace("\\u00a7K", "\\u00a7H").replace(": -1", ": -2"))


def _forwarded(message: Json, attachment: Json) -> Json:
    """Return the attachment with a whole message, whose text it repeats."""
    carried = {**attachment, "message_blocks": [{"message": message}]}
    return {**carried, "text": "§H§"} if is_seen(message) else carried


def shares(of: Strategy) -> Strategy:
    always: dict[str, Any] = {"is_share": True, "is_msg_unfurl": True, "from_url": "§U§"}
    bare = some(**always, **body, **around, files=few(file))
    return st.one_of(bare, st.builds(_forwarded, of, bare)).map(_with_fallback)


def _finished(message: Json, previews: list[Json]) -> Json:
    """Return the message with its text, which is seen where no block is, and with the previews of
    links, which are seen where nothing else is."""
    blocks = message.get("blocks", [])
    finished = {**message, "text": "§H§" if is_seen(blocks) else "§W§"}
    attachments = [*message.get("attachments", []), *map(_hidden, previews)]
    return {**finished, "attachments": attachments}


PARTS: tuple[Strategy, ...] = (
    *(one.map(lambda one: {"blocks": [one]}) for one in BLOCKS),
    *(one.map(lambda one: {"blocks": [{"type": "section", "accessory": one}]}) for one in MENUS),
    *(
        one.map(
            lambda one: {
                "blocks": [
                    {
                        "type": "rich_text",
                        "elements": [{"type": "rich_text_section", "elements": [one]}],
                    }
                ]
            }
        )
        for one in INLINE
    ),
    *(one.map(lambda one: {"files": [one]}) for one in FILES),
    own_attachment.map(lambda one: {"attachments": [one]}),
)
"""Messages of one part each, by its kind."""
ALONE = tuple(st.builds(_finished, part, st.just([])) for part in PARTS)

preview = st.builds(
    lambda mark, attachment: {**attachment, **mark},
    st.sampled_from(
        [
            {"from_url": "§U§"},
            {"original_url": "§U§"},
            {"is_app_unfurl": True},
            {"is_msg_unfurl": True},
        ]
    ),
    some(**icons, **body, **around),
)
simple = st.builds(
    _finished,
    some(blocks=few(block), attachments=few(own_attachment), files=few(file)),
    st.just([]),
)
messages: Strategy = st.builds(
    _finished,
    some(blocks=few(block), attachments=few(own_attachment | shares(simple)), files=few(file)),
    few(preview),
)
