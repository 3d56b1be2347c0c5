"""What hostile input once broke, each by its payload."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from random import Random

import httpx
import pytest

from bot.core.directory import Names
from bot.core.faults import TryLater
from bot.core.quote import default_title
from bot.core.refs import MessageRef, from_permalink
from bot.core.text.richtext import mentions
from bot.plain import answers
from bot.slack.calls import SlackRejected, call, open_session, respond, web_client
from bot.slack.text.message import message_of
from tests.fuzz import mutations
from tests.fuzz.mutations import DEEP, PRIVATE, TOKEN, Raw, text
from tests.fuzz.target import JSON, target
from tests.ways.stage import Stage

REF = MessageRef("C1", "1700000000.000100")


@pytest.mark.parametrize("url", ["https://[", "https://a..b/", "http://" + "a" * 70 + ".invalid/"])
async def test_an_answers_address_that_is_none_is_given_up(url: str) -> None:
    """It raised ValueError: the delivery broke, and its answer was tried for ever."""
    async with open_session() as session:
        web = web_client("xoxb-test", "http://127.0.0.1:1/api/", session)
        with pytest.raises(SlackRejected, match="slack_refused"):
            await respond(web, url, {"text": "x"})


async def test_an_answer_of_slacks_that_is_nested_too_deep_is_tried_again(
    sqlite_url: str, tmp_path: Path
) -> None:
    """It raised RecursionError, which broke the delivery."""
    async with target(sqlite_url, tmp_path, Random(0)) as at, open_session() as session:
        deep = text(Raw("[" * DEEP + "]" * DEEP)).encode()
        at.slack_mirror.spoil = lambda _name, _body: deep
        web = web_client("xoxb-test", f"{at.slack_url}/api/", session)
        with pytest.raises(TryLater, match="slack_not_json"):
            await call("auth.test", web.auth_test())


def test_a_permalink_that_is_no_address_names_no_message() -> None:
    assert from_permalink("https://[") is None


async def test_a_signatures_time_beyond_every_clock_is_refused(on_stage: Stage) -> None:
    """It raised OverflowError: 500 for whoever could reach the door."""
    headers = {"X-Slack-Request-Timestamp": "9" * 400, "X-Slack-Signature": "v0=x"}
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{on_stage.url}/slack/events", content=b"{}", headers=headers)
    assert answer.status_code == 401


async def test_the_names_of_a_payloads_fields_are_not_logged(
    on_stage: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong with a form is logged by its fields, and their names may be anything."""
    caplog.set_level(logging.INFO)
    view = {
        "type": "modal",
        "callback_id": "plain_ticket_form",
        "id": "V1",
        "private_metadata": "d",
    }
    values = {PRIVATE: {"value": {"value": 7}}, "title": {"value": {"value": 7}}}
    payload = {
        "type": "view_submission",
        "user": {"id": on_stage.ada},
        "view": {**view, "state": {"values": values}},
    }
    answer = await on_stage.slack.deliver_raw(json.dumps(payload).encode(), JSON)
    assert answer.status == 400
    said = caplog.text + "".join(capsys.readouterr())
    assert PRIVATE not in said
    assert "view.state.values.title.value.value" in said


@pytest.mark.parametrize("user", ["U1\0", "two words", "", "U" * 256, "\ud83d", 7, None])
def test_an_author_that_is_no_id_is_nobody(user: object) -> None:
    """The requester is a column of its own, and PostgreSQL takes no NUL."""
    assert message_of({"user": user, "text": "x"}, REF).author is None


@pytest.mark.parametrize("id_", ["U" * 256, "two words", "U\0"])
def test_a_mention_that_names_no_id_is_not_looked_up(id_: str) -> None:
    """It was asked for in an address of any length."""
    element = {"type": "user", "user_id": id_}
    block = {"type": "rich_text", "elements": [{"type": "x", "elements": [element]}]}
    assert mentions(message_of({"blocks": [block]}, REF).blocks) == ()


@pytest.mark.parametrize("id_", ["c_1\0", "", "two words", "c" * 256])
def test_an_id_of_plains_that_is_none_is_not_understood(id_: str) -> None:
    """PostgreSQL takes no NUL: what came of the delivery could never be written down."""
    found = {"customerByEmail": {"id": id_, "fullName": "Ada", "email": {"email": "a@b.example"}}}
    with pytest.raises(ValueError, match="id"):
        answers.found_customer("customerByEmail")(found)


def test_thousands_of_secrets_take_no_seconds() -> None:
    """Each run was compared with each secret: a message of a mebibyte held up everybody."""
    message = message_of({"text": f"*{TOKEN}* " * 15_000}, REF)
    started = time.process_time()
    assert "masked" in default_title(message, Names(), 250)
    assert time.process_time() - started < 4  # of one processor


def test_what_is_made_hostile_can_be_made_smaller() -> None:
    value = {"a": [1, {"b": "long"}], "c": None}
    assert {text(one) for one in mutations.smaller(value)} == {
        '{"c":null}',
        '{"a":[{"b":"long"}],"c":null}',
        '{"a":[1],"c":null}',
        '{"a":[1,{}],"c":null}',
        '{"a":[1,{"b":"long"}]}',
        '{"a":[1,{"b":"lo"}],"c":null}',
    }


async def test_the_watch_sees_what_it_is_there_for(sqlite_url: str, tmp_path: Path) -> None:
    """A text in the log, an error, and a thread that nobody asked for."""
    async with target(sqlite_url, tmp_path, Random(0)) as at:
        assert await at.works() == []
        logging.getLogger("bot").info("said %s", PRIVATE)
        logging.getLogger("bot").error("broke")
        at.asked.clear()
        await at.on.ask()
        leak, error, unasked = await at.check()
        assert "private word" in leak
        assert "broke" in error
        assert "nobody asked for" in unasked
        assert await at.check() == []
