"""The form that links a person, plain text but for what says otherwise, and its answers."""

from __future__ import annotations

from bot.core.directory import Profile
from bot.core.faults import Reason
from bot.core.linkers import Answerer, Others
from bot.flows.link import CustomerNotCreated, Linked, LinkQuestion, MayNotLink, NothingToLink
from bot.slack.words.marks import code, escape, link, shorten

TITLE = "Who is this?"
SUBMIT = "Link"
CLOSE = "Cancel"
NOTICE_CLOSE = "Close"

BUTTON = "Say who this is"
"""Below a refusal, for who may say it."""

CUSTOMER_LABEL = "Customer in Plain"
CUSTOMER_HINT = "Search by name or e-mail address. Leave it empty for a new customer."
CUSTOMER_PLACEHOLDER = "Type at least 3 letters"
NAME_LABEL = "Name of a new customer"
NAME_HINT = "Only where Plain does not have the customer yet."
EMAIL_LABEL = "E-mail address of a new customer"
EMAIL_HINT = (
    "An agent's answer in Plain goes to this address. A customer who has it already is taken "
    "as it stands."
)

CHOOSE = "Choose a customer, or fill in name and e-mail address of a new one."
ONE_ONLY = "Choose a customer or fill in a new one, not both."
CUSTOMER_UNKNOWN = "Choose one of the customers that the search finds."
NAME_MISSING = "Give the new customer a name."
NAME_TOO_LONG = "Keep the name to 200 characters."
EMAIL_MISSING = "Give the new customer an e-mail address."
EMAIL_WRONG = "This is no e-mail address: write it like ada@example.com."

NOT_SAVED = (
    "Nothing was linked, because Slack or the bridge's database did not answer in time. "
    "Press “Link” again."
)
"""Beside the search, when a submission could not be recorded."""

NOT_OPENED = "The form could not be opened, and nothing was changed. Try again in a minute."
"""mrkdwn; the answer to a click."""

CUSTOMER_IS = "CUSTOMER is a Plain customer id (`c_…`), an e-mail address or `external:ID`"
"""mrkdwn; what stands in the command for whoever runs the bridge."""

_MOST_NAMED = 5


def command(user: str) -> str:
    """The command that links this Slack user; mrkdwn."""
    return code(f"plain-bridge people link {user} CUSTOMER")


def who_may(answerer: Answerer) -> str:
    """Those who may link people, as in "Ask …"; mrkdwn."""
    users = answerer.users if isinstance(answerer, Others) else ()
    if not users:
        return "an owner or admin of this workspace"
    mentioned = [f"<@{escape(user)}>" for user in users[:_MOST_NAMED]]
    return " or ".join(filter(None, (", ".join(mentioned[:-1]), mentioned[-1])))


def button_label(name: str) -> str:
    """What a screen reader says of the button; at most 75 characters."""
    return f"{BUTTON}: {shorten(name, 45)}"


def question(asked: LinkQuestion) -> str:
    """Above the form: who it is about, and no more of them than that; mrkdwn."""
    who = _person(asked.name, asked.user)
    return f"Which Plain customer is {who}? {_slack_shows(asked.profile)}"


def _slack_shows(profile: Profile | None) -> str:
    if profile is None:
        return "Slack shows nothing of this person but the id."
    if profile.email is None:
        return "Slack shows no e-mail address of this person."
    return "What Slack knows of this person is filled in below, for a new customer."


def linked(done: Linked) -> str:
    """In place of the form, once it is written; mrkdwn."""
    who, customer = _person(done.name, done.user), escape(shorten(done.customer.name, 200))
    if done.opened == 0:
        goes_on = "No request was waiting for this."
    elif done.opened == 1:
        goes_on = "1 waiting request goes on; who asked hears when its ticket is there."
    else:
        goes_on = (
            f"{done.opened} waiting requests go on; who asked hears when each ticket is there."
        )
    return f"{who} is now the Plain customer *{_unstarred(customer)}*. {goes_on}"


def over(over: NothingToLink) -> str:
    """In place of the form, where there is nothing to say any more; mrkdwn."""
    if over.reference is None or over.user is None:
        return "Nothing was changed: the bridge knows no such request any more."
    ticket = f" Its ticket is {link(over.ticket)}." if over.ticket else ""
    return (
        f"Nothing was changed: {code(over.reference)} no longer waits for this.{ticket} "
        f"To link {code(over.user)} to another customer, ask whoever runs the bridge to run "
        f"{command(over.user)}, where {CUSTOMER_IS}."
    )


def not_yours(refused: MayNotLink) -> str:
    """In place of the form, for who may not say it; mrkdwn."""
    if not isinstance(refused.answerer, Others):
        return (
            "Nothing was changed: only people of the workspace that runs the bridge may say which "
            "Plain customer somebody is."
        )
    if refused.user is None:
        other_way = ""
    else:
        other_way = (
            f", or whoever runs the bridge to run {command(refused.user)}, where {CUSTOMER_IS}"
        )
    return (
        "Nothing was changed: you may not say which Plain customer somebody is. "
        f"Ask {who_may(refused.answerer)}{other_way}."
    )


def not_made(refused: CustomerNotCreated) -> str:
    """Beside the new customer's address, where Plain did not make it."""
    said = refused.data.get("fields") or refused.data.get("message") or ""
    told = f" Plain says: {shorten(said, 200).rstrip('.')}." if said else ""
    match refused.reason:
        case None:
            return "Nothing was linked, because Plain did not answer in time. Press “Link” again."
        case Reason.PLAIN_KEY | Reason.PLAIN_FORBIDDEN:
            return (
                f"Nothing was linked, because the bridge's key may not make customers.{told} "
                "Choose one that is there, or ask whoever runs the bridge to mend the key."
            )
        case Reason.CUSTOMER_IS_SPAM:
            return "Nothing was linked, because this customer is marked as spam in Plain."
    return f"Nothing was linked, because Plain did not accept the new customer.{told}"


def option(name: str, email: str | None, longest: int) -> str:
    """One customer that a search found, in so many characters; plain text."""
    name = " ".join(name.split())
    if not email:
        return shorten(name or "?", longest)
    address = f" ({shorten(email, longest - 20)})"
    return f"{shorten(name, longest - len(address))}{address}" if name else shorten(email, longest)


def _person(name: str, user: str) -> str:
    if name == user:
        return code(user)
    return f"*{_unstarred(escape(shorten(name, 200)))}* ({code(user)})"


def _unstarred(text: str) -> str:
    """`text` for between two asterisks, which one of its own would end."""
    return text.replace("*", "∗")
