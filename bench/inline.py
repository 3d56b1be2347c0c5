"""What is compared with: a Bolt app that answers, then asks Slack and Plain, and keeps nothing.

`python -m bench.inline PORT bolt` serves it. It makes the calls that the bridge makes for a
reaction, one after the other: those of Slack with the client that Bolt makes by itself, which
opens a connection for each, or with `kept` in place of `bolt` over connections that it keeps.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import httpx
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from bench.bolt import application, authorize, serve
from bench.load import SIGNING_SECRET
from bot.plain import operations
from bot.slack import calls


async def main(port: int, client: str) -> None:
    async with calls.open_session() as session, httpx.AsyncClient(timeout=30) as http:
        slack = AsyncWebClient(
            token="xoxb-test",
            base_url=os.environ["SLACK_API_URL"],
            session=session if client == "kept" else None,
        )
        slack.proxy = None

        async def plain(operation: operations.Operation[Any], **variables: object) -> Any:
            answer = await http.post(
                os.environ["PLAIN_API_URL"],
                json={
                    "query": operation.document,
                    "variables": {"input": variables},
                    "operationName": operation.name,
                },
                headers={"Authorization": f"Bearer {os.environ['PLAIN_API_KEY']}"},
            )
            said = answer.raise_for_status().json()["data"][operation.name]
            if said["error"] is not None:
                raise RuntimeError(said["error"]["message"])
            return said

        async def on_reaction(event: dict[str, Any]) -> None:
            channel, ts = event["item"]["channel"], event["item"]["ts"]
            bounds = {"oldest": ts, "latest": ts, "inclusive": True, "limit": 15}
            replies = await slack.conversations_replies(channel=channel, ts=ts, **bounds)
            message = next(one for one in replies["messages"] if one["ts"] == ts)
            author = (await slack.users_info(user=message["user"]))["user"]
            email = author["profile"]["email"]
            upserted = await plain(
                operations.UPSERT_CUSTOMER,
                identifier={"emailAddress": email},
                onCreate={
                    "fullName": author["real_name"],
                    "email": {"email": email, "isVerified": False},
                },
                onUpdate={},
            )
            link = (await slack.chat_getPermalink(channel=channel, message_ts=ts))["permalink"]
            created = await plain(
                operations.CREATE_THREAD,
                customerIdentifier={"customerId": upserted["customer"]["id"]},
                title=message["text"][:80],
                components=[
                    {"componentText": {"text": f"{message['text']}\n\n{link}"}},
                ],
            )
            await slack.chat_postEphemeral(
                channel=channel, user=event["user"], text=f"Ticket {created['thread']['ref']}"
            )

        app = AsyncApp(signing_secret=SIGNING_SECRET, authorize=authorize)
        app.event("reaction_added")(on_reaction)
        await serve(application(app), port)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
