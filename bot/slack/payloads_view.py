"""Model what Slack sends of the two forms: submitted, closed, changed, or searching for options.

https://docs.slack.dev/reference/interaction-payloads/view-interactions-payload
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import AliasPath, Field, StringConstraints

from bot.core.identity import is_customer_id, is_email
from bot.core.model import Form, FormDraft, Placement, Priority, Trigger
from bot.core.quote import UNTITLED
from bot.flows.link import CustomerChoice, ExistingCustomer, NewCustomer
from bot.slack.fields import ID, URL, Id, Payload, is_id, mapping, maps, storable, string
from bot.slack.payloads import UserId
from bot.slack.views import form as words
from bot.slack.views import link as link_words
from bot.slack.views.form import (
    CALLBACK_ID,
    DESCRIPTION_LENGTH,
    MOST_LABELS,
    TITLE_LENGTH,
    VALUE,
    VALUE_LENGTH,
)
from bot.slack.views.link import EMAIL_LENGTH, NAME_LENGTH

LONGEST_METADATA = 3000
"""https://docs.slack.dev/reference/views/modal-views"""


async def is_of_ticket_form(body: Mapping[str, Any]) -> bool:
    """Return whether the payload comes from the ticket form; a matcher for Bolt."""
    return mapping(body.get("view")).get("callback_id") == CALLBACK_ID


class _Option(Payload):
    value: str
    label: str | None = Field(None, validation_alias=AliasPath("text", "text"))


class _Value(Payload):
    """The state of one input of any kind."""

    value: str | None = None
    selected_user: str | None = None
    selected_option: _Option | None = None
    selected_options: tuple[_Option, ...] | None = None

    @property
    def text(self) -> str:
        chosen = self.selected_option.value if self.selected_option else None
        return storable(self.value or self.selected_user or chosen or "")


class _State(Payload):
    values: dict[str, dict[str, _Value]] = Field(default_factory=dict)


class _View(Payload):
    state: _State = Field(default_factory=_State)
    blocks: list[Any] = Field(default_factory=list)

    def inputs(self, block: str) -> Mapping[str, _Value]:
        """Return the state of the block's inputs by action id; empty if Slack sends none."""
        return self.state.values.get(block, {})

    def shown(self, block: str) -> list[Mapping[str, Any]]:
        """Return the blocks with this id; Slack sends them as they were opened."""
        return [one for one in maps(self.blocks) if one.get("block_id") == block]


# The ticket form


class _TicketFormView(_View):
    id: Id
    hash: str | None = None
    private_metadata: Annotated[str, StringConstraints(pattern=rf"^{ID}(\n(add|separate))?$")]


class _TicketForm(Payload):
    view: _TicketFormView

    @property
    def draft_id(self) -> str:
        return self.view.private_metadata.partition("\n")[0]

    @property
    def placement(self) -> Placement:
        """Return what the form says of its ticket."""
        said = self.view.private_metadata.partition("\n")[2]
        return Placement(said) if said else Placement.ANY

    @property
    def view_id(self) -> str:
        return self.view.id

    def has(self, block: str) -> bool:
        """Return whether the open form has this input."""
        return bool(self.view.shown(block))

    def _value(self, block: str) -> _Value | None:
        return self.view.inputs(block).get(VALUE)

    def _typed(self, block: str) -> str:
        value = self._value(block)
        return value.text if value else ""


class ViewSubmission(_TicketForm):
    """The ticket form, submitted."""

    def errors(self) -> dict[str, str]:
        """Return what is wrong with the input: block id to the sentence shown next to the field."""
        wrong = {}
        title, requester = self._typed("title"), self._typed("requester")
        if title and not title.strip():
            wrong["title"] = words.TITLE_MISSING
        if len(title.strip()) > TITLE_LENGTH:
            wrong["title"] = words.TITLE_TOO_LONG
        if len(self._typed("description").strip()) > DESCRIPTION_LENGTH:
            wrong["description"] = words.DESCRIPTION_TOO_LONG
        if requester and not is_id(requester):
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
        """Return the values of a submission without `errors`.

        A missing or empty value falls back to `prefill`: an untouched prefill has been submitted
        as empty. https://github.com/slackapi/bolt-js/issues/1258
        Labels, tenant and the box count as emptied if Slack says so of a field that is there: a
        person who reopens a form may want to remove them, and a lost one can be added in Plain.
        """
        priority = self._typed("priority")
        labels, whole_thread = self._chosen("labels"), self._chosen("whole_thread")
        return Form(
            title=self._typed("title").strip() or prefill.title.strip() or UNTITLED,
            description=self._typed("description").strip() or prefill.description,
            requester=self._typed("requester") or prefill.requester,
            priority=Priority(priority) if priority else prefill.priority,
            labels=prefill.labels if labels is None else labels,
            tenant=(
                prefill.tenant if self._value("tenant") is None else self._typed("tenant") or None
            ),
            whole_thread=prefill.whole_thread if whole_thread is None else bool(whole_thread),
            placement=self.placement,
        )

    def trigger(self, draft: FormDraft) -> Trigger:
        """Return the draft's request with the values; the view's id identifies it from here on.

        A form that adds to a ticket has no inputs for what only a new thread takes; what it was
        prefilled with counts for nothing then.
        """
        prefill = draft.prefill
        if self.placement is Placement.ADD:
            prefill = replace(
                prefill,
                requester=draft.default_requester,
                priority=Priority.NORMAL,
                labels=(),
                tenant=None,
            )
        return replace(draft.trigger, request=self.view_id, form=self.form(prefill))

    def _chosen(self, block: str) -> tuple[str, ...] | None:
        """Return the chosen options of a select of many; None if Slack does not send them."""
        value = self._value(block)
        if value is None or value.selected_options is None:
            return None
        return tuple(dict.fromkeys(storable(one.value) for one in value.selected_options))


