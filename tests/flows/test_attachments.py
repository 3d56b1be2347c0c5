"""Files on their way to Plain: never twice, never for long, and no thread is lost over one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from bot.core.attachments import KEPT_SECONDS, WORDS, SkipReason
from bot.core.faults import (
    Fault,
    LeaseLost,
    PlainError,
    Postponed,
    Reason,
    Rejected,
    Rejection,
    TryLater,
)
from bot.core.model import Created, File
from bot.core.text.excerpt import GOES_ON, LONGEST_MESSAGE, weight
from bot.core.text.parts import TextPart
from bot.core.text.richtext import Paragraph, Text
from bot.flows.attachments import (
    NOT_UPLOADED,
    NOT_UPLOADED_SECONDS,
    Chunks,
    FileCopier,
    UploadForm,
    with_files,
)
from bot.flows.workspace import Workspace
from bot.store.claims import Claim
from bot.store.customer_links import CustomerLink
from bot.store.database import Database
from bot.store.jobs import LEASE_SECONDS
from bot.store.tickets import Ledger
from tests.conftest import Clock
from tests.flows.delivering import Bench
from tests.nouns import TEAM, escalation, message, ts


def file(id_: str, **more: object) -> File:
    good = File(id_, f"{id_}.png", "image/png", 3, f"https://x.example/{id_}", "hosted")
    return replace(good, **{"download": f"https://files.slack.com/{id_}", **more})  # type: ignore[arg-type]


@dataclass
class FakeSource:
    """Files by their id; `losses` in place of their bytes, `hangs` for ever."""

    known: dict[str, File] = field(default_factory=dict)
    losses: dict[str, SkipReason] = field(default_factory=dict)
    hangs: set[str] = field(default_factory=set)
    read: list[str] = field(default_factory=list)

    async def file(self, file_id: str) -> File | SkipReason:
        if file_id in self.hangs:
            await asyncio.Event().wait()
        return self.known.get(file_id, SkipReason.UNREADABLE)

    @asynccontextmanager
    async def download(self, file: File) -> AsyncIterator[Chunks | SkipReason]:
        self.read.append(file.id)
        if file.id in self.hangs:
            await asyncio.Event().wait()
        yield self.losses.get(file.id) or _abc()


async def _abc() -> AsyncIterator[bytes]:
    for letter in (b"a", b"b", b"c"):
        yield letter


@dataclass
class FakeTarget:
    """`faults` are raised by the next askings, `broken` by the next uploads."""

    asked: list[tuple[str, str]] = field(default_factory=list)
    uploaded: dict[str, bytes] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    broken: list[Fault] = field(default_factory=list)
    dies_at: int = 0

    async def upload_form(self, customer: str, file: File) -> UploadForm:
        self.asked.append((customer, file.id))
        if self.faults:
            raise self.faults.pop(0)
        return UploadForm(f"att_{len(self.asked)}", "https://bucket.example/", ())

    async def upload(self, form: UploadForm, file: File, chunks: Chunks) -> None:
        if len(self.asked) == self.dies_at:
            raise LeaseLost
        if self.broken:
            raise self.broken.pop(0)
        self.uploaded[form.attachment] = b"".join([chunk async for chunk in chunks])


@dataclass
class FileBench(Bench):
    source: FakeSource = field(default_factory=FakeSource)
    target: FakeTarget = field(default_factory=FakeTarget)
    observed: list[str] = field(default_factory=list)
    seconds: float = 30.0

    @property
    def workspace(self) -> Workspace:
        files = FileCopier(self.source, self.target, self.observed.append, self.seconds)
        return replace(super().workspace, files=files)


@pytest.fixture
def bench(database_url: str, clock: Clock) -> Iterator[FileBench]:
    database = Database(database_url, clock)
    yield FileBench(database, clock, Ledger(database))
    database.close()


def react(bench: FileBench, *files: File, number: int = 1) -> Claim:
    bench.post(number, files=files)
    return bench.react(number)


def said(bench: FileBench) -> str:
    """What the last thread says of its files."""
    parts = [part.text for part in bench.plain.threads[-1].parts if isinstance(part, TextPart)]
    return parts[-1]


async def test_files_go_before_the_thread(bench: FileBench) -> None:
    outcome = await bench.settle(react(bench, file("F1"), file("F2")))
    assert isinstance(outcome, Created)
    (draft,) = bench.plain.threads
    assert draft.attachments == ("att_1", "att_2")
    assert bench.target.asked == [("c_u0author", "F1"), ("c_u0author", "F2")]
    assert bench.target.uploaded == {"att_1": b"abc", "att_2": b"abc"}
    assert "not attached" not in said(bench)
    assert bench.observed == ["attached", "attached"]


@pytest.mark.parametrize("why", [SkipReason.UNREADABLE, SkipReason.DELETED, SkipReason.FAILED])
async def test_what_cannot_be_read_is_named(bench: FileBench, why: SkipReason) -> None:
    bench.source.losses["F1"] = why
    await bench.settle(react(bench, file("F1"), file("F2")))
    assert bench.plain.threads[0].attachments == ("att_1",)
    assert said(bench) == (
        f"With 2 files: [F1.png](https://x.example/F1) (not attached: {WORDS[why]}), "
        "[F2.png](https://x.example/F2)"
    )
    assert sorted(bench.observed) == sorted(["attached", why.value])


async def test_a_retry_uploads_nothing_again(bench: FileBench) -> None:
    bench.plain.before = [TryLater("plain_429", after=1.0)]
    await bench.fail(react(bench, file("F1"), file("F2")), 1.0)
    await bench.settle(bench.claim())
    assert len(bench.target.asked) == 2
    assert bench.plain.threads[0].attachments == ("att_1", "att_2")
    assert bench.observed == ["attached", "attached"]


async def test_a_process_that_dies_at_the_second_file_has_kept_the_first(bench: FileBench) -> None:
    claim = react(bench, file("F1"), file("F2"))
    bench.target.dies_at = 2
    with pytest.raises(LeaseLost):
        await bench.deliver(claim)
    bench.clock.move(LEASE_SECONDS + 1)
    await bench.settle(bench.claim())
    assert [id_ for _, id_ in bench.target.asked] == ["F1", "F2", "F2"]
    assert bench.plain.threads[0].attachments == ("att_1", "att_3")


async def test_what_plain_is_about_to_delete_is_uploaded_anew(bench: FileBench) -> None:
    bench.plain.before = [TryLater("plain_429")]
    await bench.fail(react(bench, file("F1")), KEPT_SECONDS + 60)
    await bench.settle(bench.claim())
    assert bench.plain.threads[0].attachments == ("att_2",)


async def test_another_customer_has_attachments_of_their_own(bench: FileBench) -> None:
    bench.plain.before = [TryLater("plain_429")]
    await bench.fail(react(bench, file("F1")))
    bench.links.link([CustomerLink(TEAM, "U0AUTHOR", "c_other")])
    await bench.settle(bench.claim())
    assert bench.target.asked == [("c_u0author", "F1"), ("c_other", "F1")]
    assert bench.plain.threads[0].attachments == ("att_2",)


async def test_a_file_that_hangs_costs_its_time_and_no_more(bench: FileBench) -> None:
    bench.seconds = 0.5
    bench.source.hangs = {"F2"}
    await bench.settle(react(bench, file("F1"), file("F2"), file("F3")))
    assert bench.plain.threads[0].attachments == ("att_1",)
    assert said(bench).count(f"(not attached: {WORDS[SkipReason.SLOW]})") == 2


async def test_a_look_up_that_hangs_costs_its_time_and_no_more(bench: FileBench) -> None:
    bench.seconds = 0.5
    bench.source.hangs = {"F1"}
    await bench.settle(react(bench, File("F1", withheld=True)))
    assert (
        said(bench)
        == f"With 1 file: a file without a name (not attached: {WORDS[SkipReason.SLOW]})"
    )


async def test_a_withheld_file_is_looked_up(bench: FileBench) -> None:
    bench.source.known["F1"] = file("F1")
    await bench.settle(react(bench, File("F1", withheld=True), File("F2", withheld=True)))
    assert bench.plain.threads[0].attachments == ("att_1",)
    assert said(bench) == (
        "With 2 files: [F1.png](https://x.example/F1), a file without a name "
        f"(not attached: {WORDS[SkipReason.UNREADABLE]})"
    )


async def test_the_words_in_a_file_that_is_looked_up_are_quoted(bench: FileBench) -> None:
    mail = Paragraph((Text("The parcel is late"),))
    bench.source.known["F1"] = replace(file("F1"), words=(mail,))
    bench.plain.before = [TryLater("plain_429")]
    await bench.fail(react(bench, File("F1", withheld=True)))
    await bench.settle(bench.claim())
    (thread,) = bench.plain.threads
    texts = [part.text for part in thread.parts if isinstance(part, TextPart)]
    assert texts == [
        "The export fails\n\nThe parcel is late",
        "With 1 file: [F1.png](https://x.example/F1)",
    ]


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (TryLater("upload_http_503"), SkipReason.FAILED),
        (
            Rejected(
                Rejection(
                    Reason.PLAIN_REFUSED, plain_error=PlainError(code="upload_http_403", message="")
                )
            ),
            SkipReason.REFUSED,
        ),
    ],
)
async def test_an_upload_that_fails_costs_one_file(
    bench: FileBench, fault: Fault, why: SkipReason
) -> None:
    bench.target.broken = [fault]
    await bench.settle(react(bench, file("F1"), file("F2")))
    assert bench.plain.threads[0].attachments == ("att_2",)
    assert f"(not attached: {WORDS[why]})" in said(bench)


async def test_without_the_permission_nothing_more_is_asked(bench: FileBench) -> None:
    bench.target.faults = [
        Rejected(
            Rejection(Reason.PLAIN_FORBIDDEN, plain_error=PlainError(message="attachment:create"))
        )
    ]
    await bench.settle(react(bench, file("F1"), file("F2")))
    assert len(bench.target.asked) == 1
    assert said(bench).count(f"(not attached: {WORDS[SkipReason.FORBIDDEN]})") == 2


async def test_it_is_not_plains_turn_yet(bench: FileBench) -> None:
    """The share of the rate limit is used up: the thread would have to wait as well."""
    bench.target.faults = [Postponed("plain_paced", 5.0)]
    claim = react(bench, file("F1"), file("F2"))
    fault = await bench.fail(claim, 5.0)
    assert isinstance(fault, Postponed)
    assert bench.plain.sent == 0
    await bench.settle(bench.claim())
    assert len(bench.plain.threads[0].attachments) == 2


async def test_plain_does_not_see_the_upload_yet(bench: FileBench) -> None:
    bench.plain.before = [TryLater(NOT_UPLOADED)]
    fault = await bench.fail(react(bench, file("F1")), 2.0)
    assert isinstance(fault, Postponed)
    await bench.settle(bench.claim())
    assert bench.plain.threads[0].attachments == ("att_1",)


async def test_what_plain_never_sees_is_left_out(bench: FileBench) -> None:
    bench.plain.before = [TryLater(NOT_UPLOADED)] * 2
    await bench.fail(react(bench, file("F1")), NOT_UPLOADED_SECONDS)
    await bench.fail(bench.claim())
    await bench.settle(bench.claim())
    assert bench.plain.threads[0].attachments == ()
    assert said(bench).endswith(f"(not attached: {WORDS[SkipReason.REFUSED]})")
    assert len(bench.target.asked) == 1


async def test_a_thread_that_is_refused_for_its_files_comes_without(bench: FileBench) -> None:
    bench.plain.before = [
        Rejected(
            Rejection(
                Reason.PLAIN_REFUSED, plain_error=PlainError(code="attachment_file_size_too_large")
            )
        )
    ]
    await bench.fail(react(bench, file("F1")))
    outcome = await bench.settle(bench.claim())
    assert isinstance(outcome, Created)
    assert bench.plain.threads[0].attachments == ()
    assert said(bench).endswith(f"(not attached: {WORDS[SkipReason.REFUSED]})")


async def test_a_thread_that_is_refused_for_something_else_is_refused(bench: FileBench) -> None:
    bench.plain.before = [
        Rejected(Rejection(Reason.PLAIN_REFUSED, plain_error=PlainError(code="input_validation")))
    ]
    with pytest.raises(Rejected):
        await bench.deliver(react(bench, file("F1")))


async def test_an_addition_takes_no_files(bench: FileBench) -> None:
    await bench.settle(react(bench))
    bench.post(2, thread_ts=ts(1), files=(file("F1"), file("F2", mode="tombstone")))
    await bench.settle(bench.react(2))
    (event,) = bench.plain.events
    (said,) = [p.text for p in event.parts if isinstance(p, TextPart) and "files" in p.text]
    assert f"(not attached: {WORDS[SkipReason.ADDITION]})" in said
    assert f"(not attached: {WORDS[SkipReason.DELETED]})" in said
    assert bench.source.read == []


async def test_a_row_of_an_earlier_release_has_files_that_are_looked_up(bench: FileBench) -> None:
    """Its message was stored without addresses."""
    bench.source.known["F1"] = file("F1")
    asked = escalation(1, message=message(files=(File("F1", "a.png", "image/png", 3),)))
    bench.ledger.record(asked)
    await bench.settle(bench.claim())
    assert bench.plain.threads[0].attachments == ("att_1",)


def test_an_upload_form_shows_nobody_its_signature() -> None:
    form = UploadForm("att_1", "https://bucket.example/?sig=1", (("x-amz-signature", "1"),))
    assert "bucket" not in repr(form)
    assert "signature" not in repr(form)


MAIL = Paragraph((Text("Dear all, " * 50_000),))
SHORT = Paragraph((Text("Dear all"),))


def test_the_words_of_a_file_that_was_looked_up_are_bounded_with_the_message() -> None:
    stub = message(blocks=(SHORT,), files=(File("F1"),))
    found = with_files(stub, {"F1": file("F1", words=(MAIL,))})
    assert 0.9 * LONGEST_MESSAGE < weight(found.blocks) < 1.1 * LONGEST_MESSAGE
    assert found.blocks[-1] == GOES_ON


def test_what_was_cut_says_so_once_and_behind_the_words_of_its_files() -> None:
    cut = message(blocks=(Paragraph((Text("Hello"),)), GOES_ON), files=(File("F1"),))
    found = with_files(cut, {"F1": file("F1", words=(SHORT,))})
    assert found.blocks == (cut.blocks[0], SHORT, GOES_ON)


def test_another_attempt_does_not_add_the_words_of_a_file_again() -> None:
    stub = message(blocks=(), files=(File("F1"),))
    looked_up = {"F1": File("F1", words=(SHORT,))}  # Slack tells no more of it: looked up each time
    once = with_files(stub, looked_up)
    assert with_files(once, looked_up) == once
    assert once.blocks == (SHORT,)
