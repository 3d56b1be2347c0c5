"""A mutation's refusal, as Plain gives it: an error as data, with all its fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


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
    """A refusal by a rule that has its own code."""
    return Refusal(MutationError(message, "VALIDATION", code, fields))


def not_found(what: str, *names: str) -> Refusal:
    """The input fields `names` name no `what` of this workspace."""
    fields = [MutationFieldError(name, f"There is no such {what}.", "NOT_FOUND") for name in names]
    return Refusal(MutationError(f"There is no such {what}.", "VALIDATION", "not_found", fields))


def forbidden(missing: Iterable[str]) -> MutationError:
    """The key lacks the permissions `missing`, which the message names."""
    return MutationError(lacking(missing), "FORBIDDEN", "forbidden")


def lacking(missing: Iterable[str]) -> str:
    """The sentence that names the permissions that a key lacks."""
    return f"The API key has insufficient permissions, it lacks: {', '.join(missing)}."


class Findings:
    """What is wrong with an input, gathered so that all of it is said at once."""

    def __init__(self) -> None:
        self._fields: list[MutationFieldError] = []

    def add(self, name: str, message: str, kind: str = "VALIDATION") -> None:
        self._fields.append(MutationFieldError(name, message, kind))

    def settle(self) -> None:
        """Raises Refusal if anything was found."""
        if self._fields:
            raise invalid("input_validation", "The input did not pass validation.", *self._fields)
