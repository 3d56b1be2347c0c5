"""What the client keeps for a while: label types, tenants, the workspace."""

from __future__ import annotations

import asyncio

import httpx
import pytest

from bot.core.faults import TryLater
from bot.core.model import LabelType, Tenant
from bot.plain.answers import PlainWorkspace
from bot.plain.client import PAGES
from tests.plain.prepared import Answers, prepared


def labels(*names: str, after: str | None = None) -> dict[str, object]:
    edges = [{"node": {"id": f"lt_{name}", "name": name}} for name in names]
    page = {"hasNextPage": after is not None, "endCursor": after or "end"}
    return {"labelTypes": {"edges": edges, "pageInfo": page}}


async def test_label_types_are_read_to_the_end_and_kept_for_five_minutes() -> None:
    plain = Answers(labels("Bug", after="cursor"), labels("Idea"), labels("New"))
    both = [LabelType("lt_Bug", "Bug"), LabelType("lt_Idea", "Idea")]
    assert list(await plain.client.label_types()) == both
    assert [variables["after"] for _, variables in plain.asked] == [None, "cursor"]
    plain.now += 299
    assert list(await plain.client.label_types()) == both
    plain.now += 1
    assert list(await plain.client.label_types()) == [LabelType("lt_New", "New")]


async def test_label_types_are_asked_for_once_by_many_at_a_time() -> None:
    plain = Answers(labels("Bug"))
    await asyncio.gather(*(plain.client.label_types() for _ in range(8)))
    assert len(plain.asked) == 1


def tenants(*names: str, after: str | None = None) -> dict[str, object]:
    edges = [
        {"node": {"id": f"te_{name}", "name": name, "externalId": name.lower()}} for name in names
    ]
    page = {"hasNextPage": after is not None, "endCursor": after or "end"}
    return {"tenants": {"edges": edges, "pageInfo": page}}


def tenant(name: str) -> Tenant:
    return Tenant(f"te_{name}", name, name.lower())


async def test_tenants_are_read_to_the_end_and_an_old_list_is_served_at_once() -> None:
    plain = Answers(tenants("Acme", after="cursor"), tenants("Zen"), tenants("New"))
    assert plain.client.cached_tenants() == ()
    assert await plain.client.recent_tenants() == (tenant("Acme"), tenant("Zen"))
    assert [variables["after"] for _, variables in plain.asked] == [None, "cursor"]
    plain.now += 900
    assert await plain.client.recent_tenants() == (tenant("Acme"), tenant("Zen"))
    while plain.client.cached_tenants() != (tenant("New"),):  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_more_tenants_than_there_are_pages_for_are_left_out() -> None:
    plain = Answers(tenants("Acme", after="cursor"))
    assert await plain.client.recent_tenants() == (tenant("Acme"),) * PAGES


async def test_a_key_that_may_not_read_tenants_is_asked_about_once() -> None:
    plain = Answers(prepared("forbidden-200.json"))
    for _ in range(3):
        assert await plain.client.recent_tenants() is None
    assert plain.client.cached_tenants() is None
    assert len(plain.asked) == 1


async def test_another_refusal_is_not_kept() -> None:
    plain = Answers(httpx.ConnectError("no"), tenants("Acme"))
    with pytest.raises(TryLater):
        await plain.client.recent_tenants()
    assert plain.client.cached_tenants() == ()
    assert await plain.client.recent_tenants() == (tenant("Acme"),)


async def test_label_types_without_end_are_not_believed() -> None:
    plain = Answers(labels("Bug", after="cursor"))
    with pytest.raises(TryLater, match="plain_endless_pages"):
        await plain.client.label_types()
    assert len(plain.asked) == PAGES


async def test_the_workspaces_id_is_asked_once() -> None:
    plain = Answers({"myWorkspace": {"id": "w_1"}})
    assert await plain.client.workspace_id() == "w_1"
    plain.now += 1e9
    assert await plain.client.workspace_id() == "w_1"
    assert len(plain.asked) == 1


@pytest.mark.parametrize(("machine", "id_"), [({"id": "mu_1"}, "mu_1"), (None, None)])
async def test_the_workspace_for_the_doctor(machine: object, id_: str | None) -> None:
    data = {
        "myWorkspace": {"id": "w_1", "name": "Acme"},
        "myMachineUser": machine,
        "myPermissions": {"permissions": ["thread:create", "thread:read"]},
    }
    assert await Answers(data).client.workspace() == PlainWorkspace(
        "w_1", "Acme", id_, frozenset({"thread:create", "thread:read"})
    )
