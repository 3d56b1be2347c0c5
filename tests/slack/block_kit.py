"""Block Kit as Slack documents it, as far as the bridge uses it: every block and element, with
their limits and no other fields.

https://docs.slack.dev/reference/block-kit
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    TypeAdapter,
    field_validator,
    model_validator,
)


def _text(most: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=most)


Id = Annotated[str, _text(255)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=3000, pattern=r"^https?://")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Plain(_Part):
    type: Literal["plain_text"]
    text: Annotated[str, _text(3000)]
    emoji: bool = True


class Mrkdwn(_Part):
    """Texts of ours are `verbatim`: nothing in what others wrote becomes a link or a mention."""

    type: Literal["mrkdwn"]
    text: Annotated[str, _text(3000)]
    verbatim: Literal[True]

    @field_validator("text")
    @classmethod
    def _calls_nobody(cls, text: str) -> str:
        for broadcast in ("<!channel", "<!here", "<!everyone"):
            assert broadcast not in text, "a broadcast"
        assert text.count("<") == text.count(">"), "a token that was cut"
        return text


def _most(characters: int) -> AfterValidator:
    """A text object's own limit."""

    def check(value: Plain | Mrkdwn) -> Plain | Mrkdwn:
        assert len(value.text) <= characters, f"more than {characters} characters"
        return value

    return AfterValidator(check)


Label = Annotated[Plain, _most(2000)]
Placeholder = Annotated[Plain, _most(150)]


class Confirm(_Part):
    title: Annotated[Plain, _most(100)]
    text: Annotated[Plain | Mrkdwn, _most(300)]
    confirm: Annotated[Plain, _most(30)]
    deny: Annotated[Plain, _most(30)]
    style: Literal["primary", "danger"] | None = None


class Option(_Part):
    text: Annotated[Plain, _most(75)]
    value: Annotated[str, _text(150)]
    description: Annotated[Plain, _most(75)] | None = None


class OptionGroup(_Part):
    label: Annotated[Plain, _most(75)]
    options: Annotated[list[Option], Field(min_length=1, max_length=100)]


class Button(_Part):
    type: Literal["button"]
    action_id: Id
    text: Annotated[Plain, _most(75)]
    value: Annotated[str, _text(2000)] | None = None
    url: Url | None = None
    style: Literal["primary", "danger"] | None = None
    confirm: Confirm | None = None
    accessibility_label: Annotated[str, _text(75)] | None = None

    @model_validator(mode="after")
    def _is_called_as_it_reads(self) -> Self:
        """Voice control presses what is read: https://www.w3.org/TR/WCAG22/#label-in-name"""
        label = self.accessibility_label
        assert label is None or self.text.text in label, f"{label!r} lacks {self.text.text!r}"
        return self


class Image(_Part):
    type: Literal["image"]
    alt_text: Annotated[str, _text(2000)]
    image_url: Url


class TextInput(_Part):
    type: Literal["plain_text_input"]
    action_id: Id
    initial_value: Annotated[str, _text(3000)] | None = None
    multiline: bool = False
    min_length: Annotated[int, Field(ge=0, le=3000)] = 0
    max_length: Annotated[int, Field(ge=1, le=3000)] = 3000
    placeholder: Placeholder | None = None
    focus_on_load: bool = False

    @model_validator(mode="after")
    def _initial_value_fits(self) -> Self:
        length = len(self.initial_value or "x" * max(1, self.min_length))
        assert self.min_length <= length <= self.max_length
        return self


class EmailInput(_Part):
    type: Literal["email_text_input"]
    action_id: Id
    initial_value: str | None = None
    placeholder: Placeholder | None = None


class _Select(_Part):
    action_id: Id
    placeholder: Placeholder | None = None
    focus_on_load: bool = False


class _Offering(_Select):
    options: Annotated[list[Option], Field(min_length=1, max_length=100)] | None = None
    option_groups: Annotated[list[OptionGroup], Field(min_length=1, max_length=100)] | None = None

    def _offered(self) -> Iterator[Option]:
        yield from self.options or []
        for group in self.option_groups or []:
            yield from group.options

    def _check(self, chosen: list[Option]) -> None:
        assert (self.options is None) != (self.option_groups is None)
        assert all(one in list(self._offered()) for one in chosen)


class StaticSelect(_Offering):
    type: Literal["static_select"]
    initial_option: Option | None = None

    @model_validator(mode="after")
    def _initial_option_is_offered(self) -> Self:
        self._check([self.initial_option] if self.initial_option else [])
        return self


class MultiStaticSelect(_Offering):
    type: Literal["multi_static_select"]
    initial_options: Annotated[list[Option], Field(min_length=1)] | None = None
    max_selected_items: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _initial_options_are_offered(self) -> Self:
        self._check(self.initial_options or [])
        return self


class ExternalSelect(_Select):
    type: Literal["external_select"]
    initial_option: Option | None = None
    min_query_length: Annotated[int, Field(ge=0)] | None = None


