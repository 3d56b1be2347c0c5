"""What is seen is rendered once, and where the doors need not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

import pytest

from bot.core import quote
from bot.core.conversation import SlackThread, ThreadLimits
from bot.core.directory import Names
from bot.core.model import Message, Via
from bot.core.quote import QuoteContext
from bot.flows.quote_source import QuoteSource
from tests.nouns import message, trigger

P = ParamSpec("P")
T = TypeVar("T")


class Elsewhere:
    """An `executor.Run` that counts the steps."""

    def __init__(self) -> None:
        self.steps = 0

    async def __call__(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self.steps += 1
        return work(*args, **kwargs)


def seen(count: int | None, bounds: ThreadLimits | None = None) -> QuoteSource:
    said = tuple(message(number) for number in range(1, (count or 0) + 1))
    whole = None if count is None else SlackThread(said, {}, None, bounds or ThreadLimits())
    context = QuoteContext(None, "Asker", Via.SHORTCUT, whole=whole)
    return QuoteSource(trigger(), message(1), context)


@pytest.mark.parametrize(("count", "steps"), [(None, 1), (1, 2), (60, 61)])
async def test_every_text_is_rendered_elsewhere_and_each_message_is_a_step(
    count: int | None, steps: int
) -> None:
    """Below fifty messages it was done in the loop, whatever their length: 132 s."""
    elsewhere, given = Elsewhere(), seen(count)
    rendered = await given.rendered(elsewhere)
    assert elsewhere.steps == steps
    assert rendered == quote.render(given.message, given.context)


async def test_what_plain_is_not_given_anyway_is_not_rendered() -> None:
    elsewhere = Elsewhere()
    few = ThreadLimits(components=2, first_components=2, most_further=1)
    given = seen(500, few)
    rendered = await given.rendered(elsewhere)
    assert elsewhere.steps <= 7
    assert len(rendered.further) == 1
    assert "its last 496 messages are not quoted in full" in str(rendered.parts[-1])


async def test_the_drafts_are_made_of_what_was_rendered_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = seen(60)
    rendered = await given.rendered(Elsewhere())

    def again(*_: object) -> None:
        raise AssertionError("rendered twice")

    monkeypatch.setattr(quote, "render", again)
    draft = quote.event(
        external_id="k",
        thread="th_1",
        message=given.message,
        form=None,
        context=given.context,
        rendered=rendered,
    )
    rest = given.rest("k", rendered)
    assert rest is not None
    pieces = [*draft.parts, *(part for one in rest.sequels for part in one.parts)]
    assert sum("The export fails" in str(part) for part in pieces) == 60


def test_titles_are_taken_from_the_beginning_of_a_long_text() -> None:
    long = replace(message(1), blocks=message(1).blocks * 20_000)
    assert isinstance(long, Message)
    assert len(quote.excerpt(long, Names())) < 2 * quote.LONGEST_BEGINNING
    assert quote.default_title(long, Names()) == quote.default_title(message(1), Names())
