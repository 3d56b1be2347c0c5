"""The client's search for customers, against the sandbox's Plain."""

from __future__ import annotations

import pytest

from bot.core.faults import TryLater
from bot.core.model import Customer
from bot.plain import answers
from bot.plain.client import PlainClient
from bot.sandbox.plain import Plain


async def test_customers_are_found_by_a_part_of_their_name_or_address_in_any_case() -> None:
    plain = Plain()
    ada = plain.add_customer("Ada Byron", "ada@acme.example")
    ben = plain.add_customer("Ben", "ben@acme.example")
    async with plain.serving() as url:
        client = PlainClient(url, plain.api_key)
        assert await client.search_customers("BYR", 10) == (
            Customer(ada.id, "Ada Byron", "ada@acme.example"),
        )
        found = await client.search_customers("@Acme", 10)
        assert {one.id for one in found} == {ada.id, ben.id}
        assert len(await client.search_customers("acme", 1)) == 1
        assert await client.search_customers("nobody", 10) == ()
        plain.fail("searchCustomers", "503")
        with pytest.raises(TryLater):
            await client.search_customers("acme", 10)
        await client.aclose()


@pytest.mark.parametrize("data", [{}, {"searchCustomers": None}, {"searchCustomers": {}}])
def test_an_answer_without_a_list_is_not_nobody(data: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 — whatever says so
        answers.searched_customers(data)
