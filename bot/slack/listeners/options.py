"""What the form's selects offer: Slack asks while somebody types."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from slack_bolt.async_app import AsyncAck, AsyncApp

from bot.flows.form import Choices
from bot.slack.payloads_view import OptionsWanted
from bot.slack.views.form import CALLBACK_ID, VALUE, options

Asked = dict[str, Any]


@dataclass
class FormOptions:
    """Answers at once, with an empty list where nothing is known yet."""

    choices: Choices

    def register(self, app: AsyncApp) -> None:
        app.options(VALUE, matchers=[_is_of_the_form])(self.on_options)

    async def on_options(self, body: Asked, ack: AsyncAck) -> None:
        wanted = OptionsWanted.model_validate(body)
        match wanted.block_id:
            case "labels":
                found = await self.choices.labels(wanted.user.id, wanted.typed)
            case "tenant":
                found = await self.choices.tenants(wanted.user.id, wanted.typed)
            case _:
                found = ()
        await ack(options=options(found))


async def _is_of_the_form(body: Asked) -> bool:
    view = body.get("view")
    return isinstance(view, dict) and view.get("callback_id") == CALLBACK_ID
