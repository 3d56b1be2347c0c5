"""What Slack sends of the form: filled in, closed, its requester changed, or in want of options.

A missing field that is needed, or one of a wrong form, is pydantic's ValidationError.
https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from bot.core.model import Form, FormDraft, Priority, Trigger
from bot.core.text.plaintext import whole
from bot.slack.fields import is_id
from bot.slack.payloads import Id
from bot.slack.views import form as words
from bot.slack.views.form import DESCRIPTION_LENGTH, MOST_LABELS, TITLE_LENGTH, VALUE_LENGTH


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class _Named(_Sent):
    id: Id


class _Option(_Sent):
    value: str

    @property
    def text(self) -> str:
        return _storable(self.value)


class _Value(_Sent):
    """The state of one input, of whichever kind."""

    value: str | None = None
    selected_user: str | None = None
    selected_option: _Option | None = None
    selected_options: tuple[_Option, ...] | None = None

    def text(self) -> str:
        chosen = self.selected_option.value if self.selected_option else None
        return _storable(self.value or self.selected_user or chosen or "")


class _State(_Sent):
    values: dict[str, dict[str, _Value]] = Field(default_factory=dict)


class _View(_Sent):
    id: Id
    callback_id: str
    private_metadata: Id
    blocks: tuple[Any, ...] = ()
    state: _State = Field(default_factory=_State)


class _OfForm(_Sent):
    view: _View

    @property
    def draft_id(self) -> str:
        return self.view.private_metadata

    @property
    def view_id(self) -> str:
        return self.view.id


class ViewSubmission(_OfForm):
    """The form, sent off.

    https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
    """

    user: _Named

    def errors(self) -> dict[str, str]:
        """What is wrong with the input: block id to the sentence shown beside the field."""
        wrong = {}
        title, requester = self._typed("title"), self._typed("requester")
        if title and not title.strip():
            wrong["title"] = words.TITLE_MISSING
        if len(title.strip()) > TITLE_LENGTH:
            wrong["title"] = words.TITLE_TOO_LONG
        if len(self._typed("description").strip()) > DESCRIPTION_LENGTH:
            wrong["description"] = words.DESCRIPTION_TOO_LONG
        if requester and not re.fullmatch(r"[!-~]{1,255}", requester):
            wrong["requester"] = words.REQUESTER_UNKNOWN
        if self._typed("priority") not in ("", *Priority):
            wrong["priority"] = words.PRIORITY_UNKNOWN
        labels = self._chosen("labels") or ()
        if len(labels) > MOST_LABELS or not all(map(is_id, labels)):
            wrong["labels"] = words.LABELS_UNKNOWN
        if len(self._typed("tenant")) > VALUE_LENGTH:
            wrong["tenant"] = words.TENANT_UNKNOWN
        return wrong

    def form(self, prefill: Form) -> Form:
        """The values, for a submission without `errors`.

        What is missing or empty falls back to `prefill`: an untouched prefill has been
        submitted as empty. https://github.com/slackapi/bolt-js/issues/1258
        Labels, tenant and box are believed empty where Slack says so of a field that is there:
        who opens a form again may want to be rid of them, and a lost one is mended in Plain.
        """
        priority = self._typed("priority")
        labels, whole_thread = self._chosen("labels"), self._chosen("whole_thread")
        return Form(
            title=self._typed("title").strip() or prefill.title.strip() or words.UNTITLED,
            description=self._typed("description").strip() or prefill.description,
            requester=self._typed("requester") or prefill.requester,
            priority=Priority(priority) if priority else prefill.priority,
            labels=prefill.labels if labels is None else labels,
            tenant=(
                prefill.tenant if self._value("tenant") is None else self._typed("tenant") or None
            ),
            whole_thread=prefill.whole_thread if whole_thread is None else bool(whole_thread),
        )

    def trigger(self, draft: FormDraft) -> Trigger:
        """The draft's asking with what was filled in; the view names the asking from here on."""
        return replace(draft.trigger, request=self.view_id, form=self.form(draft.prefill))

    def _value(self, block: str) -> _Value | None:
        return self.view.state.values.get(block, {}).get("value")

    def _typed(self, block: str) -> str:
        value = self._value(block)
        return value.text() if value else ""

    def _chosen(self, block: str) -> tuple[str, ...] | None:
        """What was chosen of many; None where Slack does not say."""
        value = self._value(block)
        if value is None or value.selected_options is None:
            return None
        return tuple(dict.fromkeys(option.text for option in value.selected_options))


class ViewClosed(_OfForm):
    """The form, closed without being sent off (`notify_on_close`)."""


class RequesterChosen(_OfForm):
    """Somebody else was chosen in the form's select, before it is sent off.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    user: _Named

    @property
    def requester(self) -> str | None:
        """Who stands in the select now; None where nobody does."""
        value = self.view.state.values.get("requester", {}).get("value")
        chosen = value.text() if value else ""
        return chosen if is_id(chosen) else None

    @property
    def is_preset(self) -> bool:
        """Whether somebody was chosen when the form was opened."""
        return any(
            isinstance(element := block.get("element"), Mapping) and "initial_user" in element
            for block in self._blocks("requester")
        )

    def has(self, block: str) -> bool:
        """Whether the form that is open has this input."""
        return bool(self._blocks(block))

    def _blocks(self, block_id: str) -> list[Mapping[str, Any]]:
        blocks = (block for block in self.view.blocks if isinstance(block, Mapping))
        return [block for block in blocks if block.get("block_id") == block_id]


class OptionsWanted(_Sent):
    """A select whose options come from the bridge was opened, or typed in.

    https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
    """

    block_id: str
    user: _Named
    value: Annotated[str, StringConstraints(max_length=1000)] = ""

    @property
    def typed(self) -> str:
        return _storable(self.value)


def _storable(text: str) -> str:
    return whole(text).replace("\0", "")
