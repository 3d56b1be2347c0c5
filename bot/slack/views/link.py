"""Build the form that links a person to a Plain customer, what replaces it, and its answers.

https://docs.slack.dev/reference/views/modal-views
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bot.core.directory import Profile
from bot.core.faults import Reason
from bot.core.identity import Answerer, Hosts, Others, Yourself, is_email
from bot.core.model import Customer
from bot.flows.link import (
    SHORTEST_TERM,
    CustomerNotCreated,
    Linked,
    LinkQuestion,
    MayNotLink,
    NothingToLink,
)
from bot.slack.views import kit
from bot.slack.views.formatting import code, escape, link, listed, person, shorten
from bot.slack.views.kit import LABEL_LENGTH, Answer, Button, View, plain, section

CALLBACK_ID = "plain_link_form"
ACTION = "link_person"
"""The button that opens the form; its value is the reference of a request on hold."""
SEARCH_ACTION = "link_customer"
"""The search; the id distinguishes its options from those of other forms."""

NAME_LENGTH = 200
EMAIL_LENGTH = 254
"""https://www.rfc-editor.org/errata/eid1690"""

TITLE = "Who is this?"
SUBMIT = "Link"
CLOSE = "Cancel"
NOTICE_CLOSE = "Close"

BUTTON = "Choose customer"
"""Below the answer to a request on hold, for people who may link."""

CUSTOMER_LABEL = "Customer in Plain"
CUSTOMER_HINT = "Search by name or e-mail address. Leave empty to create a new customer."
CUSTOMER_PLACEHOLDER = "Type at least 3 characters"
NAME_LABEL = "New customer's name"
NAME_HINT = "Only if the customer isn't in Plain yet."
EMAIL_LABEL = "New customer's e-mail address"
EMAIL_HINT = (
    "Agents' replies in Plain go to this address. If a customer already has it, that customer is "
    "used unchanged."
)

CHOOSE = "Choose a customer, or enter a new customer's name and e-mail address."
ONE_ONLY = "Choose a customer or enter a new one, not both."
CUSTOMER_UNKNOWN = "Choose a customer from the search results."
NAME_MISSING = "Enter the new customer's name."
NAME_TOO_LONG = "Enter at most 200 characters."
EMAIL_MISSING = "Enter the new customer's e-mail address."
EMAIL_WRONG = "Enter an e-mail address like ada@example.com."

NOT_SAVED = (
    "Nothing was linked: Slack or the bridge's database didn't respond in time. Press “Link” again."
)
"""Next to the search, if a submission could not be recorded."""

NOT_OPENED = "The form couldn't be opened, and nothing was changed. Try again in a minute."
"""mrkdwn; the answer to a click."""

CUSTOMER_IS = "CUSTOMER is a Plain customer id (`c_…`), an e-mail address or `external:ID`"
"""mrkdwn; explains the command that `command` returns."""

_MOST_NAMED = 5


def form(question: LinkQuestion, answer: str | None = None) -> View:
    """Return the form that asks who `question` is about: an existing customer, or a new one.

    What Slack knows is filled in for the new one; it counts only if nobody is chosen above.
    `answer` is the address at which the answer that was clicked can be replaced.
    """
    profile = question.profile
    name = profile.name.strip()[:NAME_LENGTH] if profile else ""
    email = profile.email.strip() if profile and profile.email else ""
    usable = is_email(email) and len(email) <= EMAIL_LENGTH
    # Every field may stay empty: which ones are needed depends on the others.
    blocks = [
        section(_question(question)),
        kit.labelled(
            "customer",
            CUSTOMER_LABEL,
            CUSTOMER_HINT,
            {
                "type": "external_select",
                "action_id": SEARCH_ACTION,
                "min_query_length": SHORTEST_TERM,
                "placeholder": plain(CUSTOMER_PLACEHOLDER),
            },
            optional=True,
        ),
        kit.labelled("name", NAME_LABEL, NAME_HINT, _typed(name, NAME_LENGTH), optional=True),
        kit.labelled(
            "email",
            EMAIL_LABEL,
            EMAIL_HINT,
            _typed(email if usable else "", EMAIL_LENGTH),
            optional=True,
        ),
    ]
    return kit.window(TITLE, CLOSE, blocks) | {
        "callback_id": CALLBACK_ID,
        "private_metadata": "\n".join(filter(None, (question.reference, answer))),
        "submit": plain(SUBMIT),
    }


def _typed(initial: str, longest: int) -> dict[str, Any]:
    given = {"type": "plain_text_input", "action_id": "value", "max_length": longest}
    return given | ({"initial_value": initial} if initial else {})


def options(found: Sequence[Customer]) -> list[dict[str, Any]]:
    """Return the customers that a search found, for its select."""
    return [kit.option(one.id, _option(one.name, one.email)) for one in found]


def linked(done: Linked) -> View:
    """Return what replaces the form once the link is saved."""
    return _notice(_linked(done))


def over(over: NothingToLink) -> View:
    """Return what replaces the form if there is nothing left to link."""
    return _notice(_over(over))


def not_yours(refused: MayNotLink) -> View:
    """Return what replaces the form for somebody who may not link people."""
    return _notice(_not_yours(refused))


def _notice(sentence: str) -> View:
    return kit.window(TITLE, NOTICE_CLOSE, [section(sentence)])


