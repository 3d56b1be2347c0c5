"""What the form's selects offer: which, in which order, to whom, and how soon."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from bot.core.directory import Profile, UserKind
from bot.core.faults import Fault, TryLater
from bot.core.model import LabelType, Tenant
from bot.flows import choices as flows_choices
from bot.flows.choices import Choice, Choices, matching
from tests.flows.fakes import profile


@dataclass
class Lists:
    """Plain's lists; `fault` in their place."""

    labels: Sequence[LabelType] = (LabelType("lt_1", "Bug"), LabelType("lt_2", "Idea"))
    tenants: Sequence[Tenant] | None = (Tenant("te_1", "Acme", "acme-1"),)
    fault: Fault | None = None
    hangs: bool = False

    async def recent_label_types(self) -> Sequence[LabelType]:
        await self._wait()
        return self.labels

    async def recent_tenants(self) -> Sequence[Tenant] | None:
        await self._wait()
        return self.tenants

    async def _wait(self) -> None:
        if self.fault:
            raise self.fault
        if self.hangs:
            await asyncio.Event().wait()


@dataclass
class Profiles:
    known: Profile | None

    async def profile(self, user: str) -> Profile | None:
        return self.known


def offering(lists: Lists, submitter: Profile | None) -> Choices:
    return Choices(Profiles(submitter), lists, frozenset({UserKind.MEMBER}))


ADA = profile("U0ADA")


async def test_members_are_offered_what_plain_has() -> None:
    offers = offering(Lists(), ADA)
    assert await offers.labels("U0ADA", "") == (Choice("lt_1", "Bug"), Choice("lt_2", "Idea"))
    assert await offers.tenants("U0ADA", "") == (Choice("acme-1", "Acme"),)


@pytest.mark.parametrize(
    "submitter",
    [
        pytest.param(profile("U0GIL", standing=UserKind.GUEST), id="a guest"),
        pytest.param(None, id="whom Slack does not show"),
    ],
)
async def test_who_may_not_ask_is_offered_nothing(submitter: Profile | None) -> None:
    offers = offering(Lists(), submitter)
    assert await offers.labels("U0GIL", "") == ()
    assert await offers.tenants("U0GIL", "") == ()


async def test_a_guest_who_may_ask_is_offered_no_tenants() -> None:
    """They are other companies."""
    gil = profile("U0GIL", standing=UserKind.GUEST)
    offers = replace(offering(Lists(), gil), who=frozenset({UserKind.GUEST}))
    assert [one.text for one in await offers.labels("U0GIL", "")] == ["Bug", "Idea"]
    assert await offers.tenants("U0GIL", "") == ()


async def test_a_deactivated_account_is_offered_nothing() -> None:
    offers = offering(Lists(), profile("U0GIL", deactivated=True))
    assert await offers.labels("U0GIL", "") == await offers.tenants("U0GIL", "") == ()


@pytest.mark.parametrize(
    "lists",
    [
        pytest.param(Lists(fault=TryLater("plain_unreachable")), id="Plain is away"),
        pytest.param(Lists(hangs=True), id="Plain hangs"),
        pytest.param(Lists(labels=(), tenants=None), id="the key may not read"),
    ],
)
async def test_what_does_not_come_in_time_is_not_waited_for(
    lists: Lists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows_choices, "WAIT_SECONDS", 0.01)
    async with asyncio.timeout(10):
        assert await offering(lists, ADA).labels("U0ADA", "") == ()
        assert await offering(lists, ADA).tenants("U0ADA", "") == ()


SOME = [
    Choice("3", "beta"),
    Choice("1", "Alpha"),
    Choice("4", "Zeta be"),
    Choice("2", "Twin"),
    Choice("5", "Twin"),
    Choice("6", " "),
]


@pytest.mark.parametrize(
    ("typed", "by_value", "found"),
    [
        pytest.param("", False, "6 Alpha beta Twin·2 Twin·5 Zeta~be", id="all by name"),
        pytest.param("BE", False, "beta Zeta~be", id="beginnings first"),
        pytest.param("  be ", False, "beta Zeta~be", id="blanks around"),
        pytest.param("x", False, "", id="nothing"),
        pytest.param("5", False, "", id="values are not looked at"),
        pytest.param("5", True, "Twin·5", id="but where they are known to people"),
    ],
)
def test_matching(typed: str, by_value: bool, found: str) -> None:
    shown = [choice.text for choice in matching(SOME, typed, by_value=by_value)]
    assert " ".join(text.replace(" · ", "·").replace(" ", "~") for text in shown) == found


def test_a_value_is_offered_once() -> None:
    assert matching([Choice("1", "Old"), Choice("1", "New")], "") == (Choice("1", "New"),)
