"""Build the listeners of every surface that people meet in Slack."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack

from bot import periodic
from bot import refused_requests as refused_requests
from bot.flows import home, undo, why
from bot.flows.admission import Gate
from bot.flows.form import Choices, FormContexts
from bot.flows.intake import Intake
from bot.flows.link import Linking
from bot.metrics import Metrics
from bot.refused_requests import Cause, RefusedRequests
from bot.slack.background import BackgroundTasks
from bot.slack.listeners.commands import Subcommands
from bot.slack.listeners.form import FormListeners
from bot.slack.listeners.home import HomeListeners, HomeTab
from bot.slack.listeners.link import LinkListeners
from bot.slack.listeners.middleware import KEEP_SECONDS, EventMonitor, ForeignRequests
from bot.slack.listeners.register import Listeners
from bot.slack.listeners.tickets import TicketListeners
from bot.slack.listeners.undo import UndoListeners
from bot.slack.listeners.why import WhyListeners
from bot.store.customer_links import CustomerLinks
from bot.store.drafts import Drafts
from bot.store.kv import KeyValueStore, ShownHomes
from bot.store.records import HEARD, Records
from bot.store.undo import Undos
from bot.wiring.parts import Parts, background
from bot.wiring.reading import explaining_world
from bot.worker import Worker


def listeners(
    parts: Parts,
    intake: Intake,
    worker: Worker,
    context: undo.UndoContext,
    tab: HomeListeners,
    tasks: BackgroundTasks,
    foreign: ForeignRequests,
    events: EventMonitor,
) -> Listeners:
    """Build the listeners of all surfaces around the Home's, which the worker refreshes."""
    form = _form(parts, intake, tasks)
    return Listeners(
        foreign=foreign,
        events=events,
        tickets=_tickets(parts, intake, form, tab, tasks),
        form=form,
        link=_link(parts, worker, tab, tasks),
        undo=_undo(parts, context, tab, tasks),
        home=tab,
        why=_why(parts, tasks),
    )


def undo_context(parts: Parts) -> undo.UndoContext:
    """Return everything that an undo uses."""
    return undo.UndoContext(
        workspace=parts.workspace,
        undos=Undos(parts.database),
        run=parts.run,
    )


def foreign_requests(parts: Parts, metrics: Metrics) -> ForeignRequests:
    """Build what rejects requests of other workspaces and apps."""
    return ForeignRequests(lambda: parts.slack.installed or parts.installation, metrics.foreign)


async def event_monitor(
    parts: Parts, refused: RefusedRequests, stack: AsyncExitStack
) -> EventMonitor:
    """Build what notes events, and store its notes and the refused requests now and then."""
    events = EventMonitor(
        HEARD,
        KeyValueStore(parts.database, float),
        parts.run,
        time.time,
        withheld=lambda: refused.note("slack", Cause.EVENTS_WITHHELD),
    )
    await background(stack, periodic.every(KEEP_SECONDS, events.keep))
    await background(stack, periodic.every(refused_requests.KEEP_SECONDS, refused.keep))
    return events


def home_listeners(parts: Parts, tasks: BackgroundTasks) -> HomeListeners:
    """Build the Home's listeners."""
    refused = home.RefusedUndos(time.time)
    tab = HomeTab(parts.slack, parts.installation, parts.settings.rules)
    return HomeListeners(
        home.HomeContext(
            workspace=parts.workspace,
            publisher=tab,
            records=Records(parts.database),
            homes=ShownHomes(parts.database),
            run=parts.run,
            clock=time.time,
            refused=refused,
        ),
        permalink=tab.permalink,
        background=tasks,
        undo_refused=refused.add,
    )


def _gate(parts: Parts) -> Gate:
    return Gate(parts.slack, parts.workspace.policy.who)


def _form(parts: Parts, intake: Intake, tasks: BackgroundTasks) -> FormListeners:
    return FormListeners(
        team=parts.installation.team,
        intake=intake,
        contexts=FormContexts(parts.workspace, parts.runtime),
        choices=Choices(parts.workspace),
        drafts=Drafts(parts.database),
        records=Records(parts.database),
        slack=parts.slack,
        gate=_gate(parts),
        run=parts.run,
        clock=time.time,
        background=tasks,
    )


def _tickets(
    parts: Parts,
    intake: Intake,
    form: FormListeners,
    tab: HomeListeners,
    tasks: BackgroundTasks,
) -> TicketListeners:
    subcommands = Subcommands(
        team=parts.installation.team,
        records=Records(parts.database),
        gate=_gate(parts),
        permalink=tab.permalink,
        run=parts.run,
        rules=parts.settings.rules,
    )
    return TicketListeners(
        team=parts.installation.team,
        intake=intake,
        form=form,
        drafts=Drafts(parts.database),
        slack=parts.slack,
        gate=_gate(parts),
        run=parts.run,
        clock=time.time,
        background=tasks,
        commands=subcommands.by_name,
        parse=parts.parse,
    )


def _link(
    parts: Parts, worker: Worker, tab: HomeListeners, tasks: BackgroundTasks
) -> LinkListeners:
    def wake() -> None:
        worker.wake()
        tab.waiting_changed()

    link = Linking(
        workspace=parts.workspace,
        records=Records(parts.database),
        people=CustomerLinks(parts.database),
        run=parts.run,
        wake=wake,
    )
    return LinkListeners(link=link, slack=parts.slack, clock=time.time, background=tasks)


def _undo(
    parts: Parts, context: undo.UndoContext, tab: HomeListeners, tasks: BackgroundTasks
) -> UndoListeners:
    return UndoListeners(
        context=context,
        slack=parts.slack,
        clock=time.time,
        background=tasks,
        by_reaction=parts.settings.escalation.undo_by_reaction,
        changed=tab.changed,
        refused=tab.undo_refused,
    )


def _why(parts: Parts, tasks: BackgroundTasks) -> WhyListeners:
    looks = explaining_world(
        parts.settings, parts.database, parts.slack, parts.run, parts.installation
    )
    return WhyListeners(
        installation=parts.installation,
        explain=lambda ref, thread_ts: why.explain(ref, thread_ts, looks),
        slack=parts.slack,
        linkers=parts.linkers,
        who=parts.workspace.policy.who,
        clock=time.time,
        background=tasks,
    )
