"""Register every listener: each id that Slack calls the bridge by is named here, once."""

from __future__ import annotations

from dataclasses import dataclass

from slack_bolt.async_app import AsyncApp

from bot.slack.listeners.form import FormListeners
from bot.slack.listeners.home import HomeListeners
from bot.slack.listeners.link import LinkListeners
from bot.slack.listeners.middleware import EventMonitor, ForeignRequests, on_error
from bot.slack.listeners.tickets import TicketListeners
from bot.slack.listeners.undo import UndoListeners
from bot.slack.listeners.why import WhyListeners
from bot.slack.payloads_view import is_of_ticket_form
from bot.slack.views import form, home, kit, link, undo


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


def register(app: AsyncApp, to: Listeners) -> None:
    """Route everything that Slack sends to its handler."""
    app.middleware(to.foreign.reject)
    app.middleware(to.events.note)
    app.error(on_error)

    app.event("reaction_added")(to.tickets.on_reaction)
    app.event("reaction_removed")(to.undo.on_reaction_removed)
    app.event("app_home_opened")(to.home.on_opened)

    app.shortcut("create_plain_ticket")(to.tickets.on_message_shortcut)
    app.shortcut("new_plain_ticket")(to.tickets.on_global_shortcut)
    app.shortcut("why_no_plain_ticket")(to.why.on_shortcut)

    app.command("/plain-ticket")(to.tickets.on_command)

    app.view(form.CALLBACK_ID)(to.tickets.on_submit)
    app.view_closed(form.CALLBACK_ID)(to.form.on_closed)
    app.view(link.CALLBACK_ID)(to.link.on_submit)

    app.action({"action_id": form.VALUE, "block_id": "requester"}, matchers=[is_of_ticket_form])(
        to.form.on_requester
    )
    app.action(form.REOPEN_ACTION)(to.form.on_reopen)
    app.action(link.ACTION)(to.link.on_clicked)
    app.action(undo.ACTION)(to.undo.on_undo)
    app.action(kit.OPEN_ACTION)(to.undo.on_open)
    app.action(home.MORE_ACTION)(to.home.on_turn)
    app.action(home.NEWEST_ACTION)(to.home.on_turn)

    app.options(form.VALUE, matchers=[is_of_ticket_form])(to.form.on_options)
    app.options(link.SEARCH_ACTION)(to.link.on_typed)
