"""`plain-bridge people`: list, link, import and export which Plain customer a Slack user is."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Annotated, TextIO

import typer
from rich.progress import Progress

from bot.cli import console, services
from bot.cli.console import CommandFailed
from bot.cli.doctor import plain
from bot.core.faults import Fault
from bot.core.identity import is_customer_name
from bot.core.refs import is_team_id
from bot.settings import Settings, SettingsError, load
from bot.store.customer_links import CustomerLink, CustomerLinks

app = typer.Typer(no_args_is_help=True, help="Link Slack users to Plain customers.")

PROGRESS_FROM = 1000
"""Rows above which an import shows its progress."""

MOST_REPLACED = 20
"""Replaced links that an import lists at most."""

Links = Mapping[tuple[str, str], CustomerLink]
"""The links that exist, by team and user."""

User = Annotated[str, typer.Argument(metavar="SLACK_USER", help="The user's id, U…")]
Team = Annotated[
    str | None,
    typer.Option(metavar="T…", help="The user's Slack team (default: the bridge's workspace)."),
]


@app.command("list")
def list_(json: console.Json = False) -> None:
    """List all links."""
    with services.database(load()) as database:
        people = CustomerLinks(database).all()
    if json:
        console.as_json([_as_dict(one) for one in people])
    elif not people:
        console.say(
            "Nobody is linked yet. To link somebody: plain-bridge people link SLACK_USER CUSTOMER"
        )
    else:
        console.table(
            ("Team", "User", "Customer", "E-mail", "Name", "Source"),
            [(p.team, p.slack_user, p.customer, p.email, p.name, p.source) for p in people],
        )


@app.command()
def link(
    slack_user: User,
    customer: Annotated[
        str,
        typer.Argument(metavar="CUSTOMER", help="c_…, an e-mail address or external:ID"),
    ],
    team: Team = None,
    check: Annotated[
        bool | None,
        typer.Option(
            "--check/--no-check",
            help="Link only a customer that Plain has, or don't ask Plain. "
            "By default, link and show what Plain has if PLAIN_API_KEY is set.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Link a Slack user to a Plain customer; requests on hold for them resume."""
    user = checked_user(slack_user)
    if not is_customer_name(customer):
        raise CommandFailed(
            f"{customer} is not a customer: use c_…, an e-mail address or external:ID"
        )
    settings = load()
    remark = _what_plain_knows(settings, customer, check)
    with services.database(settings, create=True) as database:
        where = _checked_team(team) or services.team(settings, database)
        people = CustomerLinks(database)
        old = people.find(user, [where])
        opened = people.link([CustomerLink(team=where, slack_user=user, customer=customer)])
    was = f", was {old.customer}" if old is not None and old.customer != customer else ""
    console.say(f"{user} of {where} is {customer}{was}.{_resumed(opened)}")
    if remark is not None:
        console.say(remark)


def _what_plain_knows(settings: Settings, customer: str, check: bool | None) -> str | None:
    """Return what Plain knows of the customer, as a sentence; None if it was not asked.

    Raise CommandFailed if Plain has no such customer and `check` is on.
    """
    if check is False or (check is None and settings.plain_api_key is None):
        return None
    try:
        found = services.customers(settings, [customer])[customer]
    except (Fault, CommandFailed) as error:
        if check:
            raise
        why = plain.plain_failed("", error).detail if isinstance(error, Fault) else str(error)
        return f"The customer was not looked up in Plain: {why}."
    if found is not None:
        return f"In Plain: {services.described(found)}."
    if check:
        raise CommandFailed(f"not linked: Plain has no customer {customer}")
    return f"Plain has no customer {customer}: requests for this person are refused until it has."


@app.command()
def unlink(slack_user: User, team: Team = None) -> None:
    """Remove a Slack user's link; without --team, in every team."""
    user, team = checked_user(slack_user), _checked_team(team)
    with services.database(load()) as database:
        count = CustomerLinks(database).unlink(user, team)
    if count == 0:
        raise CommandFailed(f"{user} is not linked{f' in {team}' if team else ''}")
    console.say(f"{user} is no longer linked.")


