"""What a workspace asks of the store names its team; whatever does not says why."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator

from sqlalchemy import event

from bot import store
from bot.core.faults import Reason, Rejection
from bot.core.model import ReplyTo
from bot.core.undo import UndoClick
from bot.store.customer_links import CustomerLink, CustomerLinks
from bot.store.database import Database
from bot.store.delay_notices import DelayNotices
from bot.store.jobs import Jobs
from bot.store.records import Records
from bot.store.undo import Undos
from tests.nouns import TEAM
from tests.store.rows import a_request

CARRIES_THE_TEAM = {
    "team",
    "teams",
    # Every key begins with the team: `bot.core.refs`.
    "key",
    "keys",
    "conversation_key",
    "escalation",
    "escalations",
    "claim",
    "line",
    "people",
    # A job that was claimed is one row of one team.
    "job",
    "jobs",
}
"""Parameters that name the team, or hold a value that does."""

OPERATOR = "for whoever runs the bridge, who sees all workspaces"
ANY_ROW = "one worker or one process serves the rows of all workspaces"
FOUND = "the id is that of a row which a query with its team has found"
USER = "the stored names of earlier releases hold the user alone"
RULES = "the rules' stored names hold no team: one settings file has them all"

EXCEPTIONS = {
    "Records.newest": OPERATOR,
    "Records.find": OPERATOR,
    "Records.export": OPERATOR,
    "Records.retry": OPERATOR,
    "CustomerLinks.all": OPERATOR,
    "CustomerLinks.changes": OPERATOR,
    "forget": OPERATOR,
    "backlog": OPERATOR,
    "count_unlinked": OPERATOR,
    "ledger_stats": OPERATOR,
    "Jobs.claim": ANY_ROW,
    "Jobs.next_due": ANY_ROW,
    "Jobs.free_all": ANY_ROW,
    "add_job": "its columns are the caller's, with the team among them",
    "decide_again": "its condition is the caller's, who names the team in it",
    "Ledger.free": "a thread's id is unique in all of Plain's workspaces",
    "record_rows": "its condition is the caller's, who names the team in it",
    "Prepared.execute": FOUND,
    "Prepared.execute_many": FOUND,
    "RowUpdates.write": FOUND,
    "Retention.erase_texts": ANY_ROW,
    "Retention.erase_addresses": ANY_ROW,
    "Retention.end_holds": ANY_ROW,
    "Undos.erase_old": ANY_ROW,
    "Drafts.erase_old": ANY_ROW,
    "Edits.remember": FOUND,
    "Edits.find": FOUND,
    "Edits.forget": FOUND,
    "plan_edits": FOUND,
    "Drafts.keep": "the draft's trigger has the team",
    "Drafts.load": "nobody can guess a draft's id, which its form alone holds",
    "Drafts.erase": "nobody can guess a draft's id, which its form alone holds",
    "ShownHomes.opened": USER,
    "ShownHomes.keep": USER,
    "ShownHomes.linkers": USER,
    "FirstLoaded.load": RULES,
    "FirstLoaded.note": RULES,
    "FirstLoaded.known": RULES,
    "KeyValueStore.recall": "the caller's name of the value holds what it belongs to",
    "KeyValueStore.keep": "the caller's name of the value holds what it belongs to",
    "KeyValueStore.forget": "the caller's name of the value holds what it belongs to",
    "KeyValueStore.all": "the caller's name of the value holds what it belongs to",
    "SharedRateLimit.lease": "the limit is that of a Plain key, whichever workspaces share it",
    "SharedRateLimit.shut": "the limit is that of a Plain key, whichever workspaces share it",
}
"""Public methods and functions over the database without a team, each with its reason."""

ABOUT_THE_DATABASE = {"altering", "cluster", "database", "indexes", "migrating", "suitable"}
"""Modules that read and write no request."""


def queries() -> Iterator[tuple[str, set[str]]]:
    """The store's public methods and functions over a database, with their parameters' names."""
    for found in pkgutil.iter_modules(store.__path__):
        if found.name in ABOUT_THE_DATABASE:
            continue
        module = importlib.import_module(f"bot.store.{found.name}")
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) != module.__name__ or name.startswith("_"):
                continue
            parameters = list(inspect.signature(value).parameters) if callable(value) else []
            if parameters[:1] not in (["database"], ["jobs"]):
                continue
            if inspect.isfunction(value):
                yield name, set(parameters)
            elif inspect.isclass(value):
                for method, function in vars(value).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{name}.{method}", set(inspect.signature(function).parameters)


def test_what_a_workspace_asks_names_its_team() -> None:
    without = {name for name, parameters in queries() if not parameters & CARRIES_THE_TEAM}
    assert without == set(EXCEPTIONS)


def test_the_walk_sees_the_store() -> None:
    names = {name for name, _ in queries()}
    assert {"Records.of_submitter", "Requests.record", "Ledger.settle", "Undos.begin"} <= names
    assert len(names) > 60


def test_a_team_that_is_asked_for_is_looked_for(sqlite_url: str) -> None:
    """The statement of each method that takes a team has it."""
    database = Database(sqlite_url)
    statements: list[str] = []
    event.listen(
        database.engine,
        "before_cursor_execute",
        lambda _connection, _cursor, statement, *_: statements.append(statement),
    )
    records, undos = Records(database), Undos(Jobs(database))
    records.of_submitter("T1", "U1")
    records.by_reference("T1", "PB-1")
    records.request("T1", "PB-1")
    records.to_link("T1", 10)
    undos.just_expired("T1")
    undos.record_removal("T1", "act", UndoClick(ReplyTo(user="U1", asked_at=0.0)))
    DelayNotices(Jobs(database)).plan("T1", 60.0, 10)
    database.close()
    queries = [one for one in statements if one.startswith("SELECT")]
    assert len(queries) == 7
    assert all(re.search(r"\b(request|job)\.team = \?", one) for one in queries)


def test_a_link_resumes_the_requests_of_its_workspace(database: Database) -> None:
    a_request(database, 1, "on_hold", reason=Rejection(Reason.NO_CUSTOMER, requester="U1"))
    links, line = CustomerLinks(database), CustomerLink("T1", "U1", "c_1")
    assert links.link([line], team="T0OTHER") == 0
    assert links.link([line], team=TEAM) == 1
