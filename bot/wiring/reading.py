"""What reads and explains without a bridge at work, for commands too."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from bot.core.directory import Installation
from bot.core.model import Trigger
from bot.flows import reconcile, why
from bot.flows.reconcile import ResumePoint
from bot.settings import Settings
from bot.slack.client import SlackClient
from bot.slack.history import SlackHistory
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.executor import Run
from bot.store.kv import FirstLoaded, KeyValueStore
from bot.store.records import Records
from bot.store.requests import Recorded, Requests


def reconciling_world(
    settings: Settings,
    database: Database,
    slack: SlackClient,
    run: Run,
    installation: Installation,
    take: Callable[[Trigger], Awaitable[Recorded | None]],
) -> reconcile.ReconcileContext:
    """What a look through Slack's history needs; `take` records what it finds."""
    return reconcile.ReconcileContext(
        history=SlackHistory(slack.web),
        profile=slack.profile,
        known=Requests(database).known,
        take=take,
        first_loaded=FirstLoaded(database),
        resume_points=KeyValueStore(database, ResumePoint),
        run=run,
        rules=settings.rules,
        who=frozenset(settings.escalation.who),
        installation=installation,
        clock=time.time,
    )


def explaining_world(
    settings: Settings,
    database: Database,
    slack: SlackClient,
    run: Run,
    installation: Installation,
) -> why.WhyContext:
    """What an explanation looks at."""
    return why.WhyContext(
        slack=slack,
        posted=SlackHistory(slack.web).posted,
        records=Records(database),
        requests=Requests(database),
        people=CustomerLinks(database),
        first_loaded=FirstLoaded(database),
        run=run,
        rules=settings.rules,
        who=frozenset(settings.escalation.who),
        installation=installation,
        clock=time.time,
        fallback=settings.identity.fallback_customer,
        one_thread_per_message=settings.escalation.one_thread_per == "message",
    )
