"""What the sandbox's Slack accepts as Block Kit."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.slack.block_kit import faults_of_message, faults_of_view


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": True}


def _input(**element: Any) -> dict[str, Any]:
    return {"type": "input", "block_id": "b", "label": _plain("L"), "element": element}


def _modal(*blocks: dict[str, Any], **more: Any) -> dict[str, Any]:
    shown = list(blocks) or [{"type": "divider"}]
    return {
        "type": "modal",
        "title": _plain("T"),
        "submit": _plain("Go"),
        "blocks": shown,
        **more,
    }


_OPTIONS = [{"text": _plain(value), "value": value} for value in ("a", "b")]


@pytest.mark.parametrize(
    "view",
    [
        pytest.param(_modal(), id="a title and a block"),
        pytest.param(_modal(_input(type="plain_text_input", max_length=250)), id="input"),
        pytest.param(
            _modal(_input(type="static_select", options=_OPTIONS, initial_option=_OPTIONS[1])),
            id="initial option",
        ),
        pytest.param(_modal(_input(type="users_select", initial_user="U1")), id="initial user"),
        pytest.param(_modal(*[{"type": "divider"}] * 100), id="a hundred blocks"),
        pytest.param({"type": "home", "blocks": [{"type": "divider"}]}, id="home"),
    ],
)
def test_accepted_views(view: dict[str, Any]) -> None:
    assert faults_of_view(view) == []


@pytest.mark.parametrize(
    ("view", "pointer"),
    [
        pytest.param("junk", "/view/type", id="no view at all"),
        pytest.param(_modal(title=_plain("x" * 25)), "/view/title/text", id="long title"),
        pytest.param(_modal(title=_plain("")), "/view/title/text", id="empty title"),
        pytest.param(
            _modal(title={"type": "mrkdwn", "text": "x"}), "/view/title/type", id="mrkdwn title"
        ),
        pytest.param(_modal(submit=_plain("x" * 25)), "/view/submit/text", id="long submit"),
        pytest.param(_modal(*[{"type": "divider"}] * 101), "/view/blocks", id="101 blocks"),
        pytest.param(_modal(blocks=[]), "/view/blocks", id="no blocks"),
        pytest.param(_modal(private_metadata="x" * 3001), "/view/private_metadata", id="metadata"),
        pytest.param(_modal(colour="red"), "/view", id="unknown field"),
        pytest.param(
            {**_modal(_input(type="plain_text_input")), "submit": None} | {"close": _plain("x")},
            "/view/submit",
            id="input without submit",
        ),
        pytest.param(
            _modal({"type": "divider", "block_id": "b"}, {"type": "divider", "block_id": "b"}),
            "/view/blocks/1/block_id",
            id="block id twice",
        ),
        pytest.param(_modal({"type": "table"}), "/view/blocks/0/type", id="unknown block"),
        pytest.param(
            _modal({"type": "input", "element": {"type": "plain_text_input"}}),
            "/view/blocks/0/label",
            id="input without label",
        ),
        pytest.param(
            _modal(_input(type="button", text=_plain("x"))),
            "/view/blocks/0/element/type",
            id="a button is no input",
        ),
        pytest.param(
            _modal(_input(type="plain_text_input", max_length=3, initial_value="four")),
            "/view/blocks/0/element/initial_value",
            id="initial value too long",
        ),
        pytest.param(
            _modal(_input(type="static_select", options=[])),
            "/view/blocks/0/element/options",
            id="no options",
        ),
        pytest.param(
            _modal(
                _input(
                    type="static_select",
                    options=_OPTIONS,
                    initial_option={"text": _plain("c"), "value": "c"},
                )
            ),
            "/view/blocks/0/element/initial_option",
            id="initial option is none of them",
        ),
        pytest.param(
            _modal({"type": "section", "text": {"type": "mrkdwn", "text": "x" * 3001}}),
            "/view/blocks/0/text/text",
            id="long section",
        ),
    ],
)
def test_refused_views(view: Any, pointer: str) -> None:
    faults = faults_of_view(view)
    assert any(f"[json-pointer:{pointer}]" in fault for fault in faults), faults


@pytest.mark.parametrize(
    ("block", "pointer"),
    [
        pytest.param({"type": "header", "text": _plain("x" * 151)}, "/text/text", id="header"),
        pytest.param({"type": "context", "elements": []}, "/elements", id="empty context"),
        pytest.param(
            {"type": "image", "image_url": "https://x.y/z.png"}, "/alt_text", id="no alt text"
        ),
        pytest.param(
            {"type": "actions", "elements": [{"type": "button", "text": _plain("x" * 76)}]},
            "/elements/0/text/text",
            id="long button",
        ),
        pytest.param(
            {
                "type": "actions",
                "elements": [{"type": "button", "text": _plain("x"), "style": "blue"}],
            },
            "/elements/0/style",
            id="style",
        ),
        pytest.param({"type": "section"}, "/text", id="empty section"),
        pytest.param({"type": "markdown", "text": "x" * 12_001}, "/text", id="markdown"),
    ],
)
def test_refused_blocks(block: dict[str, Any], pointer: str) -> None:
    faults = faults_of_message([block])
    assert any(f"[json-pointer:/blocks/0{pointer}]" in fault for fault in faults), faults