class ViewClosed(_TicketForm):
    """The ticket form, closed without being submitted (`notify_on_close`)."""


class RequesterChosen(_TicketForm):
    """Another requester was chosen in the open ticket form.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    @property
    def requester(self) -> str | None:
        """Return the user id that is chosen now; None if nobody is."""
        chosen = self._typed("requester")
        return chosen if is_id(chosen) else None

    @property
    def is_preset(self) -> bool:
        """Return whether somebody was chosen when the form was opened."""
        return any(
            "initial_user" in mapping(b.get("element")) for b in self.view.shown("requester")
        )


class _PlacementAction(Payload):
    value: Literal[Placement.ADD, Placement.SEPARATE]


class PlacementChosen(_TicketForm):
    """The button was pressed that changes whether the open form adds to a ticket.

    https://docs.slack.dev/reference/interaction-payloads/block_actions-payload
    """

    actions: Annotated[tuple[_PlacementAction, ...], Field(min_length=1)]

    @property
    def wanted(self) -> Placement:
        """Return what the form is to say of its ticket."""
        return self.actions[0].value

    @property
    def hash(self) -> str | None:
        """Return the state of the form in which the button was pressed."""
        return self.view.hash


class OptionsWanted(Payload):
    """A select whose options the bridge provides was opened, or typed in (`block_suggestion`).

    https://docs.slack.dev/reference/interaction-payloads/block_suggestion-payload
    """

    block_id: str
    user: UserId
    value: Annotated[str, StringConstraints(max_length=1000)] = ""

    @property
    def typed(self) -> str:
        return _one_line(self.value)


# The form that links a person


class _LinkFormView(_View):
    private_metadata: Annotated[
        str, StringConstraints(pattern=rf"^{ID}(\n{URL})?$", max_length=LONGEST_METADATA)
    ]


class LinkSubmission(Payload):
    """The form that links a person, submitted."""

    user: UserId
    view: _LinkFormView

    @property
    def reference(self) -> str:
        """Return the reference ("PB-7") of the request that the form was opened for."""
        return self.view.private_metadata.partition("\n")[0]

    @property
    def answer(self) -> str | None:
        """Return the `response_url` of the answer whose button opened the form."""
        return self.view.private_metadata.partition("\n")[2] or None

    def errors(self) -> dict[str, str]:
        """Return what is wrong with the input: block id to the sentence shown next to the field."""
        chosen, name, email = self._chosen, self._typed("name"), self._typed("email")
        if chosen is not None:
            wrong = {}
            if not is_customer_id(chosen.value):
                wrong["customer"] = link_words.CUSTOMER_UNKNOWN
            for field in ("name", "email"):
                # A prefilled value is no second choice.
                if self._typed(field) not in ("", self._prefilled(field)):
                    wrong[field] = link_words.ONE_ONLY
            return wrong
        if not name and not email:
            return {"customer": link_words.CHOOSE}
        wrong = {}
        if not name:
            wrong["name"] = link_words.NAME_MISSING
        elif len(name) > NAME_LENGTH:
            wrong["name"] = link_words.NAME_TOO_LONG
        if not email:
            wrong["email"] = link_words.EMAIL_MISSING
        elif not is_email(email) or len(email) > EMAIL_LENGTH:
            wrong["email"] = link_words.EMAIL_WRONG
        return wrong

    def choice(self) -> CustomerChoice:
        """Return the customer of a submission without `errors`."""
        chosen = self._chosen
        if chosen is None:
            return NewCustomer(email=self._typed("email"), name=self._typed("name"))
        return ExistingCustomer(chosen.value, _one_line(chosen.label or "") or chosen.value)

    @property
    def _chosen(self) -> _Option | None:
        chosen = (one.selected_option for one in self.view.inputs("customer").values())
        return next(filter(None, chosen), None)

    def _typed(self, block: str) -> str:
        typed = (one.value for one in self.view.inputs(block).values())
        return _one_line(next(filter(None, typed), ""))

    def _prefilled(self, block: str) -> str:
        for one in self.view.shown(block):
            return _one_line(string(mapping(one.get("element")), "initial_value") or "")
        return ""


def _one_line(text: str) -> str:
    return " ".join(storable(text).split())