@app.command("import")
def import_(
    file: Annotated[
        typer.FileBinaryRead,
        typer.Argument(metavar="FILE", help="CSV as `people export` writes it; - for stdin."),
    ],
    team: Team = None,
    check: Annotated[
        bool,
        typer.Option("--check", help="Import only if Plain has every new customer."),
    ] = False,
    json: console.Json = False,
) -> None:
    """Link many people from a CSV file, all or none.

    The columns `user` and `customer` are required; `team`, `email` and `name` are optional.
    """
    found = read_sheet(file.read())
    team = _checked_team(team)
    if found.mistakes:
        home = team or (_workspace() if found.may_have_duplicates else None)
        raise _nothing_imported(found.mistakes + (found.duplicates(home) if home else []))
    settings = load()
    with services.database(settings, create=True) as database:
        if team is None and any(where is None for where, _ in found.people):
            team = services.team(settings, database)
        if team is not None and (duplicates := found.duplicates(team)):
            raise _nothing_imported(duplicates)
        people = CustomerLinks(database)
        existing = {(one.team, one.slack_user): one for one in people.all()}
        fresh = _new_links(
            existing, [replace(one, team=at or team or "") for at, one in found.people]
        )
        if check:
            _check_customers(settings, found, {(one.team, one.slack_user) for one in fresh}, team)
        opened = people.link(_with_progress(fresh)) if fresh else 0
    _report_import(fresh, existing, len(found.people) - len(fresh), opened, json=json)


def _nothing_imported(mistakes: list[str]) -> CommandFailed:
    listed = "\n".join(_by_line(mistakes))
    count = f"{len(mistakes)} mistake{'s' if len(mistakes) > 1 else ''}"
    return CommandFailed(f"nothing was imported because of {count}:\n{listed}")


def _workspace() -> str | None:
    """Return the workspace's team id; None if it cannot be found out."""
    try:
        settings = load()
        with services.database(settings) as database:
            return services.team(settings, database)
    except (CommandFailed, SettingsError):
        return None


def _check_customers(
    settings: Settings, found: Sheet, fresh: set[tuple[str, str]], team: str | None
) -> None:
    """Raise CommandFailed with every line whose customer Plain does not have."""
    lines = [
        (number, one.customer)
        for number, (where, one) in zip(found.lines, found.people, strict=True)
        if (where or team, one.slack_user) in fresh
    ]
    customers = services.customers(settings, (name for _, name in lines))
    if unknown := [(number, name) for number, name in lines if customers[name] is None]:
        raise _nothing_imported(
            [f"line {number}: Plain has no customer {name}" for number, name in unknown]
        )


def _report_import(
    fresh: list[CustomerLink], existing: Links, unchanged: int, opened: int, *, json: bool
) -> None:
    replaced = [
        (one, old)
        for one in fresh
        if (old := existing.get((one.team, one.slack_user))) and old.customer != one.customer
    ]
    if json:
        changes = [
            {"team": one.team, "user": one.slack_user, "old": old.customer, "new": one.customer}
            for one, old in replaced
        ]
        console.as_json(
            {
                "imported": len(fresh),
                "unchanged": unchanged,
                "opened": opened,
                "replaced": changes,
            }
        )
        return
    rest = f", {unchanged} unchanged" if unchanged else ""
    console.say(f"{len(fresh)} imported{rest}.{_resumed(opened)}")
    for one, old in replaced[:MOST_REPLACED]:
        console.say(f"{one.slack_user} of {one.team} is {one.customer}, was {old.customer}.")
    if len(replaced) > MOST_REPLACED:
        console.say(f"… and {len(replaced) - MOST_REPLACED} more were linked to another customer.")