class MultiExternalSelect(_Select):
    type: Literal["multi_external_select"]
    initial_options: Annotated[list[Option], Field(min_length=1)] | None = None
    min_query_length: Annotated[int, Field(ge=0)] | None = None
    max_selected_items: Annotated[int, Field(ge=1)] | None = None


class UsersSelect(_Select):
    type: Literal["users_select"]
    initial_user: Annotated[str, _text(100)] | None = None


class Checkboxes(_Part):
    type: Literal["checkboxes"]
    action_id: Id
    options: Annotated[list[Option], Field(min_length=1, max_length=10)]
    initial_options: Annotated[list[Option], Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _initial_options_are_offered(self) -> Self:
        assert all(one in self.options for one in self.initial_options or [])
        return self


_Choice = (
    StaticSelect
    | MultiStaticSelect
    | ExternalSelect
    | MultiExternalSelect
    | UsersSelect
    | Checkboxes
)
Input = Annotated[_Choice | TextInput | EmailInput, Field(discriminator="type")]
Pressed = Annotated[Button | _Choice, Field(discriminator="type")]
Beside = Annotated[Button | Image | _Choice, Field(discriminator="type")]


class _Block(_Part):
    block_id: Id | None = None


class Section(_Block):
    type: Literal["section"]
    text: Plain | Mrkdwn | None = None
    fields: (
        Annotated[list[Annotated[Plain | Mrkdwn, _most(2000)]], Field(min_length=1, max_length=10)]
        | None
    ) = None
    accessory: Beside | None = None
    expand: bool = False

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        assert self.text or self.fields
        return self


class Header(_Block):
    type: Literal["header"]
    text: Annotated[Plain, _most(150)]


class Divider(_Block):
    type: Literal["divider"]


class Context(_Block):
    type: Literal["context"]
    elements: Annotated[list[Plain | Mrkdwn | Image], Field(min_length=1, max_length=10)]


class Actions(_Block):
    type: Literal["actions"]
    elements: Annotated[list[Pressed], Field(min_length=1, max_length=25)]

    @model_validator(mode="after")
    def _actions_differ(self) -> Self:
        twice = [n for n, count in Counter(e.action_id for e in self.elements).items() if count > 1]
        assert not twice, "an action_id twice in one block"
        return self


class InputBlock(_Block):
    """What is typed has a label, and a hint that says what is wanted."""

    type: Literal["input"]
    label: Label
    element: Input
    hint: Label
    optional: bool = False
    dispatch_action: bool = False


Block = Annotated[
    Section | Header | Divider | Context | Actions | InputBlock, Field(discriminator="type")
]


class _Blocks(_Part):
    @model_validator(mode="after")
    def _block_ids_differ(self) -> Self:
        ids = Counter(block.block_id for block in getattr(self, "blocks", []) if block.block_id)
        assert all(count == 1 for count in ids.values()), "a block_id twice"
        return self


class Modal(_Blocks):
    type: Literal["modal"]
    title: Annotated[Plain, _most(24)]
    blocks: Annotated[list[Block], Field(min_length=1, max_length=100)]
    submit: Annotated[Plain, _most(24)] | None = None
    close: Annotated[Plain, _most(24)] | None = None
    callback_id: Annotated[str, _text(255)] | None = None
    private_metadata: Annotated[str, StringConstraints(max_length=3000)] | None = None
    external_id: Annotated[str, _text(255)] | None = None
    notify_on_close: bool = False
    clear_on_close: bool = False

    @model_validator(mode="after")
    def _what_is_typed_can_be_sent(self) -> Self:
        assert self.submit or not any(block.type == "input" for block in self.blocks)
        return self


class HomeTab(_Blocks):
    type: Literal["home"]
    blocks: Annotated[list[Block], Field(min_length=1, max_length=100)]
    callback_id: Annotated[str, _text(255)] | None = None
    private_metadata: Annotated[str, StringConstraints(max_length=3000)] | None = None


class Message(_Blocks):
    """A message has a text too, which is all that a screen reader reads."""

    text: Annotated[str, _text(40_000)]
    blocks: Annotated[list[Block], Field(max_length=50)]


_VIEW: TypeAdapter[Modal | HomeTab] = TypeAdapter(
    Annotated[Modal | HomeTab, Field(discriminator="type")]
)
_OPTIONS = TypeAdapter(Annotated[list[Option], Field(max_length=100)])

LARGEST_VIEW = 250_000
"""Bytes. https://docs.slack.dev/reference/methods/views.open#errors"""


def check_view(view: Any) -> None:
    """ValidationError where Slack would not take this modal or home tab."""
    _VIEW.validate_python(view)


def check_message(text: str, blocks: Any) -> None:
    """The same for a message."""
    Message.model_validate({"text": text, "blocks": blocks})


def check_options(options: Any) -> None:
    """The same for what a select offers."""
    _OPTIONS.validate_python(options)
