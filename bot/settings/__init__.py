"""Load the settings from the environment, `.env` and `plain-bridge.toml`; report all mistakes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from pydantic import BaseModel, ValidationError

from bot import proxies
from bot.core import routing
from bot.core.model import Rule
from bot.settings import document, environment, words
from bot.settings.document import Document
from bot.settings.environment import SOURCES, Environment, Variables
from bot.settings.tables import (
    EscalationTable,
    IdentityTable,
    PlainTable,
    PrivacyTable,
    RuleTable,
    SlackTable,
    Tables,
)
from bot.settings.words import Located, SettingsError

__all__ = ["DEFAULT_RULES", "Settings", "SettingsError", "load"]

DEFAULT_FILE = "plain-bridge.toml"
DEFAULT_RULES = (Rule(emoji=("ticket",)),)
"""The rules that apply if no file has any."""

SETUP = (
    "`plain-bridge setup` asks for what is missing and writes it into .env; "
    "or set it in the environment or in .env."
)


class Settings(Variables):
    """All settings. Secrets are `SecretStr`: no repr, log or traceback shows them."""

    rules: tuple[Rule, ...] = DEFAULT_RULES
    rule_lines: tuple[Mapping[str, int], ...] = ()
    """For each rule of the file the line of each of its keys."""
    escalation: EscalationTable = EscalationTable()
    identity: IdentityTable = IdentityTable()
    plain: PlainTable = PlainTable()
    slack: SlackTable = SlackTable()
    privacy: PrivacyTable = PrivacyTable()

    def missing(self, *names: str) -> tuple[str, ...]:
        """Return the variables that are not set, each with where to get it, in words.

        `slack_signing_secret` is not missed where `slack_app_token` is set: Socket Mode
        needs none.
        """
        return _missing(self, names)

    def need(self, *names: str) -> None:
        """Raise SettingsError that names every one of these variables that is missing."""
        if missing := self.missing(*names):
            raise SettingsError(missing, SETUP)


def _missing(variables: Variables, names: Sequence[str]) -> tuple[str, ...]:
    absent = [name for name in names if getattr(variables, name) is None]
    if variables.slack_app_token is not None:
        absent = [name for name in absent if name != "slack_signing_secret"]
    return tuple(_not_set(name) for name in absent)


def _not_set(name: str) -> str:
    if name != "slack_signing_secret":
        return f"{name.upper()} is not set: {SOURCES[name]}"
    # Socket Mode is the default, so it is its token that is missing.
    return (
        f"SLACK_APP_TOKEN is not set: {SOURCES['slack_app_token']}; or set SLACK_SIGNING_SECRET, "
        "if Slack shall call the bridge over HTTP"
    )


def load(
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
    needs: Sequence[str] = (),
) -> Settings:
    """Read `environ` (the process's), and `.env` and the TOML file in `folder` (the working one).

    SettingsError names every mistake, and which of the variables in `needs` are missing. A
    relative path of a SQLite file stays relative to the working directory.
    """
    environ = os.environ if environ is None else environ
    folder = folder or Path()
    problems: list[str] = list(_oauth(environ))
    variables = _variables(environ, folder / ".env", problems)
    problems.extend(_proxies(environ, variables))
    read = _document(environ, folder, problems)
    tables = _tables(read, problems) if read else None
    missing = _missing(variables, needs) if variables is not None else ()
    if problems or missing or variables is None or tables is None:
        raise SettingsError([*problems, *missing], SETUP if missing else None)
    rules = DEFAULT_RULES if tables.rule is None else tuple(table.rule() for table in tables.rule)
    lines = _rule_lines(read, len(rules)) if read and tables.rule else ()
    return Settings(
        **{name: getattr(variables, name) for name in Variables.model_fields},
        rules=rules,
        rule_lines=lines,
        escalation=tables.escalation,
        identity=tables.identity,
        plain=tables.plain,
        slack=tables.slack,
        privacy=tables.privacy,
    )


def _rule_lines(read: Document, count: int) -> tuple[Mapping[str, int], ...]:
    return tuple(
        {str(place[2]): line for place, line in read.places.items() if _is_key_of(place, number)}
        for number in range(count)
    )


def _is_key_of(place: document.Place, number: int) -> bool:
    return len(place) == 3 and place[:2] == ("rule", number)


def _oauth(environ: Mapping[str, str]) -> Iterator[str]:
    # Bolt reads these two by itself and cannot be told not to: it would serve an installation
    # page and keep tokens in files. https://docs.slack.dev/tools/bolt-python/concepts/authenticating-oauth
    if "SLACK_CLIENT_ID" in environ and "SLACK_CLIENT_SECRET" in environ:
        yield (
            "environment: SLACK_CLIENT_ID and SLACK_CLIENT_SECRET switch Slack's library to OAuth "
            "for many workspaces; unset them, the bridge uses SLACK_BOT_TOKEN alone"
        )


def _proxies(environ: Mapping[str, str], variables: Environment | None) -> Iterator[str]:
    """Yield what is wrong with the variables that name proxies."""
    fields = Variables.model_fields
    urls = [
        getattr(variables, name) if variables else str(fields[name].default)
        for name in ("slack_api_url", "plain_api_url")
    ]
    for mistake in proxies.mistakes(urls, environ):
        yield f"environment: {mistake}"


def _variables(environ: Mapping[str, str], dotenv: Path, problems: list[str]) -> Environment | None:
    try:
        return environment.read(Environment, environ, dotenv)
    except ValidationError as errors:
        for error in errors.errors(include_url=False):
            name = str(error["loc"][0])
            given = environment.cleaned(environ.get(name.upper(), ""))
            origin = "environment" if given else ".env"
            secret = name in environment.SECRETS
            problems.append(words.of_variable(origin, error, secret=secret))
    except (OSError, UnicodeDecodeError) as error:
        problems.append(f".env: {environment.unreadable(error)}")
    return None


def _document(environ: Mapping[str, str], folder: Path, problems: list[str]) -> Document | None:
    """Return the TOML file; an empty one if it was not named and is not there."""
    try:
        asked = environment.read(environment.ConfigFile, environ, folder / ".env")
    except (OSError, UnicodeDecodeError):
        return Document(DEFAULT_FILE)  # `_variables` said so already
    name = asked.plain_bridge_config or DEFAULT_FILE
    path = folder / name
    is_there = path.exists() or path.is_symlink()  # a link that leads nowhere is a mistake
    if asked.plain_bridge_config is None and not is_there:
        return Document(name)
    try:
        return document.read(path, name)
    except document.Unreadable as error:
        problems.append(words.of_file(name, error))
        return None


def _tables(read: Document, problems: list[str]) -> Tables | None:
    found = list(_contradictions(read))
    tables: Tables | None = None
    try:
        tables = Tables.model_validate(read.data)
    except ValidationError as errors:
        found.extend(_findings(read, errors))
        found.extend(_in_misnamed(read))
    problems.extend(text for _, text in sorted(found))
    return tables


def _findings(read: Document, errors: ValidationError) -> Iterator[Located]:
    for error in errors.errors(include_url=False):
        yield words.of_table(read, error, _known_keys(error["loc"]))


def _in_misnamed(read: Document) -> Iterator[Located]:
    """Return the mistakes in tables whose name is a mistake: `[rule]`, `[[rules]]`, `[privcy]`."""
    for name, meant in _misnamed(read).items():
        value = read.data[name]
        model = RuleTable if meant == "rule" else _model(meant)
        places = _tables_of(name, value)
        for place, table in places:
            try:
                model.model_validate(table)
            except ValidationError as errors:
                for error in errors.errors(include_url=False):
                    placed = error | {"loc": (*place, *error["loc"])}
                    yield words.of_table(read, placed, list(model.model_fields))


def _misnamed(read: Document) -> dict[str, str]:
    """Return unknown tables and those of the wrong kind, each with what was meant."""
    found = {
        name: close[0]
        for name, value in read.data.items()
        if isinstance(value, dict | list)
        and name not in Tables.model_fields
        and (close := get_close_matches(name, Tables.model_fields, n=1))
    }
    return found | ({"rule": "rule"} if isinstance(read.data.get("rule"), dict) else {})


def _tables_of(name: str, value: object) -> list[tuple[document.Place, object]]:
    """Return the table, or those of the array, each with its place."""
    if isinstance(value, list):
        return [((name, number), one) for number, one in enumerate(value)]
    return [((name,), value)]


def _model(name: str) -> type[BaseModel]:
    return type(getattr(Tables(), name))


def _known_keys(place: document.Place) -> list[str]:
    model: type[BaseModel] = Tables
    if len(place) > 1:
        model = RuleTable if place[0] == "rule" else _model(str(place[0]))
    return list(model.model_fields)


def _contradictions(read: Document) -> Iterator[Located]:
    """Return mistakes across values: dead rules, and keys that need or exclude each other."""
    yield from _dead_rules(read)
    identity = read.data.get("identity")
    if not isinstance(identity, dict):
        return
    yield from _trusted_twice(read, identity)
    without_email = identity.get("without_email", "refuse")
    if without_email == "fallback" and "fallback_customer" not in identity:
        place = ("identity", "without_email")
        yield words.at(read, place, '`without_email` = "fallback" needs `fallback_customer`')
    if without_email in ("refuse", "synthetic") and "fallback_customer" in identity:
        place = ("identity", "fallback_customer")
        text = '`fallback_customer` does nothing without `without_email` = "fallback"'
        yield words.at(read, place, text)


def _trusted_twice(read: Document, identity: Mapping[str, object]) -> Iterator[Located]:
    teams, domains = identity.get("trusted_teams"), identity.get("trusted_domains")
    if not isinstance(teams, list) or not isinstance(domains, dict):
        return
    for team in domains:
        if team in teams:
            text = (
                f"the domains of {team} in `trusted_domains` do nothing: `trusted_teams` trusts "
                "every address that this team states"
            )
            yield words.at(read, ("identity", "trusted_domains", team), text)


def _dead_rules(read: Document) -> Iterator[Located]:
    numbered = list(enumerate(_rule_tables(read), 1))
    found = [
        (number, place, reach)
        for number, (place, table) in numbered
        if (reach := _reach(table)) is not None
    ]
    for death in routing.unreachable([reach for _, _, reach in found]):
        takers = " and ".join(
            f"rule {found[i][0]} (line {read.line(found[i][1])})" for i in death.because
        )
        number, place, _ = found[death.index]
        takes = "takes" if len(death.because) == 1 else "take"
        text = f"rule {number} can never apply: {takers} {takes} all that it would"
        yield words.at(read, place, text)


def _rule_tables(read: Document) -> list[tuple[document.Place, object]]:
    """Return the rules in the order of the file, including those in misnamed tables."""
    names = [name for name, meant in _misnamed(read).items() if meant == "rule"]
    found = [
        one
        for name in dict.fromkeys(["rule", *names])
        if name in read.data
        for one in _tables_of(name, read.data[name])
    ]
    return sorted(found, key=lambda one: read.line(one[0]) or 0)


def _reach(table: object) -> Rule | None:
    """Return the emoji and channels that a rule names, whatever else is wrong in it.

    None if these are wrong themselves, or if `channels` may be misspelled.
    """
    if not isinstance(table, dict):
        return None
    unknown = [name for name in table if name not in RuleTable.model_fields]
    if "channels" not in table and any(_may_mean_channels(name) for name in unknown):
        return None
    where = {name: table[name] for name in ("emoji", "channels") if name in table}
    try:
        return RuleTable.model_validate(where).rule()
    except ValidationError:
        return None


def _may_mean_channels(name: str) -> bool:
    close = get_close_matches(name, RuleTable.model_fields, n=1)
    return not close or close[0] == "channels"
