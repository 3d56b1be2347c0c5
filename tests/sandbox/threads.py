"""Threads of the sandbox, made for a test."""

from __future__ import annotations

import httpx

from bot.sandbox.plain import Plain
from tests.sandbox.plain_talk import CREATE_THREAD

QUOTE = {"componentText": {"text": "It *broke*", "textColor": "NORMAL"}}


async def opened(plain: Plain, http: httpx.AsyncClient, url: str) -> str:
    """A fresh thread with one component, for a customer of its own."""
    customer = plain.add_customer("Ada", f"ada{len(plain.customers)}@example.com")
    given = {
        "customerIdentifier": {"customerId": customer.id},
        "title": "Broken",
        "components": [QUOTE],
    }
    body = {"query": CREATE_THREAD, "variables": {"input": given}}
    answer = (await http.post(url, json=body)).json()
    found: str = answer["data"]["createThread"]["thread"]["id"]
    return found