def instead(came: Linked | NothingToLink) -> Answer:
    """Return what replaces the answer whose button was clicked."""
    return Answer(_linked(came) if isinstance(came, Linked) else _over(came))


def not_opened() -> Answer:
    """Return the answer to a click whose form did not open."""
    return Answer(NOT_OPENED)


def button(name: str, reference: str) -> Button:
    """Return the button that opens the form for the request with this reference; `name` is whom it
    is about."""
    return Button(ACTION, BUTTON, f"{BUTTON}: {shorten(name, 45)}", value=reference)


# Sentences; mrkdwn unless it says otherwise.


def command(user: str) -> str:
    """Return the command that links this Slack user."""
    return code(f"plain-bridge people link {user} CUSTOMER")


def who_may(answerer: Answerer) -> str:
    """Return the people who may link others, as in "Ask …"."""
    users = answerer.users if isinstance(answerer, Others) else ()
    if not users:
        return "an owner or admin of this workspace"
    return listed([person(user) for user in users[:_MOST_NAMED]], "or")


def resumes(answerer: Answerer) -> str:
    """Return who can choose the customers of requests on hold, for a list of such requests."""
    match answerer:
        case Yourself():
            return "Requests on hold resume once you choose the customer in this app's Home tab."
        case Others():
            return (
                f"Requests on hold resume once {who_may(answerer)} chooses the customer in this "
                "app's Home tab, or whoever runs the bridge links the person."
            )
        case Hosts():
            return (
                "Requests on hold resume once someone from the workspace that runs the bridge "
                "chooses the customer."
            )


def _question(question: LinkQuestion) -> str:
    """Return the question above the form, which names the person and shows nothing else of them."""
    who = _person(question.name, question.user)
    return f"Which Plain customer is {who}? {_slack_shows(question.profile)}"


def _slack_shows(profile: Profile | None) -> str:
    if profile is None:
        return "Slack only shows this person's ID."
    if profile.email is None:
        return "Slack doesn't show this person's e-mail address."
    return "What Slack knows about this person is filled in below, in case they're a new customer."


def _linked(done: Linked) -> str:
    """Return who is which customer now, and which requests resume."""
    who, customer = _person(done.name, done.user), escape(shorten(done.customer.name, 200))
    if done.opened == 0:
        goes_on = "No request was on hold for this."
    elif done.opened == 1:
        goes_on = (
            "1 pending request resumed. Whoever submitted it will be notified when the ticket is "
            "created."
        )
    else:
        goes_on = (
            f"{done.opened} pending requests resumed. Whoever submitted them will be notified when "
            "the tickets are created."
        )
    return f"{who} is now the Plain customer *{_unstarred(customer)}*. {goes_on}"


def _over(over: NothingToLink) -> str:
    """Return why there is nothing left to link."""
    if over.reference is None or over.user is None:
        return "Nothing was changed: this request no longer exists."
    ticket = f" Its ticket is {link(over.ticket)}." if over.ticket else ""
    return (
        f"Nothing was changed: {code(over.reference)} is no longer on hold.{ticket} "
        f"To link {code(over.user)} to a different customer, ask whoever runs the bridge to run "
        f"{command(over.user)}, where {CUSTOMER_IS}."
    )


def _not_yours(refused: MayNotLink) -> str:
    """Return who may link people instead."""
    if not isinstance(refused.answerer, Others):
        return (
            "Nothing was changed: only people from the workspace that runs the bridge can choose "
            "customers."
        )
    if refused.user is None:
        other_way = ""
    else:
        other_way = (
            f", or whoever runs the bridge to run {command(refused.user)}, where {CUSTOMER_IS}"
        )
    return (
        "Nothing was changed: you aren't allowed to link people to customers. "
        f"Ask {who_may(refused.answerer)}{other_way}."
    )


def not_made(refused: CustomerNotCreated) -> str:
    """Return why Plain did not create the new customer; plain text, next to the address."""
    rejection = refused.rejection
    said = rejection.plain_says if rejection else ""
    reason = f" Plain says: {shorten(said, 200).rstrip('.')}." if said else ""
    match rejection.reason if rejection else None:
        case None:
            return "Nothing was linked: Plain didn't respond in time. Press “Link” again."
        case Reason.PLAIN_KEY | Reason.PLAIN_FORBIDDEN:
            return (
                f"Nothing was linked: the bridge's API key can't create customers.{reason} "
                "Choose an existing customer, or ask whoever runs the bridge to fix the key."
            )
        case Reason.CUSTOMER_IS_SPAM:
            return "Nothing was linked: this customer is marked as spam in Plain."
    return f"Nothing was linked: Plain rejected the new customer.{reason}"


def _option(name: str, email: str | None) -> str:
    """Return a customer that a search found, as the text of an option."""
    name = " ".join(name.split())
    if not email:
        return shorten(name or "?", LABEL_LENGTH)
    address = f" ({shorten(email, LABEL_LENGTH - 20)})"
    if not name:
        return shorten(email, LABEL_LENGTH)
    return f"{shorten(name, LABEL_LENGTH - len(address))}{address}"


def _person(name: str, user: str) -> str:
    if name == user:
        return code(user)
    return f"*{_unstarred(escape(shorten(name, 200)))}* ({code(user)})"


def _unstarred(text: str) -> str:
    """Return `text` for between two asterisks, which one of its own would end."""
    return text.replace("*", "∗")
