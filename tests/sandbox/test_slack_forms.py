"""Forms of the sandbox's Slack, opened and answered by a real Bolt app."""

from __future__ import annotations

import pytest
from slack_sdk.errors import SlackApiError

from bot.sandbox.slack import Json, Slack
from tests.conftest import Clock
from tests.sandbox.slack_app import (
    FormApp,
    client,
    field,
    opened_form,
    options,
    over_http,
    plain,
    ticket_form,
)


async def test_a_form_is_sent_as_it_was_filled_in() -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        values = {"more": "Words", "who": ada, "priority": "high", "labels": ["bug", "Idea"]}
        delivery = await slack.submit(ada, view["id"], values)
        assert (delivery.status, delivery.body, delivery.errors) == (200, None, {})
        assert slack.view(view["id"]) is None, "an empty answer closes the form"
    body = desk.bodies[-1]
    state = {block: held["value"] for block, held in body["view"]["state"]["values"].items()}
    high, bug, idea = (
        {"text": plain(value.title()), "value": value} for value in ("high", "bug", "idea")
    )
    assert state == {
        "title": {"type": "plain_text_input", "value": "Prefilled"},
        "more": {"type": "plain_text_input", "value": "Words"},
        "who": {"type": "users_select", "selected_user": ada},
        "priority": {"type": "static_select", "selected_option": high},
        "labels": {"type": "multi_static_select", "selected_options": [bug, idea]},
    }
    assert body["view"]["private_metadata"] == "draft-1"


async def test_untouched_fields_can_be_sent_empty() -> None:
    desk = FormApp(response_action="errors", errors={"title": "needed"})
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        with pytest.raises(ValueError, match="has to be filled in"):
            await slack.submit(ada, view["id"], {"title": ""})
        await slack.submit(ada, view["id"], {"title": "x"}, as_empty=["title", "priority"])
        state = desk.bodies[-1]["view"]["state"]["values"]
        assert state["title"]["value"]["value"] is None
        assert state["priority"]["value"]["selected_option"] is None
        shown = slack.view(view["id"])
        assert shown is not None
        assert shown["state"]["values"]["title"]["value"]["value"] == "x"


async def test_errors_keep_the_form_open() -> None:
    desk = FormApp(response_action="errors", errors={"title": "too dull"})
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        delivery = await slack.submit(ada, view["id"])
        assert (delivery.response_action, delivery.errors) == ("errors", {"title": "too dull"})
        assert delivery.failure is None
        assert slack.view(view["id"]) is not None
        desk.on_submit = {"response_action": "errors", "errors": {"nowhere": "lost"}}
        assert (await slack.submit(ada, view["id"])).failure == "invalid_response"


async def test_an_answer_can_change_lay_over_and_clear_the_form() -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        desk.on_submit = {"response_action": "update", "view": ticket_form(title=plain("Second"))}
        updated = await slack.submit(ada, view["id"])
        assert updated.view is not None
        assert (updated.view["id"], updated.view["title"]["text"]) == (view["id"], "Second")
        assert updated.view["hash"] != view["hash"]
        desk.on_submit = {"response_action": "push", "view": ticket_form(title=plain("Third"))}
        pushed = await slack.submit(ada, view["id"])
        assert pushed.view is not None
        assert pushed.view["previous_view_id"] == pushed.view["root_view_id"] == view["id"]
        assert len(slack.open_views(ada)) == 2
        desk.on_submit = {"response_action": "clear"}
        await slack.submit(ada, pushed.view["id"])
        assert slack.open_views(ada) == []


async def test_closing_a_form_is_told_where_it_was_asked_for() -> None:
    desk = FormApp()
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        told = await slack.close_view(ada, view["id"])
        assert told is not None
        assert told.status == 200
        assert desk.bodies[-1]["type"] == "view_closed"
        assert desk.bodies[-1]["view"]["private_metadata"] == "draft-1"
        with pytest.raises(ValueError, match="no view"):
            await slack.submit(ada, view["id"])
        desk.form = ticket_form(notify_on_close=False)
        quiet = await slack.use_global_shortcut(ada, "create")
        assert quiet.view is not None
        assert await slack.close_view(ada, quiet.view["id"]) is None


async def test_a_trigger_opens_one_view_for_three_seconds() -> None:
    clock = Clock()
    slack = Slack(clock=clock)
    async with slack.serving():
        ada = slack.add_user("ada")
        web = client(slack)

        async def error(trigger_id: str, view: Json) -> str:
            with pytest.raises(SlackApiError) as caught:
                await web.views_open(trigger_id=trigger_id, view=view)
            return str(caught.value.response["error"])

        assert await error("1.1.x", ticket_form()) == "invalid_trigger_id"
        trigger = slack.triggers.give(ada)
        assert await error(trigger, ticket_form(title=plain("x" * 25))) == "invalid_arguments"
        opened = (await web.views_open(trigger_id=trigger, view=ticket_form()))["view"]
        assert opened["state"]["values"]["title"]["value"]["value"] == "Prefilled"
        assert await error(trigger, ticket_form()) == "exchanged_trigger_id"
        late = slack.triggers.give(ada)
        clock.now += 3.1
        assert await error(late, ticket_form()) == "expired_trigger_id"


async def test_a_preset_person_may_be_refused() -> None:
    slack = Slack()
    async with slack.serving():
        ada, pam = slack.add_user("ada"), slack.add_user("pam", team="T00000002")
        web = client(slack)
        for preset, allowed in ((pam, True), ("U404", False)):
            form = ticket_form(
                blocks=[field("who", {"type": "users_select", "initial_user": preset})]
            )
            trigger = slack.triggers.give(ada)
            if allowed:
                await web.views_open(trigger_id=trigger, view=form)
                slack.refuse_initial_user.add(preset)
                trigger = slack.triggers.give(ada)
            with pytest.raises(SlackApiError) as caught:
                await web.views_open(trigger_id=trigger, view=form)
            assert caught.value.response["error"] == "invalid_arguments"
            assert preset in caught.value.response["response_metadata"]["messages"][0]
            assert (await web.views_open(trigger_id=trigger, view=ticket_form()))["ok"]


