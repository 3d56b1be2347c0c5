"""What an undo asks of Plain: against recorded answers, and against the sandbox's Plain."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.core.faults import Reason, Rejected, TryLater
from bot.core.model import ThreadDraft
from bot.core.undo import Actor, ActorKind, Look, ThreadSnapshot, TimelineEntry, look
from bot.plain.client import PAGES, PlainClient
from bot.sandbox.plain import Plain
from bot.sandbox.plain.nouns import Thread
from tests.plain.prepared import DRAFT, Answers

ME = {"__typename": "MachineUserActor", "machineUserId": "mu_1"}


def seen(*actors: dict[str, str], before: str | None = None, **more: object) -> dict[str, Any]:
    """A thread with one note of each actor."""
    edges = [{"node": {"actor": one, "entry": {"__typename": "NoteEntry"}}} for one in actors]
    thread: dict[str, object] = {
        "status": "TODO",
        "statusDetail": {"__typename": "ThreadStatusDetailCreated"},
        "statusChangedBy": ME,
        "assignedAt": None,
        "customer": {"id": "c_1"},
        "timelineEntries": {
            "edges": edges,
            "pageInfo": {"hasPreviousPage": before is not None, "startCursor": before},
        },
    }
    return {
        "thread": thread | more,
        "myMachineUser": {"id": "mu_1"},
        "myPermissions": {"permissions": ["note:create"]},
    }


@pytest.mark.parametrize(
    ("actor", "expected"),
    [
        (ME, Actor(ActorKind.MACHINE_USER, "mu_1")),
        ({"__typename": "UserActor", "userId": "u_1"}, Actor(ActorKind.USER, "u_1")),
        ({"__typename": "CustomerActor", "customerId": "c_1"}, Actor(ActorKind.CUSTOMER, "c_1")),
        ({"__typename": "DeletedCustomerActor"}, Actor(ActorKind.CUSTOMER)),
        ({"__typename": "SystemActor", "systemId": "s_1"}, Actor(ActorKind.SYSTEM, "s_1")),
        ({"__typename": "RobotActor"}, Actor(ActorKind.UNKNOWN)),
    ],
)
async def test_who_did_what(actor: dict[str, str], expected: Actor) -> None:
    plain = Answers(seen(actor))
    assert await plain.client.thread_snapshot("th_1") == ThreadSnapshot(
        customer="c_1",
        status="TODO",
        detail="ThreadStatusDetailCreated",
        changed_by=Actor(ActorKind.MACHINE_USER, "mu_1"),
        assigned=False,
        entries=(TimelineEntry(expected, "NoteEntry"),),
        me="mu_1",
        permissions=frozenset({"note:create"}),
    )


async def test_a_thread_without_what_may_be_missing() -> None:
    data = seen(statusDetail=None, assignedAt={"iso8601": "2026-09-01T10:00:00.000Z"})
    found = await Answers(
        data | {"myMachineUser": None, "myPermissions": None}
    ).client.thread_snapshot("th_1")
    assert found is not None
    assert (found.detail, found.assigned, found.me, found.permissions) == (None, True, None, None)


async def test_a_long_timeline_is_read_to_its_beginning() -> None:
    user = {"__typename": "UserActor", "userId": "u_1"}
    plain = Answers(seen(ME, before="cursor"), seen(user))
    found = await plain.client.thread_snapshot("th_1")
    assert found is not None
    assert [entry.actor.kind for entry in found.entries] == [ActorKind.USER, ActorKind.MACHINE_USER]
    assert [variables["before"] for _, variables in plain.asked] == [None, "cursor"]


async def test_a_timeline_without_end_is_not_believed() -> None:
    plain = Answers(seen(ME, before="cursor"))
    with pytest.raises(TryLater, match="plain_endless_pages"):
        await plain.client.thread_snapshot("th_1")
    assert len(plain.requests) == PAGES


async def test_a_thread_that_is_gone() -> None:
    assert await Answers({"thread": None}).client.thread_snapshot("th_1") is None


@pytest.mark.parametrize("data", [{}, {"thread": {}}, {"thread": {"status": "TODO"}}])
async def test_half_a_thread_is_no_thread(data: dict[str, Any]) -> None:
    with pytest.raises(TryLater) as later:
        await Answers(data).client.thread_snapshot("th_1")
    assert later.value.outcome_unknown is False


async def test_a_note_and_a_mark() -> None:
    noted = Answers({"createNote": {"note": {"id": "n_1"}, "error": None}})
    await noted.client.add_note("c_1", "th_1", "Ada undid this")
    assert noted.asked[0][1]["input"] == {
        "customerId": "c_1",
        "threadId": "th_1",
        "text": "Ada undid this",
    }
    marked = Answers({"markThreadAsDone": {"thread": {"id": "th_1"}, "error": None}})
    await marked.client.mark_ignored("th_1")
    assert marked.asked[0][1]["input"] == {"threadId": "th_1", "statusDetail": "IGNORED"}


async def test_only_a_note_would_be_there_twice() -> None:
    with pytest.raises(TryLater) as noting:
        await Answers({"createNote": {"note": None, "error": None}}).client.add_note("c", "t", "x")
    assert noting.value.outcome_unknown is True
    with pytest.raises(TryLater) as marking:
        await Answers({"markThreadAsDone": {"thread": None}}).client.mark_ignored("th_1")
    assert marking.value.outcome_unknown is False


# The sandbox's Plain


async def test_the_sandboxes_agents_are_seen_to_act() -> None:
    plain = Plain()
    customer = plain.add_customer("Ada", "ada@acme.example")
    async with plain.serving() as url:
        client = PlainClient(url, plain.api_key)

        async def create(number: int) -> str:
            draft = ThreadDraft(customer.id, f"T1:C1:{number}", "Fire", DRAFT.parts)
            return (await client.open_thread(draft)).id

        async def looks(thread: str) -> Look:
            found = await client.thread_snapshot(thread)
            assert found is not None
            assert found.me == plain.machine_user.id
            assert found.customer == customer.id
            assert {"note:create", "thread:edit"} <= (found.permissions or frozenset())
            return look(found, assigns=False)

        acts: tuple[Callable[[Thread], None], ...] = (
            lambda thread: plain.answer(thread, "Hello"),
            lambda thread: plain.write_note(thread, "Hm"),
            lambda thread: plain.assign(thread),
            lambda thread: plain.change_status(thread, "investigating"),
        )
        for number, act in enumerate(acts):
            thread = await create(number)
            assert await looks(thread) is Look.FREE
            act(plain.threads[-1])
            assert await looks(thread) is Look.ACTED
        ignored = await create(9)
        await client.add_note(customer.id, ignored, "Ada undid this")
        assert await looks(ignored) is Look.FREE
        await client.mark_ignored(ignored)
        await client.mark_ignored(ignored)
        assert await looks(ignored) is Look.IGNORED
        assert len(plain.threads[-1].notes) == 1
        plain.permissions.discard("timeline:read")
        with pytest.raises(Rejected) as refused:
            await client.thread_snapshot(ignored)
        assert refused.value.reason is Reason.PLAIN_FORBIDDEN
        await client.aclose()
