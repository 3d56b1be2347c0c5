"""Which files can go, and what is kept of their fates."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.attachments import (
    KEPT_SECONDS,
    MOST_BYTES,
    MOST_FILES,
    WORDS,
    SkipReason,
    UploadedFiles,
    UploadResult,
    attachment_ids,
    files_are_to_blame,
    needs_look_up,
    plan,
    skip_reason,
    why_not_copied,
)
from bot.core.faults import FieldError, PlainError, Reason, Rejected, Rejection
from bot.core.model import File

NOW = 1_700_000_000.0
GOOD = File("F1", "a.png", "image/png", 10, mode="hosted", download="https://files.slack.com/a")

UNFIT: dict[str, tuple[File, SkipReason | None]] = {
    "good": (GOOD, None),
    "without a name": (replace(GOOD, name=None), None),
    "of an unknown mode": (replace(GOOD, mode="hologram"), None),
    "external": (replace(GOOD, external=True), SkipReason.EXTERNAL),
    "external by its mode": (replace(GOOD, mode="external"), SkipReason.EXTERNAL),
    "tombstone": (File("F1", mode="tombstone"), SkipReason.DELETED),
    "hidden": (File("F1", mode="hidden_by_limit"), SkipReason.HIDDEN),
    "canvas": (replace(GOOD, mode="canvas"), SkipReason.ONLY_IN_SLACK),
    "without an address": (replace(GOOD, download=None), SkipReason.UNREADABLE),
    "without a size": (replace(GOOD, size=None), SkipReason.UNREADABLE),
    "empty": (replace(GOOD, size=0), SkipReason.EMPTY),
    "banned": (replace(GOOD, name="a.exe"), SkipReason.KIND),
    "banned in capitals": (replace(GOOD, name="a.PDF.Exe"), SkipReason.KIND),
    "banned with a dot at the end": (replace(GOOD, name="a.exe. "), SkipReason.KIND),
    "banned and nothing else": (replace(GOOD, name=".exe"), SkipReason.KIND),
    "banned inside": (replace(GOOD, name="a.exe.txt"), None),
    "as large as can be": (replace(GOOD, size=MOST_BYTES), None),
    "too large": (replace(GOOD, size=MOST_BYTES + 1), SkipReason.TOO_LARGE),
}


@pytest.mark.parametrize(("file", "why"), UNFIT.values(), ids=UNFIT)
def test_what_cannot_go(file: File, why: SkipReason | None) -> None:
    assert why_not_copied(file) is why


def test_each_reason_has_words() -> None:
    assert set(WORDS) == set(SkipReason)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (GOOD, False),
        (replace(GOOD, withheld=True), True),
        (File("F1", "a.png"), True),  # as rows hold it that an earlier release wrote
        (File("F1", mode="tombstone"), False),
        (File("F1", external=True), False),
    ],
)
def test_what_has_to_be_looked_up(file: File, expected: bool) -> None:
    assert needs_look_up(file) is expected


def sized(*sizes: int) -> list[File]:
    return [replace(GOOD, id=f"F{n}", size=size) for n, size in enumerate(sizes, 1)]


def test_the_first_that_fit_together_go() -> None:
    found = plan(sized(4_000_000, 4_000_000, 2_000_000), None, "c_1", NOW)
    assert [file.id for file in found.todo] == ["F1", "F3"]
    assert found.results == {"F2": UploadResult(why=SkipReason.TOGETHER, at=NOW)}


def test_no_more_than_so_many_go() -> None:
    found = plan(sized(*[1] * (MOST_FILES + 2)), None, "c_1", NOW)
    assert len(found.todo) == MOST_FILES
    assert {fate.why for fate in found.results.values()} == {SkipReason.COUNT}


def test_a_file_in_two_messages_goes_once() -> None:
    assert plan([GOOD, GOOD], None, "c_1", NOW).todo == (GOOD,)


def test_what_was_uploaded_is_not_uploaded_again_and_counts() -> None:
    kept = UploadedFiles(
        "c_1",
        {
            "F1": UploadResult("att_1", at=NOW),
            "F2": UploadResult(why=SkipReason.UNREADABLE, at=NOW),
        },
    )
    found = plan(sized(5_000_000, 1, 2_000_000, 1_000_000), kept, "c_1", NOW + 60)
    assert [file.id for file in found.todo] == ["F4"]
    assert found.results["F1"] == UploadResult("att_1", at=NOW)
    assert found.results["F2"].why is SkipReason.UNREADABLE
    assert found.results["F3"].why is SkipReason.TOGETHER


@pytest.mark.parametrize(
    ("customer", "later"),
    [("c_2", 0.0), ("c_1", KEPT_SECONDS + 1)],
    ids=["another customer", "nearly deleted by Plain"],
)
def test_an_attachment_that_is_of_no_use_is_uploaded_anew(customer: str, later: float) -> None:
    kept = UploadedFiles("c_1", {"F1": UploadResult("att_1", at=NOW)})
    assert plan([GOOD], kept, customer, NOW + later).todo == (GOOD,)


def test_what_failed_by_chance_is_tried_again() -> None:
    assert not any(
        UploadResult(why=why).is_final
        for why in (SkipReason.SLOW, SkipReason.FAILED, SkipReason.FORBIDDEN, SkipReason.SCOPE)
    )
    assert UploadResult("att_1").is_final
    assert UploadResult(why=SkipReason.REFUSED).is_final


def test_attachments_are_named_once_in_order() -> None:
    fates = {
        "F1": UploadResult("att_1"),
        "F2": UploadResult(why=SkipReason.KIND),
        "F3": UploadResult("att_3"),
    }
    files = sized(1, 1, 1, 1)
    assert attachment_ids([files[2], *files], fates) == ("att_3", "att_1")


REFUSALS: dict[str, tuple[Rejected, SkipReason]] = {
    "permission": (
        Rejected(Rejection(Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="x"))),
        SkipReason.FORBIDDEN,
    ),
    "size": (
        Rejected(
            Rejection(
                Reason.PLAIN_REFUSED, plain_error=PlainError(code="attachment_file_size_too_large")
            )
        ),
        SkipReason.TOO_LARGE,
    ),
    "kind": (
        Rejected(
            Rejection(
                Reason.PLAIN_REFUSED,
                plain_error=PlainError(code="attachment_file_type_not_allowed"),
            )
        ),
        SkipReason.KIND,
    ),
    "else": (
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation"))),
        SkipReason.REFUSED,
    ),
}


@pytest.mark.parametrize(("refusal", "why"), REFUSALS.values(), ids=REFUSALS)
def test_what_a_refusal_says(refusal: Rejected, why: SkipReason) -> None:
    assert skip_reason(refusal.rejection) is why


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (PlainError("attachment_file_size_too_large"), True),
        (PlainError("not_found", fields=(FieldError("attachmentIds.0", kind="NOT_FOUND"),)), True),
        (PlainError("not_found", fields=(FieldError("tenantIdentifier"),)), False),
        (PlainError(), False),
        (None, False),
    ],
)
def test_who_is_to_blame(error: PlainError | None, expected: bool) -> None:
    assert files_are_to_blame(Rejection(Reason.PLAIN_REFUSED, plain_error=error)) is expected