async def test_an_update_needs_the_right_hash_and_keeps_what_was_typed() -> None:
    desk = FormApp(response_action="errors", errors={"title": "again"})
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        await slack.submit(ada, view["id"], {"title": "Typed"})
        web = client(slack)
        with pytest.raises(SlackApiError) as caught:
            await web.views_update(view_id=view["id"], view=ticket_form(), hash="other")
        assert caught.value.response["error"] == "hash_conflict"
        changed = ticket_form()
        changed["blocks"][0]["element"]["initial_value"] = "New prefill"
        await web.views_update(view_id=view["id"], view=changed, hash=view["hash"])
        shown = slack.view(view["id"])
        assert shown is not None
        assert shown["state"]["values"]["title"]["value"]["value"] == "Typed"
        await slack.close_view(ada, view["id"])
        with pytest.raises(SlackApiError) as caught:
            await web.views_update(view_id=view["id"], view=ticket_form())
        assert caught.value.response["error"] == "not_found"


async def test_a_button_in_a_form_comes_with_what_was_typed() -> None:
    desk = FormApp()
    button = {"type": "button", "action_id": "press", "text": plain("Press")}
    desk.form["blocks"].append({"type": "actions", "elements": [button]})
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        pressed = await slack.click(
            ada, "press", view_id=view["id"], typed={"title": "Typed", "labels": ["bug"]}
        )
        assert pressed.ok
        values = desk.bodies[-1]["view"]["state"]["values"]
        assert values["title"]["value"]["value"] == "Typed"
        assert len(values["labels"]["value"]["selected_options"]) == 1
        shown = slack.view(view["id"])
        assert shown is not None
        assert shown["state"]["values"] == values


async def test_an_external_select_asks_for_its_options() -> None:
    desk = FormApp()
    desk.form = ticket_form(blocks=[field("labels", {"type": "multi_external_select"})])
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        offered = await slack.suggest(ada, view["id"], "labels", "bug")
        assert offered == options("bug")
        await slack.submit(ada, view["id"], {"labels": offered})
        held = desk.bodies[-1]["view"]["state"]["values"]["labels"]["value"]
        assert held["selected_options"] == offered
        asked = next(body for body in desk.bodies if body["type"] == "block_suggestion")
        assert (asked["block_id"], asked["action_id"], asked["value"]) == (
            "labels",
            "value",
            "bug",
        )


async def test_a_stack_is_three_deep() -> None:
    desk = FormApp(response_action="push", view=ticket_form())
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        for _ in range(2):
            pushed = await slack.submit(ada, view["id"])
            assert pushed.view is not None
            view = pushed.view
        assert (await slack.submit(ada, view["id"])).failure == "invalid_response"
        assert len(slack.open_views(ada)) == 3


async def test_a_view_that_slack_cannot_show_leaves_the_form() -> None:
    desk = FormApp(response_action="update", view=ticket_form(title=plain("x" * 25)))
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        assert (await slack.submit(ada, view["id"])).failure == "invalid_response"
        assert slack.view(view["id"]) == view


async def test_a_form_checks_what_is_typed() -> None:
    desk = FormApp()
    short = {"type": "plain_text_input", "max_length": 5}
    desk.form = ticket_form(blocks=[field("title", short)])
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        for values in ({"title": "too long"}, {"nothing": "x"}, {}):
            with pytest.raises(ValueError, match=r"title|nothing"):
                await slack.submit(ada, view["id"], values)
        assert not [body for body in desk.bodies if body["type"] == "view_submission"]


async def test_a_choice_is_told_where_the_field_asks_for_it() -> None:
    desk = FormApp()
    quiet = field("quiet", {"type": "users_select"}, optional=True)
    loud = field("who", {"type": "users_select"}, optional=True) | {"dispatch_action": True}
    desk.form = ticket_form(blocks=[quiet, loud])
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        assert await slack.choose(ada, view["id"], "quiet", ada) is None
        told = await slack.choose(ada, view["id"], "who", ada)
        assert told is not None
        shown = slack.view(view["id"])
    body = desk.bodies[-1]
    assert (body["type"], body["container"]["view_id"]) == ("block_actions", view["id"])
    (action,) = body["actions"]
    chosen = (action["block_id"], action["action_id"], action["selected_user"])
    assert chosen == ("who", "value", ada)
    assert shown is not None
    assert body["view"]["state"] == shown["state"]


@pytest.mark.parametrize(
    ("least", "typed", "asked"),
    [(None, "bu", False), (None, "bug", True), (0, "", True), (5, "bugs", False)],
)
async def test_a_select_asks_from_its_least_length_on(
    least: int | None, typed: str, asked: bool
) -> None:
    desk = FormApp()
    element = {"type": "external_select"} | ({} if least is None else {"min_query_length": least})
    desk.form = ticket_form(blocks=[field("labels", element)])
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        await slack.suggest(ada, view["id"], "labels", typed)
    assert any(body["type"] == "block_suggestion" for body in desk.bodies) is asked


async def test_options_that_slack_cannot_read_are_not_shown() -> None:
    desk = FormApp()
    desk.form = ticket_form(blocks=[field("labels", {"type": "external_select"})])
    async with over_http(desk) as slack:
        ada, view = await opened_form(slack)
        assert await slack.suggest(ada, view["id"], "labels", "x" * 75)
        assert await slack.suggest(ada, view["id"], "labels", "x" * 76) == []
