"""The client finds customers and users, and makes customers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bot.core.faults import Rejected
from bot.core.model import Customer
from bot.store.rejections import to_data
from tests.plain.prepared import Answers, failed, prepared

ADA = {"id": "c_1", "fullName": "Ada Byron", "email": {"email": "ada@example.com"}}


@pytest.mark.parametrize(
    ("name", "operation", "variables"),
    [
        ("c_1", "customer", {"customerId": "c_1"}),
        ("ada@example.com", "customerByEmail", {"email": "ada@example.com"}),
        ("c_ada@example.com", "customerByEmail", {"email": "c_ada@example.com"}),
        ("external:42", "customerByExternalId", {"externalId": "42"}),
        ("external:a@b", "customerByExternalId", {"externalId": "a@b"}),
    ],
)
async def test_a_customer_is_found_by_any_name(
    name: str, operation: str, variables: dict[str, str]
) -> None:
    plain = Answers({operation: ADA}, {operation: None}, prepared("bad-user-input-400.json"))
    assert await plain.client.find_customer(name) == Customer("c_1", "Ada Byron", "ada@example.com")
    assert await plain.client.find_customer(name) is None
    assert await plain.client.find_customer(name) is None
    assert plain.asked[0] == (operation, variables)


async def test_what_is_no_name_of_a_customer_is_not_asked_for() -> None:
    plain = Answers({})
    assert await plain.client.find_customer("Ada") is None
    assert plain.asked == []


async def test_a_customer_that_may_not_be_read_is_not_an_unknown_one() -> None:
    with pytest.raises(Rejected, match="plain_forbidden"):
        await Answers(prepared("forbidden-403.json")).client.find_customer("c_1")


async def test_a_customer_is_made() -> None:
    plain = Answers({"upsertCustomer": {"customer": ADA, "error": None}})
    made = await plain.client.upsert_customer("ada@example.com", "Ada Byron", verified=True)
    assert made == Customer("c_1", "Ada Byron", "ada@example.com")
    assert plain.asked[0][1]["input"]["onUpdate"] == {}


async def test_a_customer_that_has_the_address_already_is_looked_up() -> None:
    exists = failed("upsertCustomer", "customer_already_exists_with_email")
    plain = Answers(exists, {"customerByEmail": ADA})
    found = await plain.client.upsert_customer("ada@example.com", "Ada", verified=False)
    assert found.id == "c_1"
    assert [operation for operation, _ in plain.asked] == ["upsertCustomer", "customerByEmail"]


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        (
            [
                failed("upsertCustomer", "customer_already_exists_with_email"),
                {"customerByEmail": None},
            ],
            "customer_already_exists_with_email",
        ),
        ([failed("upsertCustomer", "input_validation")], "input_validation"),
    ],
)
async def test_a_customer_that_cannot_be_made(answers: Sequence[object], code: str) -> None:
    with pytest.raises(Rejected) as caught:
        await Answers(*answers).client.upsert_customer("ada@example.com", "Ada", verified=False)
    assert to_data(caught.value.rejection)["code"] == code


@pytest.mark.parametrize(
    ("user", "found"),
    [
        ({"id": "u_1", "isDeleted": False}, "u_1"),
        ({"id": "u_1", "isDeleted": True}, None),
        (None, None),
    ],
)
async def test_a_user_by_email(user: object, found: str | None) -> None:
    assert await Answers({"userByEmail": user}).client.user_by_email("g@example.com") == found
