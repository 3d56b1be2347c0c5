"""Check what Plain is given against its limits, and refuse as its mutations do."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from bot.sandbox.plain.nouns import DateTime, Input

LONGEST_TEXT = 10_000
"""UTF-16 units of a text component; Plain counts characters as JavaScript does."""
LONGEST_LABEL = 500
LONGEST_COPY_VALUE = 1_000

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")


def utf16_units(text: str) -> int:
    """Return the length as JavaScript counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text(found: Findings, name: str, value: str | None, longest: int | None = None) -> None:
    """Check that `value` is given, not blank and not too long."""
    if value is None:
        found.add(name, "This is required.", "REQUIRED")
    elif not value.strip():
        found.add(name, "This must not be empty.")
    elif longest is not None and utf16_units(value) > longest:
        found.add(name, f"This must be at most {longest} characters long.")


def optional_text(
    found: Findings, name: str, value: str | None, longest: int | None = None
) -> None:
    """Check that `value`, if given, is not blank and not too long."""
    if value is not None:
        text(found, name, value, longest)


def exactly_one(found: Findings, name: str, identifier: Input, *keys: str) -> None:
    """Check that an identifier names its object in exactly one way."""
    if sum(identifier.get(key) is not None for key in keys) != 1:
        found.add(name, f"Exactly one of {', '.join(keys)} must be given.")


def email(found: Findings, name: str, value: str) -> None:
    if not _EMAIL.fullmatch(value):
        found.add(name, "This must be an e-mail address.")


def priority(found: Findings, name: str, value: int | None) -> None:
    """Check a priority: 0 urgent, 1 high, 2 normal, 3 low."""
    if value is not None and not 0 <= value <= 3:
        found.add(name, "This must be 0, 1, 2 or 3.")


def timestamp(found: Findings, name: str, value: str | None) -> DateTime | None:
    """Return the moment of an ISO 8601 text."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        found.add(name, "This must be a time in ISO 8601 format.")
        return None
    return DateTime((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def url(found: Findings, name: str, value: str | None) -> None:
    if value is None:
        found.add(name, "This is required.", "REQUIRED")
    elif not _is_url(value):
        found.add(name, "This must be a valid URL.")


def _is_url(value: str) -> bool:
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"} and bool(parts.hostname) and not re.search(r"\s", value)
    )


def components(found: Findings, name: str, given: Sequence[Input]) -> None:
    """Check that every component has exactly one kind, within that kind's limits."""
    for index, component in enumerate(given):
        at = f"{name}.{index}"
        kinds = [kind for kind, value in component.items() if value is not None]
        if len(kinds) != 1:
            found.add(at, "Exactly one kind of component must be given.")
        else:
            kind = kinds[0]
            _KINDS[kind](found, f"{at}.{kind}", component[kind])


def _text(found: Findings, at: str, given: Input) -> None:
    text(found, f"{at}.text", given["text"], LONGEST_TEXT)


def _plain_text(found: Findings, at: str, given: Input) -> None:
    text(found, f"{at}.plainText", given["plainText"], LONGEST_TEXT)


def _divider(_found: Findings, _at: str, _given: Input) -> None:
    """Check nothing: a divider's one field is an optional enum."""


def _spacer(found: Findings, at: str, given: Input) -> None:
    if given.get("spacerSize") is None:
        found.add(f"{at}.spacerSize", "This is required.", "REQUIRED")


def _link_button(found: Findings, at: str, given: Input) -> None:
    text(found, f"{at}.linkButtonLabel", given.get("linkButtonLabel"), LONGEST_LABEL)
    url(found, f"{at}.linkButtonUrl", given.get("linkButtonUrl"))


def _badge(found: Findings, at: str, given: Input) -> None:
    text(found, f"{at}.badgeLabel", given["badgeLabel"], LONGEST_LABEL)


def _copy_button(found: Findings, at: str, given: Input) -> None:
    text(found, f"{at}.copyButtonValue", given["copyButtonValue"], LONGEST_COPY_VALUE)
    tooltip = given.get("copyButtonTooltipLabel")
    optional_text(found, f"{at}.copyButtonTooltipLabel", tooltip, LONGEST_LABEL)


def _row(found: Findings, at: str, given: Input) -> None:
    for side in ("rowMainContent", "rowAsideContent"):
        _content(found, f"{at}.{side}", given[side])


def _container(found: Findings, at: str, given: Input) -> None:
    _content(found, f"{at}.containerContent", given["containerContent"])


def _content(found: Findings, name: str, given: Sequence[Input]) -> None:
    if not given:
        found.add(name, "This must hold at least one component.")
    components(found, name, given)


_KINDS: dict[str, Callable[[Findings, str, Input], None]] = {
    "componentText": _text,
    "componentPlainText": _plain_text,
    "componentDivider": _divider,
    "componentSpacer": _spacer,
    "componentLinkButton": _link_button,
    "componentBadge": _badge,
    "componentCopyButton": _copy_button,
    "componentRow": _row,
    "componentContainer": _container,
}


def visible_text(given: Sequence[Input]) -> str:
    """Return the components' texts, one per line, from which a preview is inferred."""
    lines = [
        _visible(kind, value)
        for component in given
        for kind, value in component.items()
        if value is not None
    ]
    return "\n".join(line for line in lines if line)


def _visible(kind: str, value: Input) -> str:
    if kind == "componentRow":
        return visible_text([*value["rowMainContent"], *value["rowAsideContent"]])
    if kind == "componentContainer":
        return visible_text(value["containerContent"])
    shown: str = value.get("text") or value.get("plainText") or ""
    return shown


@dataclass(frozen=True, slots=True)
class MutationFieldError:
    """`type` is VALIDATION, REQUIRED or NOT_FOUND."""

    field: str
    message: str
    type: str = "VALIDATION"


@dataclass(frozen=True, slots=True)
class MutationError:
    """`type` is VALIDATION, FORBIDDEN or INTERNAL.

    https://www.plain.com/docs/graphql/error-handling
    """

    message: str
    type: str
    code: str
    fields: Sequence[MutationFieldError] = ()


class Refusal(Exception):
    """Ends a mutation without effect."""

    def __init__(self, error: MutationError) -> None:
        super().__init__(error.message)
        self.error = error


def invalid(code: str, message: str, *fields: MutationFieldError) -> Refusal:
    """Return the refusal by a rule with its own code."""
    return Refusal(MutationError(message, "VALIDATION", code, fields))


def not_found(what: str, *names: str) -> Refusal:
    """Return the refusal of input fields `names` that name no `what` of this workspace."""
    fields = [MutationFieldError(name, f"There is no such {what}.", "NOT_FOUND") for name in names]
    return Refusal(MutationError(f"There is no such {what}.", "VALIDATION", "not_found", fields))


def forbidden(missing: Iterable[str]) -> MutationError:
    """Return the refusal of a key that lacks the permissions `missing`."""
    return MutationError(lacking(missing), "FORBIDDEN", "forbidden")


def lacking(missing: Iterable[str]) -> str:
    """Return the sentence that names the permissions a key lacks."""
    return f"The API key has insufficient permissions, it lacks: {', '.join(missing)}."


class Findings:
    """The errors of an input, collected so that all are reported at once."""

    def __init__(self) -> None:
        self._fields: list[MutationFieldError] = []

    def add(self, name: str, message: str, kind: str = "VALIDATION") -> None:
        self._fields.append(MutationFieldError(name, message, kind))

    def settle(self) -> None:
        """Raise Refusal if anything was found."""
        if self._fields:
            raise invalid("input_validation", "The input did not pass validation.", *self._fields)
