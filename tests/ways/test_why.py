"""Why a message has its ticket or has none, told by the message's menu."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from bot.core.record import Evidence, State
from bot.sandbox.slack.payloads import message_action
from bot.slack.views import why as words
from bot.slack.views.formatting import flat
from bot.store import forgetting
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.records import Records
from tests.ways.stage import Stage, stage, until

RULES = """
[[rule]]
emoji = "bug"
channels = "#support"
priority = "high"

[[rule]]
emoji = ["bug", "ticket"]
"""


@pytest.fixture
async def with_rules(sqlite_url: str, tmp_path: Path) -> AsyncIterator[Stage]:
    async with stage(sqlite_url, tmp_path, toml=RULES) as set_up:
        yield set_up


async def why(on: Stage, ts: str, *, user: str = "", channel: str = "") -> str:
    """What the modal says in the end, as a reader sees it."""
    user, channel = user or on.ada, channel or on.support
    shown = await window(on, ts, user=user, channel=channel)
    assert "submit" not in {name for name, value in shown.items() if value}
    texts = [
        block["text"]["text"] if "text" in block else block["elements"][0]["text"]
        for block in shown["blocks"]
        if block["type"] != "divider"
    ]
    return flat("\n".join(texts))


async def window(on: Stage, ts: str, *, user: str, channel: str) -> dict[str, Any]:
    opened = await on.slack.use_shortcut(user, channel, ts, "why_no_plain_ticket")
    assert opened.view is not None
    assert words.LOOKING in str(opened.view)
    await on.bridge.background.drain()
    shown = on.slack.view(opened.view["id"])
    assert shown is not None
    return shown


async def test_the_window_is_called_by_how_it_stands(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    before = await window(on, ts, user=on.ada, channel=on.support)
    await on.slack.react(on.ada, on.support, ts, "bug")
    await on.settled()
    after = await window(on, ts, user=on.ada, channel=on.support)
    assert [one["title"]["text"] for one in (before, after)] == [
        "Why no Plain ticket?",
        "Plain ticket status",
    ]
    assert {one["callback_id"] for one in (before, after)} == {"plain_why"}


async def on_hold(on: Stage) -> str:
    """Ben wants a ticket of the message of somebody unknown; Ada is an admin."""
    on.slack.users[on.ada].admin = True
    nobody = on.slack.add_user("Nemo")
    ts = await on.slack.post(nobody, on.support, "The export fails")
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    return ts


def buttons(view: dict[str, Any]) -> list[str]:
    rows = [block["elements"] for block in view["blocks"] if block["type"] == "actions"]
    return [element["action_id"] for row in rows for element in row]


async def test_a_linker_chooses_the_customer_in_the_window(with_rules: Stage) -> None:
    on = with_rules
    ts = await on_hold(on)
    shown = await window(on, ts, user=on.ada, channel=on.support)
    first, choose, *_ = shown["blocks"]
    assert "Choose the customer and the ticket will be created" in first["text"]["text"]
    assert choose["elements"][0]["text"]["text"] == "Choose customer"
    await on.slack.click(on.ada, "link_person", view_id=shown["id"])
    form = on.slack.view(shown["id"])
    assert form is not None
    assert form["callback_id"] == "plain_link_form"
    assert [call.method for call in on.slack.calls].count("views.open") == 1
    values = {"name": "Nemo", "email": "nemo@acme.example"}
    sent = await on.slack.submit(on.ada, shown["id"], values)
    assert "1 pending request resumed." in str(sent.view)
    (entry,) = await on.settled()
    assert entry.state == "created"


async def test_a_window_that_is_out_of_date_says_that_nothing_is_left_to_choose(
    with_rules: Stage,
) -> None:
    on = with_rules
    ts = await on_hold(on)
    shown = await window(on, ts, user=on.ada, channel=on.support)
    (entry,) = on.entries()
    line = CustomerLink(on.slack.team, entry.requester or "", "c_1")
    CustomerLinks(on.database).link([line], team=on.slack.team)
    await on.slack.click(on.ada, "link_person", view_id=shown["id"])
    assert "`PB-1` is no longer on hold." in str(on.slack.view(shown["id"]))


async def test_all_that_speak_of_a_request_on_hold_name_the_same_people(
    with_rules: Stage,
) -> None:
    """The answer, the window, the Home and the list."""
    on = with_rules
    ts = await on_hold(on)
    who, operator = "an owner or admin of this workspace", "whoever runs the bridge"
    shown = await window(on, ts, user=on.ben, channel=on.support)
    assert buttons(shown) == []
    await on.slack.open_home(on.ben)
    await on.bridge.background.drain()
    home = on.slack.home(on.ben)
    listed = await on.slack.command(on.ben, on.support, "/plain-ticket", "mine")
    for said in (on.seen_by(on.ben)[-1], str(shown["blocks"][0]), str(home), str(listed.body)):
        assert who in said
        assert operator in said


async def test_an_address_that_slack_does_not_confirm_is_named_to_who_asked(
    with_rules: Stage,
) -> None:
    """In the refusal, and again in the window; not to somebody else."""
    on = with_rules
    sue = on.slack.add_user("Sue Sso", email="sue@acme.example", confirmed=False)
    on.slack.channel(on.support).members.add(sue)
    ts = await on.slack.post(sue, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    (entry,) = await on.settled()
    assert entry.reason == "no_customer"
    sentence = "On hold: Slack doesn't list Sue Sso's e-mail address as confirmed"
    assert on.seen_by(on.ada)[-1].startswith(sentence)
    assert (await why(on, ts)).startswith(sentence)
    assert "confirmed" not in await why(on, ts, user=on.ben)
    assert "sue@acme.example" not in str(on.slack.ephemerals(on.ada))


async def test_a_ticket_is_told_with_everything_about_it(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "bug")
    await on.slack.react(on.ada, on.support, ts, "eyes")
    (entry,) = await on.settled()
    assert entry.ticket is not None
    said = await why(on, ts)
    assert said.startswith(f"There is a ticket: {entry.ticket.ref} · Open in Plain (")
    assert f"PB-1: requested by {on.ada} on 2" in said
    assert " UTC by reacting with :bug:. Rule 1 applied." in said
    assert (
        f"For {on.ben}. Customer: Ben Ortiz (ben@acme.example), found by their e-mail address "
        "in Slack" in said
    )
    assert "Created T-1 · Open in Plain (" in said
    assert f":bug: by 1 person: rule 1 matches it. {on.ada} can create tickets." in said
    assert ":eyes: by 1 person: no rule matches it here." in said
    assert "Rule 1 (:bug: in #support): matches :bug: (priority high)." in said
    assert "Rule 2 (:bug: or :ticket: in every channel): would match :bug:, but rule 1" in said
    assert "No event was received" not in said


async def test_others_see_no_address(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "bug")
    await on.settled()
    eve = on.slack.add_user("Eve", email="eve@acme.example")
    said = await why(on, ts, user=eve)
    assert "Customer: Ben Ortiz, found" in said
    assert "@acme.example" not in said
    guest = on.slack.add_user("Gil", guest=True)
    said = await why(on, ts, user=guest)
    assert "Only people who can create tickets here can see them" in said
    assert "T-1" not in said
    assert "Ben Ortiz" not in said
    admin = on.slack.add_user("Olga", admin=True)
    assert "(ben@acme.example)" in await why(on, ts, user=admin)


async def test_a_request_whose_person_was_erased(with_rules: Stage) -> None:
    """It says so, and blames no rule."""
    on = with_rules
    on.plain.down = True
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await until(lambda: len(on.entries()) == 1)
    forgetting.forget(on.database, on.ada)
    said = await why(on, ts)
    assert said.startswith("No ticket was created: its submitter was erased from the bridge. To")


async def test_nobody_reacted(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    said = await why(on, ts)
    assert said.startswith(
        "No ticket was created: nobody requested one. The message has no reactions, and its menu "
        "wasn't used. To create one, react with :bug: or :ticket:, or open the message's … "
        "menu and choose Create Plain ticket."
    )
    assert "What the bridge has recorded\n• Nothing" in said


async def test_no_rule_takes_it(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "eyes")
    said = await why(on, ts)
    assert said.startswith("No ticket was created: no rule matches the reactions on the")


async def test_no_rule_counts_in_this_channel(sqlite_url: str, tmp_path: Path) -> None:
    toml = '[[rule]]\nemoji = ["bug"]\nchannels = ["C0SALES"]\n[[rule]]\nemoji = "ticket"\n'
    toml += 'channels = "#sales"\n'
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        ts = await on.slack.post(on.ben, on.support, "The export fails")
        await on.slack.react(on.ada, on.support, ts, "bug")
        said = await why(on, ts)
        assert said.startswith(
            f"No ticket was created: no rule applies in {on.support}. To create one, open"
        )
        assert "Rule 1 (:bug: in C0SALES): doesn't apply in this channel." in said
        # Whether "#sales" is this channel, only the worker found out.
        await on.slack.react(on.ada, on.support, ts, "ticket")
        (entry,) = await on.settled()
        assert entry.state is State.IGNORED
        said = await why(on, ts)
        assert "when the reaction was added, no rule matched it in this channel" in said
        assert "Ignored on 2" in said


async def test_a_reaction_of_which_no_event_came(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket", deliver=False)
    said = await why(on, ts)
    assert said.startswith(
        "The reaction :ticket: matches a rule, but no event was received: Slack hasn't told the "
        "bridge about it. The bridge checks the channels every 15 minutes and will create"
    )
    assert f"rule 2 matches it. {on.ada} can create tickets. No event was received." in said
    assert said.count("The bridge checks the channels") == 1


async def test_a_message_older_than_its_rule(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    message = on.slack.message(on.support, ts)
    old = message["ts"] = f"{float(ts) - 86400:.6f}"
    await on.slack.react(on.ada, on.support, old, "ticket", deliver=False)
    said = await why(on, old)
    assert "older than the rule, which was first loaded on 2" in said
    assert "Remove the reaction and react again" in said


async def test_only_people_who_may_not_ask_reacted(with_rules: Stage) -> None:
    on = with_rules
    guest = on.slack.add_user("Gil", guest=True)
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(guest, on.support, ts, "ticket", deliver=False)
    said = await why(on, ts)
    assert "only guests reacted, and they can't create tickets here" in said
    await on.slack.react(guest, on.support, ts, "bug")
    (entry,) = await on.settled()
    assert (entry.state, entry.reason) == (State.REJECTED, "not_allowed")
    assert "guests can't create tickets here" in await why(on, ts)


async def test_a_refusal_is_told_with_what_to_do(with_rules: Stage) -> None:
    on = with_rules
    nobody = on.slack.add_user("Nemo")
    ts = await on.slack.post(nobody, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    said = await why(on, ts)
    assert said.startswith("On hold: we don't know which Plain customer")
    assert (
        "customer Nemo is. Ask an owner or admin of this workspace to choose the customer in"
        in said
    )
    assert "On hold since 2" in said
    assert "no_customer" not in said
    eve = on.slack.add_user("Eve", email="eve@acme.example")
    assert "Nemo" not in await why(on, ts, user=eve)


@pytest.mark.parametrize("place", ["dm", "private", "public"])
async def test_it_works_where_the_bot_is_no_member(with_rules: Stage, place: str) -> None:
    on = with_rules
    if place == "dm":
        channel = on.slack.add_dm(on.ada, on.ben)
    else:
        channel = on.slack.add_channel(
            "secret", private=place == "private", members=(on.ada, on.ben), bot_member=False
        )
    ts = await on.slack.post(on.ben, channel, "Between us")
    await on.slack.react(on.ada, channel, ts, "ticket")
    said = await why(on, ts, channel=channel)
    if place == "dm":
        assert "Slack doesn't tell it about reactions here" in said
    else:
        assert f"the bridge isn't in {channel}" in said
        assert f"Type /invite {on.slack.bot_user} there" in said
    assert "They can't be read: the bridge isn't in this conversation." in said
    opened = await on.slack.use_shortcut(on.ada, channel, ts, "create_plain_ticket")
    assert opened.view is not None
    await on.slack.submit(on.ada, opened.view["id"])
    await on.settled()
    said = await why(on, ts, channel=channel)
    assert said.startswith("There is a ticket: T-1")
    assert "from the message's menu" in said


async def test_an_undone_ticket_and_the_one_after_it(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    await on.slack.click(on.ada, "undo_ticket", ephemeral=on.slack.ephemerals(on.ada)[-1])
    await until(lambda: on.entries()[0].state is State.UNDONE)
    said = await why(on, ts)
    assert said.startswith(
        f"Its ticket T-1 was undone by {on.ada}. To create a new one, react with"
    )
    assert f"Its ticket T-1 was undone by {on.ada} on 2" in said
    await on.slack.react(on.ben, on.support, ts, "ticket")
    await on.settled()
    said = await why(on, ts)
    assert said.startswith("There is a ticket: T-2")
    assert f"PB-1: requested by {on.ada} on 2" in said
    assert f"PB-2: requested by {on.ben} on 2" in said


async def test_people_of_other_companies_are_told_nothing(with_rules: Stage) -> None:
    on = with_rules
    stranger = on.slack.add_user("Pam", team="T0OTHER")
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    # Slack has no such menu for them; whatever comes, it tells them nothing.
    place, posted = on.slack.channel(on.support), on.slack.message(on.support, ts)
    person = on.slack.person(stranger)
    asked = message_action(on.slack, person, place, posted, "why_no_plain_ticket")
    opened = await on.slack._interact(stranger, asked)
    assert opened.view is not None
    await on.bridge.background.drain()
    shown = on.slack.view(opened.view["id"])
    assert shown is not None
    assert [block["text"]["text"] for block in shown["blocks"]] == [words.STRANGERS]


async def test_a_reply_of_a_thread_that_has_its_ticket(with_rules: Stage) -> None:
    on = with_rules
    root = await on.slack.post(on.ben, on.support, "The export fails")
    reply = await on.slack.post(on.ben, on.support, "Still", thread_ts=root)
    await on.slack.react(on.ada, on.support, root, "ticket")
    await on.settled()
    said = await why(on, reply)
    assert "The Slack thread has the ticket T-1" in said
    await on.slack.react(on.ada, on.support, reply, "ticket")
    await on.settled()
    assert (await why(on, reply)).startswith("There is a ticket: the message was added to T-1")


async def test_a_linked_customer_is_told_as_such(with_rules: Stage) -> None:
    on = with_rules
    customer = on.plain.add_customer("Acme", "acme@acme.example")
    on.people.link([CustomerLink(on.slack.team, on.ben, customer.id, name="Acme")])
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.react(on.ada, on.support, ts, "ticket")
    await on.settled()
    assert "Customer: Acme, linked by someone." in await why(on, ts)


async def test_slack_does_not_answer_about_the_reactions(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    on.slack.fail("reactions.get", retry_after=30)
    said = await why(on, ts)
    assert "can't be read right now: Slack can't be reached or is limiting requests" in said
    assert "Rule 2 (:bug: or :ticket: in every channel): applies here." in said


async def test_the_records_cannot_be_read(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    with closing(sqlite3.connect(str(on.database.url.database))) as other:
        other.execute("ALTER TABLE request RENAME TO gone")
        said = await why(on, ts)
        other.execute("ALTER TABLE gone RENAME TO request")
    assert said.startswith("The bridge can't read its records right now")


async def test_a_modal_that_does_not_open_is_said(with_rules: Stage) -> None:
    on = with_rules
    on.slack.fail("views.open", error="expired_trigger_id")
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    await on.slack.use_shortcut(on.ada, on.support, ts, "why_no_plain_ticket")
    await until(lambda: on.seen_by(on.ada))
    assert on.seen_by(on.ada) == [words.NOT_OPENED]


async def test_a_modal_that_was_closed_meanwhile_is_nobodys_loss(with_rules: Stage) -> None:
    on = with_rules
    ts = await on.slack.post(on.ben, on.support, "The export fails")
    on.slack.fail("reactions.get", delay=0.3)
    opened = await on.slack.use_shortcut(on.ada, on.support, ts, "why_no_plain_ticket")
    assert opened.view is not None
    await on.slack.close_view(on.ada, opened.view["id"])
    await on.bridge.background.drain()
    assert on.slack.open_views(on.ada) == []


@pytest.mark.parametrize(
    ("toml", "line", "noted", "words_"),
    [
        ("", None, Evidence.EMAIL, "found by their e-mail address in Slack."),
        ("", "link", Evidence.LINK, "linked by someone."),
        ("", "import", Evidence.IMPORT, "imported from a list."),
        ("", "email", Evidence.EMAIL, "found by their e-mail address in Slack."),
        (
            '[[rule]]\nemoji = "ticket"\ncustomer = "acme@acme.example"\n',
            "link",
            Evidence.RULE,
            "named by the rule.",
        ),
        (
            '[identity]\nwithout_email = "fallback"\nfallback_customer = "acme@acme.example"\n',
            None,
            Evidence.FALLBACK,
            "the fallback customer from the settings.",
        ),
        (
            '[identity]\nwithout_email = "synthetic"\n',
            None,
            Evidence.SYNTHETIC,
            "created without an e-mail address.",
        ),
    ],
    ids=["email", "link", "import", "learnt", "rule", "fallback", "synthetic"],
)
async def test_what_named_the_customer_is_noted(
    sqlite_url: str, tmp_path: Path, toml: str, line: str | None, noted: Evidence, words_: str
) -> None:
    async with stage(sqlite_url, tmp_path, toml=toml) as on:
        customer = on.plain.add_customer("Acme", "acme@acme.example")
        author = on.slack.add_user("Nemo") if "identity" in toml else on.ben
        if line is not None:
            on.people.link([CustomerLink(on.slack.team, author, customer.id, source=line)])
        ts = await on.slack.post(author, on.support, "The export fails")
        await on.slack.react(on.ada, on.support, ts, "ticket")
        await on.settled()
        (record,) = Records(on.database).of_submitter(on.slack.team, on.ada)
        assert record.evidence is noted
        on.people.unlink(author)  # what is noted does not change with the lookup table
        assert words_ in await why(on, ts)
