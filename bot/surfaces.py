"""Build the listeners of every surface that people meet in Slack."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bot.build import why_context
from bot.core.directory import Installation
from bot.flows import home, undo, why
from bot.flows.edits import EditContext
from bot.flows.form import Choices, FormContexts
from bot.flows.intake import Intake
from bot.flows.link import Linking
from bot.flows.workspace import Runtime, Workspace
from bot.metrics import Metrics
from bot.plain.client import PlainClient
from bot.refused_requests import Cause, RefusedRequests
from bot.settings import Settings
from bot.slack.background import BackgroundTasks
from bot.slack.client import SlackClient
from bot.slack.listeners.commands import Subcommands
from bot.slack.listeners.form import FormListeners
from bot.slack.listeners.home import HomeListeners, HomeTab
from bot.slack.listeners.link import LinkListeners
from bot.slack.listeners.middleware import EventMonitor, ForeignRequests
from bot.slack.listeners.tickets import TicketListeners
from bot.slack.listeners.undo import SlackUndoAnswers, UndoListeners
from bot.slack.listeners.why import WhyListeners
from bot.store.backlog import HEARD
from bot.store.customer_links import CustomerLinks
from bot.store.database import Database
from bot.store.drafts import Drafts
from bot.store.edits import Edits
from bot.store.executor import Run
from bot.store.kv import KeyValueStore, ShownHomes
from bot.store.records import Records
from bot.store.undo import Undos
from bot.worker import Worker


@dataclass(frozen=True, slots=True)
class Listeners:
    """The handlers of every surface, and what runs before them."""

    foreign: ForeignRequests
    events: EventMonitor
    tickets: TicketListeners
    form: FormListeners
    link: LinkListeners
    undo: UndoListeners
    home: HomeListeners
    why: WhyListeners


@dataclass(frozen=True, slots=True)
class Parts:
    """What the listeners are built of.

    `slack` and `plain` are the workspace's ports as the clients that they are. `parse` reads texts
    that somebody waits for; `background` has the tasks that nobody waits for.
    """

    settings: Settings
    slack: SlackClient
    plain: PlainClient
    workspace: Workspace
    runtime: Runtime
    parse: Run
    background: BackgroundTasks

    @property
    def database(self) -> Database:
        return self.runtime.database

    @property
    def run(self) -> Run:
        return self.runtime.run

    @property
    def installation(self) -> Installation:
        return self.workspace.installation


def listeners(
    parts: Parts,
    intake: Intake,
    worker: Worker,
    undoing: undo.UndoContext,
    home: HomeListeners,
    refused: RefusedRequests,
    metrics: Metrics,
) -> Listeners:
    """Build the listeners of all surfaces around the Home's, which the worker refreshes."""
    form = _form(parts, intake)
    return Listeners(
        foreign=ForeignRequests(
            lambda: parts.slack.installed or parts.installation, metrics.foreign
        ),
        events=_events(parts, refused),
        tickets=_tickets(parts, intake, form, home),
        form=form,
        link=_link(parts, worker, home),
        undo=_undo(parts, undoing, worker),
        home=home,
        why=_why(parts),
    )


def undo_context(parts: Parts, home: HomeListeners) -> undo.UndoContext:
    """Return everything that an undo uses; its job refreshes Homes."""
    jobs = parts.runtime.ledger
    return undo.UndoContext(
        editing=EditContext(parts.workspace, Edits(jobs), parts.run, home.changed),
        undos=Undos(jobs),
        answers=SlackUndoAnswers(parts.slack, time.time),
        refused=home.undo_refused,
        waiting_changed=home.waiting_changed,
    )


def _events(parts: Parts, refused: RefusedRequests) -> EventMonitor:
    return EventMonitor(
        HEARD,
        KeyValueStore(parts.database, float),
        parts.run,
        time.time,
        withheld=lambda: refused.note("slack", Cause.EVENTS_WITHHELD),
    )


def home_listeners(parts: Parts) -> HomeListeners:
    """Build the Home's listeners."""
    refused = home.RefusedUndos(time.time)
    tab = HomeTab(parts.slack, parts.workspace)
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
        background=parts.background,
        undo_refused=refused.add,
    )


def _form(parts: Parts, intake: Intake) -> FormListeners:
    return FormListeners(
        workspace=parts.workspace,
        intake=intake,
        contexts=FormContexts(parts.workspace, parts.runtime),
        choices=Choices(parts.workspace),
        drafts=Drafts(parts.database),
        records=Records(parts.database),
        slack=parts.slack,
        run=parts.run,
        clock=time.time,
        background=parts.background,
    )


def _tickets(
    parts: Parts,
    intake: Intake,
    form: FormListeners,
    home: HomeListeners,
) -> TicketListeners:
    subcommands = Subcommands(
        workspace=parts.workspace,
        records=Records(parts.database),
        permalink=home.permalink,
        run=parts.run,
    )
    return TicketListeners(
        workspace=parts.workspace,
        intake=intake,
        form=form,
        drafts=Drafts(parts.database),
        run=parts.run,
        clock=time.time,
        background=parts.background,
        commands=subcommands.by_name,
        parse=parts.parse,
    )


def _link(parts: Parts, worker: Worker, home: HomeListeners) -> LinkListeners:
    def wake() -> None:
        worker.wake()
        home.waiting_changed()

    link = Linking(
        workspace=parts.workspace,
        records=Records(parts.database),
        people=CustomerLinks(parts.database),
        run=parts.run,
        wake=wake,
    )
    return LinkListeners(link=link, slack=parts.slack, clock=time.time, background=parts.background)


def _undo(parts: Parts, undoing: undo.UndoContext, worker: Worker) -> UndoListeners:
    return UndoListeners(
        context=undoing,
        slack=parts.slack,
        clock=time.time,
        background=parts.background,
        wake=worker.wake,
        by_reaction=parts.settings.escalation.undo_by_reaction,
    )


def _why(parts: Parts) -> WhyListeners:
    looks = why_context(parts.settings, parts.database, parts.slack, parts.run, parts.installation)
    return WhyListeners(
        workspace=parts.workspace,
        explain=lambda ref, thread_ts: why.explain(ref, thread_ts, looks),
        slack=parts.slack,
        clock=time.time,
        background=parts.background,
    )
