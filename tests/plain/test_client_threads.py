"""The client's list of a customer's threads, against the sandbox's Plain."""

from __future__ import annotations

from bot.core.model import ThreadDraft
from bot.core.text.parts import TextPart
from bot.plain.client import PlainClient
from bot.sandbox.plain import Plain


async def test_all_threads_of_the_customer_since_then_page_by_page() -> None:
    now = 1_760_000_000.0
    plain = Plain(clock=lambda: now)
    ada, ben = (plain.add_customer(name, f"{name}@acme.example") for name in ("ada", "ben"))
    async with plain.serving() as url:
        client = PlainClient(url, plain.api_key)

        async def create(customer: str, key: str) -> None:
            await client.open_thread(ThreadDraft(customer, key, "Fails", (TextPart("It fails"),)))

        await create(ada.id, "too early")
        now += 100
        await create(ben.id, "another's")
        for number in range(130):
            await create(ada.id, f"key {number}")
        found = await client.threads_since(ada.id, now - 50)
        assert [one.external_id for one in found] == [f"key {n}" for n in range(130)]
        assert (found[0].id, found[0].ref) == (plain.threads[2].id, plain.threads[2].ref)
        assert await client.threads_since(ben.id, now + 1) == []
        await client.aclose()
