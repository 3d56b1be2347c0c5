"""Who and what is there when the page opens: people, channels, messages, Plain's labels."""

from __future__ import annotations

from dataclasses import dataclass

from bot.sandbox.plain import Plain
from bot.sandbox.slack import Slack

EXTERNAL_TEAM = "T00000077"
EXTERNAL_COMPANY = "Northwind"


@dataclass(frozen=True)
class Cast:
    """Users in the order in which they are offered, each with what they are; channels likewise."""

    users: dict[str, str]
    channels: tuple[str, ...]
    agent: str


async def gather(slack: Slack, plain: Plain) -> Cast:
    """Fill both workspaces; nothing of it asks for a ticket."""
    ada = slack.add_user("Ada Nowak", email="ada@acme.example", owner=True, admin=True)
    ben = slack.add_user("Ben Ortiz", email="ben@acme.example")
    gwen = slack.add_user("Gwen Hall", email="gwen@agency.example", guest=True)
    emil = slack.add_user("Emil Berg", team=EXTERNAL_TEAM)
    robot = slack.add_user("Deploys", bot=True)

    support = slack.add_channel("support", members=(ada, ben, gwen, robot))
    incidents = slack.add_channel("incidents", private=True, members=(ada, ben, robot))
    shared = slack.add_channel("northwind", shared=True, members=(ada, ben, emil))
    lunch = slack.add_channel("lunch", members=(ada, ben, gwen), bot_member=False)
    direct = slack.add_dm(ada, ben)

    await slack.post(robot, support, "Release 2026.11 is out.")
    exports = await slack.post(
        ben,
        support,
        "The *export* fails since this morning: it never finishes.\nIs anybody looking at it?",
    )
    await slack.post(ada, support, "Same here, with the monthly report.", thread_ts=exports)
    await slack.post(ben, support, "It stops at about _10,000 rows_.", thread_ts=exports)
    await slack.post(
        ada,
        support,
        "This is what the new invoice looks like. The total is cut off.",
        files=["invoice.png"],
    )
    await slack.post(gwen, support, "Can we have invoices in euros?")
    await slack.post(robot, incidents, "Error rate of the API: 4 % over ten minutes")
    await slack.post(
        ada, incidents, "I am looking. Europe is worst: https://status.acme.example/eu"
    )
    await slack.post(emil, shared, "Hi! Two of our people cannot log in since the update.")
    await slack.post(ben, lunch, "Soup today?")
    await slack.post(ada, direct, "Do you know who asked for two more seats?")

    for name in ("Bug", "Feature request", "Billing", "Question"):
        plain.add_label_type(name)
    plain.add_tenant("acme", "Acme")
    plain.add_tenant("northwind", EXTERNAL_COMPANY)
    plain.add_customer("Emil Berg", "emil@northwind.example")
    plain.add_customer("Nora Lind", "nora@northwind.example")
    agent = plain.add_user("sam@acme.example", "Sam Reyes")

    users = {
        ada: "owner",
        ben: "member",
        gwen: "guest",
        emil: "external, no e-mail",
        robot: "bot",
    }
    return Cast(users, (support, incidents, shared, lunch, direct), agent.id)