@app.command()
def export() -> None:
    """Write all links as CSV to standard output."""
    with services.database(load()) as database:
        write_sheet(CustomerLinks(database).all(), sys.stdout)


def _new_links(existing: Links, people: list[CustomerLink]) -> list[CustomerLink]:
    """Return the links that change something: an unchanged line keeps its source."""
    return [
        one
        for one in people
        if (old := existing.get((one.team, one.slack_user))) is None
        or replace(old, source=one.source) != one
    ]


def _with_progress(people: list[CustomerLink]) -> Iterator[CustomerLink]:
    """Yield the links; show a progress bar on a terminal's standard error if they are many."""
    if len(people) <= PROGRESS_FROM:
        yield from people
        return
    errors = console.errors()
    with Progress(console=errors, transient=True, disable=not errors.is_terminal) as progress:
        yield from progress.track(people, description="Importing")


def _resumed(opened: int) -> str:
    if opened == 0:
        return ""
    return f" {opened} pending {'request' if opened == 1 else 'requests'} resumed."


def checked_user(text: str) -> str:
    """Return the Slack user's id that was typed. Raise CommandFailed for anything else."""
    found = user_id(text)
    if found is None:
        raise CommandFailed(
            f"{text} is not a Slack user id, which begins with U or W "
            "(in Slack: the person's profile, …, Copy member ID)"
        )
    return found


def _checked_team(text: str | None) -> str | None:
    if text is not None and not is_team_id(text):
        raise CommandFailed(f"{text} is not a Slack team id, which begins with T or E")
    return text


def _as_dict(one: CustomerLink) -> dict[str, object]:
    fields = asdict(one)
    return {"team": fields.pop("team"), "user": fields.pop("slack_user"), **fields}


COLUMNS = ("team", "user", "customer", "email", "name", "source")
NEEDED = ("user", "customer")

_USER = re.compile(r"[UW][A-Z0-9]+")
_LINE = re.compile(r"line (\d+):")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""The beginnings of cells that a spreadsheet computes; anybody may choose such a name in Slack.
https://owasp.org/www-community/attacks/CSV_Injection"""


@dataclass(slots=True)
class Sheet:
    """The content of a CSV file; a link's team is None if its line has none.

    `mistakes`: sentences, each with its line number; with any, `people` is not to be used.
    `lines`: the line number of each link.
    """

    people: list[tuple[str | None, CustomerLink]] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def duplicates(self, team: str) -> list[str]:
        """Return a mistake for each user who is there both with `team` and without any team.

        `team`: the one that lines without a team mean.
        """
        found: list[str] = []
        seen: dict[str, tuple[int, str | None]] = {}
        for number, (where, one) in zip(self.lines, self.people, strict=True):
            if where not in (None, team) or not one.slack_user:
                continue
            line, other = seen.setdefault(one.slack_user, (number, where))
            if other != where:
                has = "with" if other else "without"
                found.append(
                    f"line {number}: {one.slack_user} is already in line {line}, "
                    f"{has} the team {team}, which is the same"
                )
        return found

    @property
    def may_have_duplicates(self) -> bool:
        """Return True if a user is there both with a team and without one."""
        without = {one.slack_user for where, one in self.people if where is None}
        return any(where is not None and one.slack_user in without for where, one in self.people)


