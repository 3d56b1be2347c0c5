"""What Slack sends of the form that links a person, as lenient models.

https://docs.slack.dev/reference/interaction-payloads
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AliasPath, BaseModel, ConfigDict, Field, StringConstraints

from bot.core.identity import is_customer_id, is_email
from bot.core.text.plaintext import whole
from bot.flows.link import CustomerChoice, ExistingCustomer, NewCustomer
from bot.slack.fields import ID, mapping, maps, string
from bot.slack.payloads import URL, Id
from bot.slack.views import link as words
from bot.slack.views.link import EMAIL_LENGTH, NAME_LENGTH

LONGEST_METADATA = 3000
"""https://docs.slack.dev/reference/views/modal-views"""


class _Sent(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True, defer_build=True)


class CustomerTyped(_Sent):
    """What a person typed into the search so far (`block_suggestion`).

    https://docs.slack.dev/reference/block-kit/block-elements/select-menu-element#external_select
    """

    user: Id = Field(validation_alias=AliasPath("user", "id"))
    value: str = ""

    @property
    def term(self) -> str:
        return _clean(self.value)


class _Option(_Sent):
    value: str
    text: str | None = Field(None, validation_alias=AliasPath("text", "text"))


class _Value(_Sent):
    value: str | None = None
    selected_option: _Option | None = None


class _State(_Sent):
    values: dict[str, dict[str, _Value]] = Field(default_factory=dict)


class _View(_Sent):
    private_metadata: Annotated[
        str, StringConstraints(pattern=rf"^{ID}(\n{URL})?$", max_length=LONGEST_METADATA)
    ]
    state: _State = Field(default_factory=_State)
    blocks: list[Any] = Field(default_factory=list)


class LinkSubmission(_Sent):
    """The form, sent off."""

    user: Id = Field(validation_alias=AliasPath("user", "id"))
    view: _View

    @property
    def reference(self) -> str:
        """The row that the form was opened for."""
        return self.view.private_metadata.partition("\n")[0]

    @property
    def answer(self) -> str | None:
        """The address at which the answer whose button opened the form can be replaced."""
        return self.view.private_metadata.partition("\n")[2] or None

    def errors(self) -> dict[str, str]:
        """What is wrong with the input: block id to the sentence shown beside the field."""
        chosen, name, email = self._chosen, self._typed("name"), self._typed("email")
        if chosen is not None:
            wrong = {}
            if not is_customer_id(chosen.value):
                wrong["customer"] = words.CUSTOMER_UNKNOWN
            for field in ("name", "email"):
                # What stands there by itself is no second answer.
                if self._typed(field) not in ("", self._prefilled(field)):
                    wrong[field] = words.ONE_ONLY
            return wrong
        if not name and not email:
            return {"customer": words.CHOOSE}
        wrong = {}
        if not name:
            wrong["name"] = words.NAME_MISSING
        elif len(name) > NAME_LENGTH:
            wrong["name"] = words.NAME_TOO_LONG
        if not email:
            wrong["email"] = words.EMAIL_MISSING
        elif not is_email(email) or len(email) > EMAIL_LENGTH:
            wrong["email"] = words.EMAIL_WRONG
        return wrong

    def choice(self) -> CustomerChoice:
        """Who it is, for a submission without `errors`."""
        chosen = self._chosen
        if chosen is None:
            return NewCustomer(email=self._typed("email"), name=self._typed("name"))
        return ExistingCustomer(chosen.value, _clean(chosen.text or "") or chosen.value)

    @property
    def _chosen(self) -> _Option | None:
        fields = self.view.state.values.get("customer", {})
        return next((one.selected_option for one in fields.values() if one.selected_option), None)

    def _typed(self, block: str) -> str:
        fields = self.view.state.values.get(block, {})
        return next((_clean(one.value) for one in fields.values() if one.value), "")

    def _prefilled(self, block: str) -> str:
        """What the field was opened with; Slack sends the view back as it was opened."""
        for one in maps(self.view.blocks):
            if one.get("block_id") == block:
                return _clean(string(mapping(one.get("element")), "initial_value") or "")
        return ""


def _clean(text: str) -> str:
    return " ".join(whole(text).replace("\0", "").split())
