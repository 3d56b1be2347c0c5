"""The lookup table as CSV: written for spreadsheets, read with all mistakes at once."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TextIO

from bot.core.identity import is_customer_name
from bot.store.customer_links import CustomerLink

COLUMNS = ("team", "user", "customer", "email", "name", "source")
NEEDED = ("user", "customer")

_USER = re.compile(r"[UW][A-Z0-9]+")
_TEAM = re.compile(r"[TE][A-Z0-9]+")
_LINE = re.compile(r"line (\d+):")
_MENTION = re.compile(r"<@([UW][A-Z0-9]+)(?:\|[^>]*)?>")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
"""How a cell begins that a spreadsheet might compute; a name in Slack is anyone's to choose.
https://owasp.org/www-community/attacks/CSV_Injection"""


@dataclass(slots=True)
class Sheet:
    """What was read. `team` of a person is None where the line names none.

    `mistakes`: sentences, each with its line's number; the people are worth nothing then.
    `lines`: the number of each person's line.
    """

    people: list[tuple[str | None, CustomerLink]] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def doubles(self, team: str) -> list[str]:
        """Return the mistakes of which only the team of the lines without one shows that they
        are some: a user once with that team and once without any."""
        found: list[str] = []
        seen: dict[str, tuple[int, str | None]] = {}
        for number, (where, one) in zip(self.lines, self.people, strict=True):
            if where not in (None, team) or not one.slack_user:
                continue
            line, other = seen.setdefault(one.slack_user, (number, where))
            if other != where:
                has = "with" if other else "without"
                found.append(
                    f"line {number}: {one.slack_user} stands in line {line} already, "
                    f"{has} the team {team}, which is the same"
                )
        return found

    @property
    def may_have_doubles(self) -> bool:
        """Return whether a user is there both with a team and without one."""
        without = {one.slack_user for where, one in self.people if where is None}
        return any(where is not None and one.slack_user in without for where, one in self.people)


def write(people: Iterable[CustomerLink], to: TextIO) -> None:
    """Write the lines as CSV, with a header."""
    writer = csv.writer(to, lineterminator="\n")
    writer.writerow(COLUMNS)
    for one in people:
        cells = (one.team, one.slack_user, one.customer, one.email, one.name, one.source)
        writer.writerow([_guarded(cell or "") for cell in cells])


def read(content: bytes) -> Sheet:
    """Read CSV with at least the columns `user` and `customer`, as `write` makes it.

    Commas, semicolons or tabs; lines are numbered from 1, the header's.
    """
    sheet = Sheet()
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        sheet.mistakes.append("the file is not UTF-8: save it as CSV UTF-8")
        return sheet
    rows = _rows(text, sheet.mistakes)
    header = next(rows, (1, []))[1]
    columns = [name.strip().lower() for name in header]
    sheet.mistakes.extend(_of_header(columns))
    if any(name in columns for name in NEEDED):  # else the first line is no header at all
        _read_people(columns, rows, sheet)
    return sheet


def in_order(mistakes: Iterable[str]) -> list[str]:
    """Return the sentences by the number of their line."""
    return sorted(mistakes, key=lambda one: int(found[1]) if (found := _LINE.match(one)) else 0)


def user_id(text: str) -> str | None:
    """The Slack user's id in `text`: the id itself, or a mention as Slack copies it."""
    mention = _MENTION.fullmatch(text)
    found = mention[1] if mention else text
    return found if _USER.fullmatch(found) else None


def is_team_id(text: str) -> bool:
    """Whether `text` is a Slack team's or organisation's id."""
    return _TEAM.fullmatch(text) is not None


def _rows(text: str, mistakes: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The rows that hold something, each with the number of its first line."""
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
        mistakes.append(f"line {number}: is no CSV from here on ({error})")


def _of_header(columns: list[str]) -> Iterator[str]:
    if missing := [name for name in NEEDED if name not in columns]:
        names = " and ".join(f"`{name}`" for name in missing)
        yield f"line 1: the header has no {names}; columns are {', '.join(COLUMNS)}"
    for name in dict.fromkeys(columns):
        if name not in COLUMNS:
            yield f"line 1: unknown column `{name}`; columns are {', '.join(COLUMNS)}"
        elif columns.count(name) > 1:
            yield f"line 1: the column `{name}` is there {columns.count(name)} times"


def _read_people(columns: list[str], rows: Iterable[tuple[int, list[str]]], sheet: Sheet) -> None:
    seen: dict[tuple[str, str], int] = {}
    for number, row in rows:
        cells = dict(zip(columns, (_unguarded(cell.strip()) for cell in row), strict=False))
        problems = list(_of_row(columns, row, cells))
        who = (cells.get("team", ""), user_id(cells.get("user", "")) or "")
        if who[1] and who in seen:
            problems.append(f"{who[1]} stands in line {seen[who]} already")
        seen.setdefault(who, number)
        sheet.mistakes.extend(f"line {number}: {problem}" for problem in problems)
        sheet.people.append((who[0] or None, _person(who, cells)))
        sheet.lines.append(number)


def _of_row(columns: list[str], row: list[str], cells: dict[str, str]) -> Iterator[str]:
    if len(row) > len(columns):
        yield f"{len(row)} cells for {len(columns)} columns"
        return
    if any("\0" in cell for cell in row):
        yield "holds a character that no database takes (NUL)"
        return
    if "user" in columns and user_id(user := cells.get("user", "")) is None:
        yield f"`user` {_shown(user)} is no Slack user id (U…)" if user else "`user` is empty"
    if "customer" in columns and not is_customer_name(customer := cells.get("customer", "")):
        what = "names no customer (c_…, an e-mail address or external:ID)"
        yield f"`customer` {_shown(customer)} {what}" if customer else "`customer` is empty"
    if (team := cells.get("team")) and not is_team_id(team):
        yield f"`team` {_shown(team)} is no Slack team id (T…)"
    if (email := cells.get("email")) and not _EMAIL.fullmatch(email):
        yield f"`email` {_shown(email)} is no e-mail address"


def _person(who: tuple[str, str], cells: dict[str, str]) -> CustomerLink:
    return CustomerLink(
        team=who[0],
        slack_user=who[1],
        customer=cells.get("customer", ""),
        email=cells.get("email") or None,
        name=cells.get("name") or None,
        source="import",
    )


def _shown(cell: str) -> str:
    return f'"{cell if len(cell) <= 40 else cell[:40] + "…"}"'


def _guarded(cell: str) -> str:
    cell = cell.replace("\r", " ")  # which not every Python's csv puts in quotes
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _unguarded(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and cell[1:].startswith(_FORMULA) else cell
