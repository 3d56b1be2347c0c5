"""Single-use triggers and the answer addresses (`response_url`) that come with interactions."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.slack.nouns import Ephemeral, Json, SlackError, View
from bot.sandbox.slack.world import World

TRIGGER_SECONDS = 3.0
"""https://docs.slack.dev/interactivity/handling-user-interaction#modal_responses"""
ANSWER_SECONDS = 30 * 60.0
MOST_ANSWERS = 5
"""https://docs.slack.dev/interactivity/handling-user-interaction#message_responses"""


@dataclass
class _Trigger:
    user: str
    at: float
    view: View | None = None
    used: bool = False


@dataclass
class _Address:
    user: str
    channel: str
    at: float
    message_ts: str | None
    ephemeral: Ephemeral | None = None
    uses: int = 0


class Triggers:
    """The trigger ids that were given out."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._triggers: dict[str, _Trigger] = {}

    def give(self, user: str) -> str:
        number = int(self._world.clock() * 1000)
        trigger_id = f"{number}.{len(self._triggers) + 1}.{self._world.nonce('trigger')}"
        self._triggers[trigger_id] = _Trigger(user, self._world.clock())
        return trigger_id

    def exchange(self, trigger_id: object) -> _Trigger:
        """The trigger, which is used up by this."""
        trigger = self._triggers.get(str(trigger_id))
        if trigger is None:
            raise SlackError("invalid_trigger_id")
        if trigger.used:
            raise SlackError("exchanged_trigger_id")
        if self._world.clock() - trigger.at > TRIGGER_SECONDS:
            raise SlackError("expired_trigger_id")
        trigger.used = True
        return trigger

    def opened_by(self, trigger_id: str) -> View | None:
        return self._triggers[trigger_id].view


class Answers:
    """The answer addresses that were given out, and what is posted to them.

    They need neither the bot's membership nor a scope.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._addresses: dict[str, _Address] = {}

    def give(
        self,
        user: str,
        channel: str,
        message_ts: str | None = None,
        ephemeral: Ephemeral | None = None,
    ) -> str:
        """A new `response_url`; of a click, with the message or the ephemeral clicked on."""
        name = self._world.nonce("answer")
        self._addresses[name] = _Address(user, channel, self._world.clock(), message_ts, ephemeral)
        return f"{self._world.base_url}/app/{self._world.team}/{name}"

    def take(self, name: str, answer: Json) -> tuple[str, Json | None]:
        """Show an answer; gives the channel, and the message if everybody sees it."""
        address = self._addresses.get(name)
        if address is None:
            raise SlackError("invalid_url")
        if address.uses >= MOST_ANSWERS:
            raise SlackError("used_url")
        if self._world.clock() - address.at > ANSWER_SECONDS:
            raise SlackError("expired_url")
        if not answer.get("text") and not answer.get("blocks") and not _removes(answer):
            raise SlackError("no_text")
        address.uses += 1
        if not _removes(answer) and not answer.get("replace_original"):
            return address.channel, show(self._world, address.user, address.channel, answer)[1]
        return address.channel, self._replace(address, answer)

    def _replace(self, address: _Address, answer: Json) -> Json | None:
        """Only what was clicked on can be replaced, never a command's earlier answer."""
        world = self._world
        clicked = address.message_ts and world.channel(address.channel).find(address.message_ts)
        if clicked and _removes(answer):
            world.channel(address.channel).messages.remove(clicked)
        elif clicked:
            clicked |= {"text": answer.get("text") or "", "blocks": answer.get("blocks") or []}
        if clicked:
            return None
        at = next(
            (n for n, (_, one) in enumerate(world.whispers) if one is address.ephemeral), None
        )
        if at is not None:
            del world.whispers[at]
        if _removes(answer):
            return None
        shown, posted = show(world, address.user, address.channel, answer)
        if at is not None and shown is not None and address.ephemeral is not None:
            # In its place: above what came later, and in its Slack thread.
            del world.whispers[-1]
            before = address.ephemeral
            instead = shown._replace(thread_ts=before.thread_ts, ts=before.ts)
            world.whispers.insert(at, (address.user, instead))
            address.ephemeral = instead
        return posted


def _removes(answer: Json) -> bool:
    return bool(answer.get("delete_original"))


def show(
    world: World, user: str, channel: str, answer: Json
) -> tuple[Ephemeral | None, Json | None]:
    """An answer to an interaction: for that person only, unless it says `in_channel`."""
    text, blocks = str(answer.get("text") or ""), list(answer.get("blocks") or [])
    if answer.get("response_type") == "in_channel":
        posted = world.bot_message(text, blocks)
        return None, world.write(channel, posted, answer.get("thread_ts"))
    whisper = Ephemeral(channel, answer.get("thread_ts"), text, blocks, world.next_ts())
    world.whispers.append((user, whisper))
    return whisper, None