def write_sheet(people: Iterable[CustomerLink], to: TextIO) -> None:
    """Write the links as CSV with a header."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in people:
        cells = (one.team, one.slack_user, one.customer, one.email, one.name, one.source)
        writer.writerow([_guarded(cell or "") for cell in cells])


def read_sheet(content: bytes) -> Sheet:
    """Read CSV with at least the columns `user` and `customer`.

    Separators are commas, semicolons or tabs; the header is line 1.
    """
    sheet = Sheet()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        sheet.mistakes.append("the file is not UTF-8: save it as CSV UTF-8")
        return sheet
    rows = _csv_rows(text, sheet.mistakes)
    header = next(rows, (1, []))[1]
    columns = [name.strip().lower() for name in header]
    sheet.mistakes.extend(_header_mistakes(columns))
    if any(name in columns for name in NEEDED):  # else the first line is no header at all
        _read_links(columns, rows, sheet)
    return sheet


def _by_line(mistakes: Iterable[str]) -> list[str]:
    """Return the sentences sorted by their line number."""
    return sorted(mistakes, key=lambda one: int(found[1]) if (found := _LINE.match(one)) else 0)


def user_id(text: str) -> str | None:
    """Return the Slack user id in `text` (an id, or a mention as Slack copies it), or None."""
    mention = _MENTION.fullmatch(text)
    found = mention[1] if mention else text
    return found if _USER.fullmatch(found) else None


def _csv_rows(text: str, mistakes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not blank, each with the number of its first line."""
    first = text.partition("\n")[0]
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True
    )
    number = 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield number, row
            number = reader.line_num + 1
    except csv.Error as error:
        mistakes.append(f"line {number}: not valid CSV from here on ({error})")


def _header_mistakes(columns: list[str]) -> Iterator[str]:
    if missing := [name for name in NEEDED if name not in columns]:
        names = " and ".join(f"`{name}`" for name in missing)
        yield f"line 1: the header has no {names}; columns are {', '.join(COLUMNS)}"
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            yield f"line 1: unknown column `{name}`; columns are {', '.join(COLUMNS)}"
        elif columns.count(name) > 1:
            yield f"line 1: the column `{name}` appears {columns.count(name)} times"


def _read_links(columns: list[str], rows: Iterable[tuple[int, list[str]]], sheet: Sheet) -> None:
    seen: dict[tuple[str, str], int] = {}
    for number, row in rows:
        cells = dict(zip(columns, (_unguarded(cell.strip()) for cell in row), strict=False))
        problems = list(_row_mistakes(columns, row, cells))
        who = (cells.get("team", ""), user_id(cells.get("user", "")) or "")
        if who[1] and who in seen:
            problems.append(f"{who[1]} is already in line {seen[who]}")
        seen.setdefault(who, number)
        sheet.mistakes.extend(f"line {number}: {problem}" for problem in problems)
        sheet.people.append((who[0] or None, _link_of(who, cells)))
        sheet.lines.append(number)


def _row_mistakes(columns: list[str], row: list[str], cells: dict[str, str]) -> Iterator[str]:
    if len(row) > len(columns):
        yield f"{len(row)} cells for {len(columns)} columns"
        return
    if any("\0" in cell for cell in row):
        yield "contains a NUL character, which cannot be stored"
        return
    if "user" in columns and user_id(user := cells.get("user", "")) is None:
        yield (
            f"`user` {_shortened(user)} is not a Slack user id (U…)" if user else "`user` is empty"
        )
    if "customer" in columns and not is_customer_name(customer := cells.get("customer", "")):
        what = "is not a customer (c_…, an e-mail address or external:ID)"
        yield f"`customer` {_shortened(customer)} {what}" if customer else "`customer` is empty"
    if (team := cells.get("team")) and not is_team_id(team):
        yield f"`team` {_shortened(team)} is not a Slack team id (T…)"
    if (email := cells.get("email")) and not _EMAIL.fullmatch(email):
        yield f"`email` {_shortened(email)} is not an e-mail address"


def _link_of(who: tuple[str, str], cells: dict[str, str]) -> CustomerLink:
    return CustomerLink(
        team=who[0],
        slack_user=who[1],
        customer=cells.get("customer", ""),
        email=cells.get("email") or None,
        name=cells.get("name") or None,
        source="import",
    )


def _shortened(cell: str) -> str:
    return f'"{cell if len(cell) <= 40 else cell[:40] + "…"}"'


def _guarded(cell: str) -> str:
    cell = cell.replace("\r", " ")  # not every Python's csv quotes it
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
