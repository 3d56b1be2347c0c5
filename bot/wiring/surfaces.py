"""What people meet in Slack: the doors, and every button, form and tab beside them."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp

from bot import periodic
from bot import refused_requests as refused_requests
from bot.flows import home, undo, why
from bot.flows.admission import Gate
from bot.flows.form import Choices, FormContexts
from bot.flows.intake import Intake
from bot.flows.link import Linking
from bot.metrics import Metrics
from bot.refused_requests import Cause, RefusedRequests
from bot.slack.listeners import commands
from bot.slack.listeners.foreign import Foreign
from bot.slack.listeners.form import FormOpener
from bot.slack.listeners.home import HomeListeners, HomeTab
from bot.slack.listeners.last_event import KEEP_SECONDS, LastEvent, on_withheld
from bot.slack.listeners.link import LinkListeners
from bot.slack.listeners.options import FormOptions
from bot.slack.listeners.reopening import ReopenListeners
from bot.slack.listeners.tickets import TicketListeners
from bot.slack.listeners.undo import UndoListeners as UndoListeners
from bot.slack.listeners.why import WhyListeners
from bot.store.customer_links import CustomerLinks
from bot.store.drafts import Drafts
from bot.store.kv import KeyValueStore, ShownHomes
from bot.store.records import HEARD, Records
from bot.store.undo import Undos
from bot.wiring.parts import Parts, background
from bot.wiring.reading import explaining_world
from bot.worker import Worker


@dataclass(frozen=True, slots=True)
class Surfaces:
    """What hangs on Bolt's app, and has to be ended."""

    doors: TicketListeners
    undoing: UndoListeners


def hang(
    app: AsyncApp,
    parts: Parts,
    intake: Intake,
    worker: Worker,
    context: undo.UndoContext,
    tab: HomeListeners,
) -> Surfaces:
    """Everything that Slack can call."""
    doors = _doors(parts, intake, tab)
    doors.register(app)
    doors.opening.register(app)
    FormOptions(Choices(parts.workspace)).register(app)
    _reopening(parts, doors).register(app)
    _linking(parts, worker, tab).register(app)
    tab.register(app)
    undoing = _undoing(parts, context, tab)
    undoing.register(app)
    _explaining(parts, doors).register(app)
    return Surfaces(doors, undoing)


def turn_away_others(app: AsyncApp, parts: Parts, metrics: Metrics) -> None:
    """Keep what belongs to another workspace or app from the listeners."""
    Foreign(lambda: parts.slack.installed or parts.installation, metrics.foreign).register(app)


async def note_events(
    app: AsyncApp, parts: Parts, refused: RefusedRequests, stack: AsyncExitStack
) -> None:
    """Note when Slack last sent an event, and what the doors refused, for `doctor` to tell."""
    heard = LastEvent(HEARD, KeyValueStore(parts.database, float), parts.run, time.time)
    heard.register(app)
    await background(stack, periodic.every(KEEP_SECONDS, heard.keep))
    on_withheld(app, lambda _: refused.note("slack", Cause.EVENTS_WITHHELD))
    await background(stack, periodic.every(refused_requests.KEEP_SECONDS, refused.keep))


def homing(parts: Parts) -> HomeListeners:
    """The app's Home."""
    refused = home.RefusedUndos(time.time)
    tab = HomeTab(parts.slack.web, parts.installation, parts.settings.rules)
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
        undo_refused=refused.add,
    )


def _gate(parts: Parts) -> Gate:
    return Gate(parts.slack, parts.workspace.policy.who)


def _doors(parts: Parts, intake: Intake, tab: HomeListeners) -> TicketListeners:
    drafts = Drafts(parts.database)
    surroundings = FormContexts(parts.workspace, parts.runtime)
    opening = FormOpener(
        intake=intake,
        surroundings=surroundings,
        drafts=drafts,
        slack=parts.slack,
        run=parts.run,
        later=tab.later,
    )
    words = commands.Words(
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
        opening=opening,
        drafts=drafts,
        slack=parts.slack,
        gate=_gate(parts),
        run=parts.run,
        clock=time.time,
        commands=words.table,
        parse=parts.parse,
        later=tab.later,
    )


def _reopening(parts: Parts, doors: TicketListeners) -> ReopenListeners:
    return ReopenListeners(
        team=parts.installation.team,
        records=Records(parts.database),
        opening=doors.opening,
        slack=parts.slack,
        gate=doors.gate,
        run=parts.run,
        clock=time.time,
        later=doors.later,
    )


def _linking(parts: Parts, worker: Worker, tab: HomeListeners) -> LinkListeners:
    """The question who somebody is, and its answer."""

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
    return LinkListeners(link=link, slack=parts.slack, clock=time.time, later=tab.later)


def undo_context(parts: Parts) -> undo.UndoContext:
    """Return everything that an undo uses."""
    return undo.UndoContext(
        workspace=parts.workspace,
        undos=Undos(parts.database),
        run=parts.run,
    )


def _undoing(parts: Parts, context: undo.UndoContext, tab: HomeListeners) -> UndoListeners:
    """Undo, by its button and by the reaction that is taken away."""
    return UndoListeners(
        context=context,
        slack=parts.slack,
        clock=time.time,
        by_reaction=parts.settings.escalation.undo_by_reaction,
        changed=tab.changed,
        refused=tab.undo_refused,
        later=tab.later,
    )


def _explaining(parts: Parts, doors: TicketListeners) -> WhyListeners:
    """The message's menu that asks why."""
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
        later=doors.later,
    )
