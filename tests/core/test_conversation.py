"""A whole Slack thread: who said what when, complete, in pieces that fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.attachments import SkipReason, UploadResult
from bot.core.conversation import LONGEST_TEXT, SlackThread, ThreadLimits, transcribe, unread
from bot.core.directory import Names
from bot.core.faults import Reason
from bot.core.model import UNNAMED_APP, File, Message, Via
from bot.core.quote import QuoteContext, ThreadOptions, continuations, event, render, thread
from bot.core.refs import MessageRef
from bot.core.text.parts import PlainTextPart, TextPart, Tone
from bot.core.text.plaintext import units
from bot.core.text.richtext import Paragraph, Text

AUTHORS = {"U1": "Ada", "U2": "Bob"}


def ref(number: int) -> MessageRef:
    return MessageRef("C1", f"{1_599_529_504 + 60 * number}.000400")


def said(number: int, text: str, author: str | None = "U1", **more: object) -> Message:
    blocks = (Paragraph((Text(text),)),) if text else ()
    return Message(ref(number), author, blocks, ref(0).ts, **more)  # type: ignore[arg-type]


def whole(*messages: Message, chosen: int = 0, bounds: ThreadLimits | None = None) -> SlackThread:
    return SlackThread(messages, AUTHORS, ref(chosen), bounds or ThreadLimits())


def texts(of: SlackThread) -> list[str]:
    told = transcribe(of, Names(), {})
    parts = [*told.opening, *(part for group in told.further for part in group)]
    return [part.text for part in parts if isinstance(part, TextPart)]


def test_who_said_what_when() -> None:
    found = texts(whole(said(0, "It fails"), said(1, "Since *when*?", "U2"), chosen=1))
    assert found == [
        "**Ada** · 2020-09-08 01:45 UTC\nIt fails",
        "**Bob** · 2020-09-08 01:46 UTC · the escalated message\nSince \\*when\\*?",
    ]


AUTHORSHIP = {
    "an app": (said(0, "a", None, bot="Alerts"), "**Alerts (app)**"),
    "an app with a user": (said(0, "a", "U1", bot="Alerts"), "**Alerts (app)**"),
    "an app without a name": (said(0, "a", None, bot=UNNAMED_APP), "**An app**"),
    "a made-up name": (
        said(0, "a", None, bot="Alerts", made_up="Cleo, CEO"),
        "**Posted as “Cleo, CEO” by the app Alerts**",
    ),
    "a made-up name of an app without one": (
        said(0, "a", None, bot=UNNAMED_APP, made_up="Cleo\nof BigCorp"),
        "**Posted as “Cleo of BigCorp” by an app**",
    ),
    "an app that calls itself nothing": (said(0, "a", None, bot="\n", made_up=" "), "**An app**"),
    "nobody known": (said(0, "a", "U9"), "**U9**"),
    "nobody": (said(0, "a", None), "**Someone**"),
    "a name with marks": (said(0, "a", None, bot="*x*\n_y_"), None),
}


@pytest.mark.parametrize(("message", "who"), AUTHORSHIP.values(), ids=AUTHORSHIP)
def test_who(message: Message, who: str | None) -> None:
    (found,) = texts(whole(message))
    assert who is None or found.startswith(f"{who} · ")
    assert found.count("\n") == 1


def test_a_message_of_files_or_of_nothing_is_there() -> None:
    with_files = said(1, "", files=(File("F1", "a.png"),))
    found = texts(whole(said(0, ""), with_files, chosen=9))
    assert found == [
        "**Ada** · 2020-09-08 01:45 UTC\n_(no text)_",
        "**Ada** · 2020-09-08 01:46 UTC\nThe message has no text, only 1 file: a.png",
    ]


def test_secrets_are_masked_in_every_message() -> None:
    told = transcribe(whole(said(0, "ok"), said(1, "xoxb-test it is")), Names(), {})
    assert "xoxb" not in repr(told)
    assert told.secrets == ("Slack token",)


def test_what_does_not_fit_goes_on() -> None:
    bounds = ThreadLimits(components=3, first_components=2)
    told = transcribe(
        whole(*(said(n, f"Number {n}") for n in range(6)), bounds=bounds), Names(), {}
    )
    assert [len(group) for group in told.further] == [3, 1]
    assert told.opening[-1] == PlainTextPart(
        "The Slack thread continues in 2 further entries.", Tone.MUTED, small=True
    )
    context = QuoteContext(
        author="Ada",
        submitter="Ada",
        via=Via.SHORTCUT,
        whole=whole(*(said(n, f"Number {n}") for n in range(6)), bounds=bounds),
    )
    message = said(0, "x")
    rendered = render(message, context)
    assert [(one.external_id, one.title) for one in continuations("k", rendered)] == [
        ("k#2", "Slack thread, part 2 of 3"),
        ("k#3", "Slack thread, part 3 of 3"),
    ]
    added = event(
        external_id="k",
        thread="th_1",
        message=message,
        form=None,
        context=context,
        rendered=rendered,
    )
    assert len([part for part in added.parts if isinstance(part, TextPart)]) == 2


@pytest.mark.parametrize(
    ("messages", "warning"),
    [
        (5, None),
        (6, "its last message is not quoted"),
        (1205, "its last 1,200 messages are not quoted"),
    ],
)
def test_a_thread_beyond_all_bounds_says_how_much_is_not_quoted(
    messages: int, warning: str | None
) -> None:
    bounds = ThreadLimits(components=2, first_components=1, most_further=2)
    told = transcribe(
        whole(*(said(n, f"Number {n}") for n in range(messages)), bounds=bounds), Names(), {}
    )
    assert len(told.further) == 2
    kept = [part.text.split("\n")[-1] for group in told.further for part in group]
    assert kept == [f"Number {n}" for n in range(1, 5)]
    warned = [
        one for one in told.opening if isinstance(one, PlainTextPart) and one.tone is Tone.WARNING
    ]
    assert len(warned) == (warning is not None)
    if warning is not None:
        assert warning in warned[0].text


def test_without_a_whole_thread_there_is_no_continuation() -> None:
    context = QuoteContext(author=None, submitter="Ada", via=Via.REACTION)
    assert continuations("k", render(said(0, "x"), context)) == ()


@given(
    lengths=st.lists(st.integers(1, 25_000), min_size=1, max_size=12),
    components=st.integers(1, 5),
    room=st.integers(10_000, 30_000),
)
def test_nothing_is_lost_and_everything_fits(
    lengths: list[int], components: int, room: int
) -> None:
    bounds = ThreadLimits(components, room, max(1, components - 1), room)
    messages = [said(n, f"{n}-" + "x" * length) for n, length in enumerate(lengths)]
    told = transcribe(whole(*messages, bounds=bounds), Names(), {})
    first = tuple(part for part in told.opening if isinstance(part, TextPart))
    for group, most in [(first, bounds.first_components)] + [
        (group, components) for group in told.further
    ]:
        assert 1 <= len(group) <= most
        assert sum(units(part.text) for part in group) <= room
        assert all(units(part.text) <= LONGEST_TEXT for part in group)
    every = "".join(part.text for group in (first, *told.further) for part in group)
    assert every.count("x") == sum(lengths)
    positions = [every.index(f"\n{n}-") for n in range(len(lengths))]
    assert positions == sorted(positions)


def test_why_it_could_not_be_read_is_said_beside_the_message() -> None:
    context = QuoteContext(
        author="Ada", submitter="Ada", via=Via.SHORTCUT, unread=Reason.NOT_IN_CHANNEL
    )
    message = said(0, "It fails")
    draft = thread(
        external_id="k",
        customer="c_1",
        message=message,
        form=None,
        context=context,
        options=ThreadOptions(),
        rendered=render(message, context),
    )
    assert draft.parts[2] == unread(Reason.NOT_IN_CHANNEL)
    assert unread(Reason.SLACK_REFUSED).text.endswith("is quoted: Slack refused it.")


def test_files_that_did_not_go_are_named_with_the_reason() -> None:
    uploads = {"F1": UploadResult("att_1"), "F2": UploadResult(why=SkipReason.KIND)}
    files = (File("F1", "a.png"), File("F2", "b.exe", link="https://x.example/F2"))
    told = transcribe(whole(said(0, "see", files=files)), Names(), uploads)
    (part,) = told.opening
    assert isinstance(part, TextPart)
    assert part.text.endswith(
        "With 2 files: a.png, [b.exe](https://x.example/F2) "
        "(not attached: Plain does not accept files of this type)"
    )


def test_the_escalated_messages_files_come_first() -> None:
    first = replace(said(0, "a"), files=(File("F1"),))
    chosen = replace(said(1, "b"), files=(File("F2"),))
    uploads = {"F1": UploadResult("att_1"), "F2": UploadResult("att_2")}
    context = QuoteContext(
        author="Ada",
        submitter="Ada",
        via=Via.SHORTCUT,
        whole=whole(first, chosen, chosen=1),
        uploads=uploads,
    )
    draft = thread(
        external_id="k",
        customer="c_1",
        message=chosen,
        form=None,
        context=context,
        options=ThreadOptions(),
        rendered=render(chosen, context),
    )
    assert draft.attachments == ("att_2", "att_1")
