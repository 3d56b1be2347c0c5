"""What the Plain thread says of a message: title, parts, preview."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.directory import Channel, Names, UserKind
from bot.core.model import EventDraft, File, Form, Message, Priority, ThreadDraft, Via
from bot.core.quote import (
    QuoteContext,
    ThreadOptions,
    default_title,
    event,
    excerpt,
    render,
    thread,
)
from bot.core.refs import MessageRef
from bot.core.text.parts import DividerPart, LinkPart, Part, PlainTextPart, TextPart, Tone
from bot.core.text.plaintext import units
from bot.core.text.richtext import (
    Block,
    Items,
    Mention,
    Paragraph,
    Preformatted,
    Quote,
    Style,
    Text,
    visible,
)

NAMES = Names(users={"U2": "Bob"})
CONTEXT = QuoteContext(
    author="Ada Lovelace",
    submitter="Grace Hopper",
    via=Via.REACTION,
    channel=Channel("C1", "support"),
    permalink="https://acme.slack.example/archives/C1/p1599529504000400",
    emoji="ticket",
    names=NAMES,
)
WHO = PlainTextPart("Ada Lovelace in #support · 2020-09-08 01:45 UTC", Tone.MUTED, small=True)
LINK = LinkPart("Open in Slack", "https://acme.slack.example/archives/C1/p1599529504000400")
BY = PlainTextPart("Escalated by Grace Hopper with the :ticket: reaction", Tone.MUTED, small=True)
MASKED = PlainTextPart(
    "Secrets were masked before this left Slack (Slack token). "
    "Whoever posted them should rotate them.",
    Tone.WARNING,
)
FILES = (File("F1", "a_b.pdf", link="https://acme.slack.example/files/F1"), File("F2"))


def message(*blocks: Block, files: tuple[File, ...] = ()) -> Message:
    return Message(MessageRef("C1", "1599529504.000400"), "U1", blocks, files=files)


def said(text: str) -> Message:
    return message(Paragraph((Text(text),)))


def form(title: str = "T", description: str | None = None) -> Form:
    return Form(title, description, "U1", Priority.HIGH)


def draft(
    message: Message | None,
    form: Form | None = None,
    context: QuoteContext = CONTEXT,
    options: ThreadOptions | None = None,
) -> ThreadDraft:
    return thread(
        external_id="T1:C1:1",
        customer="c_1",
        message=message,
        form=form,
        context=context,
        options=options or ThreadOptions(),
        rendered=render(message, context),
    )


def addition(
    message: Message, form: Form | None = None, context: QuoteContext = CONTEXT
) -> EventDraft:
    return event(
        external_id="T1:C1:2",
        thread="th_1",
        message=message,
        form=form,
        context=context,
        rendered=render(message, context),
    )


def test_parts_in_order() -> None:
    written = message(Paragraph((Text("It is "), Text("down", Style(bold=True)))))
    found = draft(written, form(description="Since *noon*.\n"))
    assert found.parts == (
        WHO,
        TextPart("It is **down**"),
        DividerPart(),
        PlainTextPart("Since *noon*."),
        LINK,
        BY,
    )


def test_a_message_without_a_form() -> None:
    options = ThreadOptions(Priority.URGENT, ("lt_1",), "acme", "u_1")
    found = draft(said("It is down\nfor me"), options=options)
    assert found == ThreadDraft(
        customer="c_1",
        external_id="T1:C1:1",
        title="It is down",
        parts=(WHO, TextPart("It is down\nfor me"), LINK, BY),
        preview="It is down for me",
        priority=Priority.URGENT,
        label_types=("lt_1",),
        tenant="acme",
        assignee="u_1",
    )


def test_the_form_wins_over_the_rule() -> None:
    found = draft(said("a"), form("  My\ntitle "), options=ThreadOptions(Priority.LOW, ("lt_1",)))
    assert (found.title, found.priority, found.label_types) == (
        "My title",
        Priority.HIGH,
        ("lt_1",),
    )


def test_a_form_without_a_message() -> None:
    context = QuoteContext(author=None, submitter="Grace Hopper", via=Via.FORM)
    found = draft(None, form(description="No invoice since May."), context)
    assert found.parts == (
        PlainTextPart("No invoice since May."),
        PlainTextPart("Escalated by Grace Hopper with the form", Tone.MUTED, small=True),
    )
    assert found.preview == "No invoice since May."


def test_a_command_has_no_time_and_no_link() -> None:
    context = replace(CONTEXT, via=Via.COMMAND, author="Grace Hopper", permalink=None, emoji=None)
    found = draft(replace(said("help us"), ref=None), context=context)
    assert found.parts == (
        PlainTextPart("Grace Hopper in #support", Tone.MUTED, small=True),
        TextPart("help us"),
        PlainTextPart("Escalated by Grace Hopper with /plain-ticket", Tone.MUTED, small=True),
    )


WHERE = {
    "channel": (Channel("C1", "support"), "Ada Lovelace in #support"),
    "hash": (Channel("C1", "#support"), "Ada Lovelace in #support"),
    "direct message": (Channel("D1", direct=True), "Ada Lovelace in a direct message"),
    "no name": (Channel("C1"), "Ada Lovelace in a Slack channel"),
    "nowhere": (None, "Ada Lovelace"),
}


@pytest.mark.parametrize(("channel", "expected"), WHERE.values(), ids=WHERE)
def test_where(channel: Channel | None, expected: str) -> None:
    first = draft(said("a"), context=replace(CONTEXT, channel=channel)).parts[0]
    assert isinstance(first, PlainTextPart)
    assert first.text == f"{expected} · 2020-09-08 01:45 UTC"


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        (UserKind.MEMBER, "Submitted by Grace Hopper on behalf of Victor of Beta"),
        (
            UserKind.GUEST,
            "Submitted by Grace Hopper (a guest in Slack) on behalf of Victor of Beta",
        ),
        (
            UserKind.EXTERNAL,
            "Submitted by Grace Hopper (from another company) on behalf of Victor of Beta",
        ),
    ],
)
def test_who_asks_for_somebody_else_stands_first(standing: UserKind, expected: str) -> None:
    context = replace(CONTEXT, on_behalf_of="Victor\nof Beta", submitter_kind=standing)
    found = draft(said("a"), context=context)
    assert found.parts[0] == PlainTextPart(expected)
    assert found.parts[1:] == draft(said("a")).parts
    added = addition(said("a"), context=context)
    assert added.parts == found.parts[1:]


@pytest.mark.parametrize(
    ("author", "bot", "made_up", "expected"),
    [
        ("Ada", None, None, "Ada"),
        ("Ada", "Alerts", None, "Alerts (app)"),
        (None, "Alerts", None, "Alerts (app)"),
        (None, "Alerts", "Cleo, CEO", "Posted as “Cleo, CEO” by the app Alerts"),
        (None, None, None, "Someone"),
    ],
)
def test_who(author: str | None, bot: str | None, made_up: str | None, expected: str) -> None:
    context = replace(CONTEXT, author=author, channel=None)
    posted = replace(said("a"), bot=bot, made_up=made_up, ref=None)
    first = draft(posted, context=context).parts[0]
    assert first == PlainTextPart(expected, Tone.MUTED, small=True)


def test_a_secret_in_the_name_that_an_app_gives_itself_is_masked() -> None:
    posted = replace(said("a"), bot="Alerts", made_up="deploys with xoxb-test-0000")
    found = draft(posted)
    assert "xoxb" not in str(found)
    assert found.parts[-3] == MASKED


@pytest.mark.parametrize(
    ("via", "emoji", "how"),
    [
        (Via.SHORTCUT, None, "the message shortcut"),
        (Via.REACTION, None, "a reaction"),
        (Via.REACTION, "fire", "the :fire: reaction"),
        (Via.COMMAND, None, "/plain-ticket"),
        (Via.FORM, None, "the form"),
    ],
)
def test_how(via: Via, emoji: str | None, how: str) -> None:
    last = draft(said("a"), context=replace(CONTEXT, via=via, emoji=emoji)).parts[-1]
    assert last == PlainTextPart(f"Escalated by Grace Hopper with {how}", Tone.MUTED, small=True)


def test_nothing_but_files() -> None:
    found = draft(message(files=FILES))
    assert found.parts[1] == TextPart(
        "The message has no text, only 2 files: "
        "[a_b.pdf](https://acme.slack.example/files/F1), a file without a name"
    )
    assert found.title == found.preview == "2 files: a_b.pdf, a file without a name"


def test_files_beside_a_text() -> None:
    found = draft(message(Paragraph((Text("see"),)), files=(File("F1", "a.png"),)))
    assert found.parts[1:3] == (TextPart("see"), TextPart("With 1 file: a.png"))


def test_a_time_that_no_calendar_holds_is_left_out() -> None:
    found = draft(replace(said("a"), ref=MessageRef("C1", "999999999999.000000")))
    assert found.parts[0] == PlainTextPart("Ada Lovelace in #support", Tone.MUTED, small=True)


def test_no_link_but_a_web_link() -> None:
    found = draft(said("a"), context=replace(CONTEXT, permalink="javascript:alert(1)"))
    assert not any(isinstance(part, LinkPart) for part in found.parts)


def test_secrets_are_masked_everywhere() -> None:
    written = message(
        Paragraph((Text("key xoxb-te"), Text("st", Style(bold=True)))),
        files=(File("F1", "xoxb-test.txt"),),
    )
    own = form("my xoxb-test", "it is xoxb-test\nok")
    found = draft(written, own)
    assert "xoxb" not in repr(found)
    assert found.title == "my [Slack token masked]"
    assert found.preview == "key [Slack token masked]"
    assert found.parts[-3:] == (MASKED, LINK, BY)
    assert PlainTextPart("it is [Slack token masked]\nok") in found.parts
    assert default_title(written, NAMES) == "key [Slack token masked]"
    added = addition(written, own)
    assert "xoxb" not in repr(added)
    assert MASKED in added.parts


def test_a_secret_in_the_title_alone_is_said() -> None:
    assert MASKED in draft(said("a"), form("my xoxb-test")).parts


def test_an_event_says_the_same() -> None:
    found = addition(said("More\nof it"))
    assert (found.thread, found.external_id, found.title) == ("th_1", "T1:C1:2", "More")
    assert found.parts == (WHO, TextPart("More\nof it"), LINK, BY)


def test_a_long_message_is_split_and_whole() -> None:
    text = "word " * 5_000
    quoted = [part.text for part in draft(said(text)).parts if isinstance(part, TextPart)]
    assert len(quoted) == 3
    assert "".join(quoted) == text


def test_a_long_description_is_split_and_whole() -> None:
    text = "👍" * 12_000
    parts = draft(None, form(description=text)).parts
    chunks = [part.text for part in parts[:-1] if isinstance(part, PlainTextPart)]
    assert "".join(chunks) == text
    assert max(map(units, chunks)) <= 10_000


TITLES: dict[str, tuple[tuple[Block, ...], str]] = {
    "first line": ((Paragraph((Text("\n  a  b \nc"),)),), "a b"),
    "names": ((Paragraph((Mention("user", "U2"), Text(" is ill"))),), "@Bob is ill"),
    "nobody's name": ((Paragraph((Mention("user", "U9"),)),), "@unknown-user"),
    "without styles": ((Paragraph((Text("a", Style(bold=True, code=True)),)),), "a"),
    "as typed": ((Paragraph((Text("*a* [b](c)"),)),), "*a* [b](c)"),
    "of a list": ((Items(((Text("milk"),),)),), "milk"),
    "of a quote": ((Quote((Text("he said"),)),), "he said"),
    "of code": ((Preformatted((Text("x = 1\ny"),)),), "x = 1"),
    "cut at a word": (
        (Paragraph((Text("word " * 20),)),),
        " ".join(["word"] * 16) + "…",
    ),
    "cut in a long word": ((Paragraph((Text("a" * 100),)),), "a" * 79 + "…"),
    "no half of a pair": ((Paragraph((Text("a" * 78 + "👍👍"),)),), "a" * 78 + "…"),
    "nothing": ((), "Message from Slack"),
}


@pytest.mark.parametrize(("blocks", "expected"), TITLES.values(), ids=TITLES)
def test_default_title(blocks: tuple[Block, ...], expected: str) -> None:
    assert default_title(message(*blocks), NAMES) == expected


def test_default_title_without_a_message() -> None:
    assert default_title(None, NAMES) == "Message from Slack"


def test_a_blank_title_falls_back() -> None:
    assert draft(said("It is down"), form(" \n ")).title == "It is down"


@given(st.text(), st.text(), st.text() | st.none(), st.text())
def test_every_draft_is_one_that_plain_takes(
    text: str, title: str, description: str | None, name: str
) -> None:
    context = replace(CONTEXT, author=name, submitter=name, channel=Channel("C1", name), emoji=name)
    found = draft(said(text), form(title, description), context)
    assert 1 <= units(found.title) <= 250
    assert found.title == " ".join(found.title.split())
    assert found.preview is None or 1 <= units(found.preview) <= 200
    for text in map(_text, found.parts):
        assert 1 <= units(text) <= 10_000
        assert text.strip()
        text.encode()


@given(st.text(max_size=300), st.integers(20, 250))
def test_a_default_title_fits(text: str, limit: int) -> None:
    written = said(text)
    found = default_title(written, NAMES, limit)
    assert 1 <= units(found) <= limit
    first = next(filter(None, map(str.strip, visible(written.blocks, NAMES).split("\n"))), None)
    assert first is None or found.endswith("…") or found == " ".join(first.split())


def _text(part: Part) -> str:
    match part:
        case TextPart() | PlainTextPart():
            return part.text
        case LinkPart():
            return part.label
        case DividerPart():
            return "-"


def test_the_forms_labels_stand_beside_the_rules_and_its_tenant_before_it() -> None:
    options = ThreadOptions(label_types=("lt_1", "lt_2"), tenant="acme")
    plain = draft(said("a"), form(), options=options)
    assert (plain.label_types, plain.tenant) == (("lt_1", "lt_2"), "acme")
    filled = replace(form(), labels=("lt_2", "lt_3"), tenant="zen")
    found = draft(said("a"), filled, options=options)
    assert (found.label_types, found.tenant) == (("lt_1", "lt_2", "lt_3"), "zen")


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        pytest.param(said("It is *down*\n\nfor <me>"), "It is *down*\nfor <me>", id="lines"),
        pytest.param(
            message(Paragraph((Mention("user", "U2"),)), files=FILES),
            "@Bob\nWith 2 files: a_b.pdf, a file without a name",
            id="a mention and files",
        ),
        pytest.param(
            message(files=FILES[1:]),
            "The message has no text, only 1 file: a file without a name",
            id="files alone",
        ),
        pytest.param(message(), "", id="nothing"),
    ],
)
def test_an_excerpt_says_what_the_quote_will_say(written: Message, shown: str) -> None:
    assert excerpt(written, NAMES) == shown


def test_an_excerpt_holds_no_secret() -> None:
    secret = "ghp_" + "a" * 36
    found = excerpt(said(f"The key is {secret} today"), NAMES)
    assert found.startswith("The key is ")
    assert secret not in found
