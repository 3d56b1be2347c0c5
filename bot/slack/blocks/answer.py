"""What is said to a person: a text that says all of it, and the same as blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.model import Added, Created, Outcome, Remark, Turned, Unwanted
from bot.slack.words import answers, refusals

_SECTION_LENGTH = 3000


@dataclass(frozen=True, slots=True)
class Answer:
    """`text` is mrkdwn and complete: screen readers read nothing else.

    https://docs.slack.dev/reference/methods/chat.postMessage#text-blocks-attachments
    """

    text: str

    @property
    def blocks(self) -> list[dict[str, Any]]:
        """The text with its links as written: nothing in it is made into a link or mention.

        Empty for a text that no section can hold; Slack shows the text itself then.
        """
        if len(self.text) > _SECTION_LENGTH:
            return []
        said = {"type": "mrkdwn", "text": self.text, "verbatim": True}
        return [{"type": "section", "text": said}]


def outcome(outcome: Outcome, reference: str, bot: str | None = None) -> Answer | None:
    """The final answer; None where there is nothing to say. `bot` is the bot's user id."""
    match outcome:
        case Created() | Added():
            return Answer(answers.success(outcome))
        case Turned(reason, data):
            return Answer(refusals.refusal(reason, data, reference, bot))
        case Unwanted():
            return None


def remark(remark: Remark) -> Answer:
    """The answer to asking again."""
    return Answer(answers.remark(remark))


def queued(reference: str) -> Answer:
    """The notice that it takes longer."""
    return Answer(answers.queued(reference))


def usage(emoji: Sequence[str] = ("ticket",)) -> Answer:
    """The answer to `/plain-ticket help`."""
    return Answer(answers.usage(emoji))


def command_not_recorded(text: str) -> Answer:
    """The answer to a command that could not be recorded."""
    return Answer(answers.command_not_recorded(text))


def form_not_opened() -> Answer:
    """The answer where the form was wanted and did not open."""
    return Answer(answers.form_not_opened())
