"""Run the steps of `setup` in order; each keeps what it found good before the next one begins."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from bot.cli import console, doctor, services
from bot.cli.console import CommandFailed
from bot.cli.doctor import plain, slack
from bot.cli.doctor.check import Check
from bot.cli.doctor.plain import OPTIONAL, Feature
from bot.cli.services import UnusablePlain
from bot.cli.setup import files, questions, variables
from bot.cli.setup.files import FirstRule
from bot.cli.setup.questions import Asker
from bot.cli.setup.variables import Values
from bot.core.faults import Fault
from bot.core.model import LabelType
from bot.settings import Settings, SettingsError, load

Connection = Literal["socket", "http"]
CheckSecret = Callable[[str], list[Check]]


@dataclass(frozen=True)
class Options:
    """The command's options; None for what the wizard has to ask."""

    connection: Connection | None = None
    public_url: str | None = None
    emoji: str | None = None
    labels: tuple[str, ...] | None = None
    channels: tuple[str, ...] | None = None
    without: frozenset[Feature] | None = None
    overwrite: bool = False


@dataclass
class Setup:
    """One run of the wizard in `folder`; `config`: the name of the TOML file."""

    folder: Path
    config: str
    options: Options
    values: Values
    ask: Asker
    features: frozenset[Feature] = frozenset(OPTIONAL)
    label_types: Sequence[LabelType] = field(default_factory=tuple)

    def go(self) -> None:
        """Run all steps. Raise CommandFailed if one fails; the next run continues there."""
        if not self.ask.attended:
            self._need_all()
        self.values.keep_urls()
        connection = self._slack_app()
        self._bot_token()
        if connection == "socket":
            self._app_token()
        else:
            self._signing_secret()
        self._plain_key()
        self._rules()
        self._load()
        console.say("")
        for line in questions.done(connection, self.options.public_url):
            console.say(line)

    def _need_all(self) -> None:
        """Raise CommandFailed that names every missing secret, if nobody can be asked."""
        connection = self.options.connection or self._found_connection() or "socket"
        door = "SLACK_APP_TOKEN" if connection == "socket" else "SLACK_SIGNING_SECRET"
        names = ("SLACK_BOT_TOKEN", door, "PLAIN_API_KEY")
        if missing := [name for name in names if self.values.known(name)[0] is None]:
            raise CommandFailed(questions.not_given(missing))

    # Steps

    def _slack_app(self) -> Connection:
        _announce(1, "The Slack app")
        connection = self.options.connection or self._asked_connection()
        if self.values.known("SLACK_BOT_TOKEN")[0] is None:
            self._offer_app(self._public_url() if connection == "http" else None)
        else:
            console.say(questions.APP_IS_THERE)
        return connection

    def _offer_app(self, url: str | None) -> None:
        """Write the page with the link, and say what to do with it."""
        link = None
        try:
            (self.folder / questions.APP_PAGE).write_text(files.app_page(url), encoding="utf-8")
        except OSError:
            link = files.app_link(url)
        for line in questions.create_app(files.manifest_path(), link):
            console.say(line)

    def _found_connection(self) -> Connection | None:
        """Return the connection that the known secrets mean; Socket Mode if both are known."""
        if self.values.known("SLACK_APP_TOKEN")[0] is not None:
            return "socket"
        return "http" if self.values.known("SLACK_SIGNING_SECRET")[0] is not None else None

    def _asked_connection(self) -> Connection:
        found = self._found_connection()
        if found is not None:
            name = "SLACK_APP_TOKEN" if found == "socket" else "SLACK_SIGNING_SECRET"
            console.say(questions.connected(found, name))
            return found
        while True:
            answer = self.ask.line(questions.CONNECTION, "socket", "--connection").lower()
            if answer in ("socket", "http"):
                return "socket" if answer == "socket" else "http"
            console.say(questions.NO_CONNECTION)

    def _public_url(self) -> str | None:
        while True:
            given = self.options.public_url or self.ask.line(
                questions.PUBLIC_URL, "", "--public-url"
            )
            url = files.public_url(given) if given else None
            if url is not None or not given:
                return url
            if not self.ask.attended or self.options.public_url:
                raise CommandFailed(questions.no_public_url(given))
            console.say(questions.no_public_url(given))

    def _bot_token(self) -> None:
        _announce(2, "The bot token")
        self._secret(
            "SLACK_BOT_TOKEN",
            lambda text: check_bot_token(self.values.settings(slack_bot_token=text)),
        )

    def _app_token(self) -> None:
        _announce(3, "The Socket Mode token")
        bot = self.values.known("SLACK_BOT_TOKEN")[0] or ""
        self._secret(
            "SLACK_APP_TOKEN",
            lambda text: check_app_token(
                self.values.settings(slack_bot_token=bot, slack_app_token=text)
            ),
        )

    def _signing_secret(self) -> None:
        _announce(3, "The signing secret")

        def look(text: str) -> list[Check]:
            return [check_signing_secret(variables.suspicion(text))]

        self._secret("SLACK_SIGNING_SECRET", look)
        if self.values.environ.get("SLACK_APP_TOKEN"):
            raise CommandFailed(questions.UNSET_SOCKET_MODE)
        if self.values.dotenv.get("SLACK_APP_TOKEN"):
            self.values.dotenv.take_out("SLACK_APP_TOKEN")
            console.say(questions.SOCKET_MODE_TAKEN_OUT)

    def _plain_key(self) -> None:
        _announce(4, "The Plain key")
        self.features = frozenset(OPTIONAL) - self._left_out()
        needed = plain.needed(self.features)
        if self.values.known("PLAIN_API_KEY")[0] is None:
            for line in questions.create_key(needed):
                console.say(line)

        def look(text: str) -> list[Check]:
            found = check_plain_key(self.values.settings(plain_api_key=text), self.features)
            self.label_types = found.label_types
            return list(found.checks)

        self._secret("PLAIN_API_KEY", look)

    def _left_out(self) -> frozenset[Feature]:
        if self.options.without is not None:
            return self.options.without
        lacking = self._lacking()
        if lacking is not None and not lacking:
            return frozenset()  # the known key may do everything
        question = questions.WITHOUT_LACKING if lacking else questions.WITHOUT
        while True:
            answer = _listed(self.ask.line(question, ", ".join(lacking or ()), "--without"))
            if answer == [questions.NONE]:
                return frozenset()
            if unknown := [one for one in answer if one not in OPTIONAL]:
                console.say(questions.no_feature(unknown, OPTIONAL))
                continue
            return frozenset(Feature(one) for one in answer)

    def _lacking(self) -> list[Feature] | None:
        """Return the features the known key lacks permissions for; None without a valid key."""
        key = self.values.known("PLAIN_API_KEY")[0]
        if key is None or variables.mistake("PLAIN_API_KEY", key) is not None:
            return None
        granted = granted_permissions(self.values.settings(plain_api_key=key))
        if granted is None:
            return None
        return [one for one in OPTIONAL if not plain.MORE[one].keys() <= granted]

    def _rules(self) -> None:
        _announce(5, "The first rule")
        path = self.folder / self.config
        if path.exists() and not self.options.overwrite:
            over = self.ask.attended and self.ask.yes(
                questions.overwrite(self.config), default=False
            )
            if not over:
                console.say(questions.left_as_it_is(self.config))
                return
        rule = self._first_rule()
        whole = files.toml(rule, additions=Feature.ADDITIONS in self.features)
        try:
            path.write_text(whole, encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{self.config} cannot be written: {error.strerror}") from None
        console.say(questions.wrote(self.config, rule))

    def _first_rule(self) -> FirstRule:
        rule = self._asked_emoji()
        rule = self._asked_channels(rule)
        return replace(files.checked(rule), labels=self._labels())

    def _asked_emoji(self) -> FirstRule:
        given = self.options.emoji
        while True:
            emoji = given or self.ask.line(questions.EMOJI, "ticket", "--emoji")
            rule = FirstRule(emoji.strip().strip(":"))
            wrong = files.mistake(rule)
            if wrong is None:
                return rule
            self._refuse(wrong)
            given = None

    def _asked_channels(self, rule: FirstRule) -> FirstRule:
        given = self.options.channels
        while True:
            channels = self._asked_list(given, questions.CHANNELS, "--channel")
            rule = replace(rule, channels=channels)
            wrong = files.mistake(rule)
            if wrong is None:
                return rule
            self._refuse(wrong)
            given = None

    def _labels(self) -> list[LabelType]:
        if not self.label_types and not self.options.labels:
            console.say(questions.NO_LABELS)
            return []
        if self.options.labels is None:
            for line in questions.label_list(self.label_types):
                console.say(line)
        while True:
            wanted = self._asked_list(self.options.labels, questions.LABELS, "--label")
            chosen, wrong = _chosen(wanted, self.label_types)
            if not wrong:
                return chosen
            if not self.ask.attended or self.options.labels is not None:
                raise CommandFailed(questions.no_label(wrong))
            console.say(questions.no_label(wrong))

    def _asked_list(
        self, given: tuple[str, ...] | None, question: str, option: str
    ) -> tuple[str, ...]:
        return given if given is not None else tuple(_listed(self.ask.line(question, "", option)))

    def _load(self) -> None:
        """Load everything as the bridge will. Raise CommandFailed if it is not accepted."""
        try:
            load(self.values.environ, self.folder)
        except SettingsError as error:
            raise CommandFailed(f"{error}\n{questions.FIX_AND_RUN_AGAIN}") from None

    # A secret

    def _secret(self, name: str, check_secret: CheckSecret) -> None:
        """Find or ask for a secret, check it, and keep it once it is valid.

        A secret that the service accepts is kept even if, say, a scope is still missing.
        """
        value, origin = self.values.known(name)
        if value is not None:
            console.say(questions.taken_from(name, origin))
        again = False
        while True:
            if value is None or again:
                question = questions.paste_again(name) if again else questions.paste(name)
                answer = self.ask.secret(question, name, may_be_empty=again)
                value = answer or value or ""
            wrong = variables.mistake(name, value)
            if wrong is not None:
                self._refuse(f"{name}: {wrong}")
                value, again = None, False
                continue
            checks = check_secret(value)
            if checks[0].ok:
                self.values.keep(name, value)
            for check in checks:
                doctor.show(check)
            failed = next((check for check in checks if not check.ok), None)
            if failed is None:
                return
            if not self.ask.attended:
                raise CommandFailed(f"{failed.name}: {failed.detail}\n{failed.fix or ''}".strip())
            again = True

    def _refuse(self, wrong: str) -> None:
        if not self.ask.attended:
            raise CommandFailed(wrong)
        console.say(wrong)


def _announce(number: int, what: str) -> None:
    console.say("")
    console.say(questions.step(number, what))


def _listed(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _chosen(wanted: Sequence[str], known: Sequence[LabelType]) -> tuple[list[LabelType], list[str]]:
    """Return the label types named by number, id or name, and the names that match none."""
    chosen: list[LabelType] = []
    wrong: list[str] = []
    for one in wanted:
        if one.isdecimal() and 0 < int(one) <= len(known):
            chosen.append(known[int(one) - 1])
            continue
        found = [
            label
            for label in known
            if label.id == one or label.name.strip().casefold() == one.casefold()
        ]
        if len(found) == 1:
            chosen.append(found[0])
        else:
            wrong.append(one)
    return list(dict.fromkeys(chosen)), wrong


def check_bot_token(settings: Settings) -> list[Check]:
    """Return whose the token is and, if Slack accepts it, which scopes are missing."""

    async def look() -> list[Check]:
        async with services.slack(settings) as client:
            return await slack.check_token(settings, client)

    return asyncio.run(look())


def check_app_token(settings: Settings) -> list[Check]:
    """Return whether Slack opens a connection with it, and for the same app as the bot token."""

    async def look() -> list[Check]:
        async with services.slack(settings) as client:
            try:
                await client.installation()
            except Fault:
                return [await slack.connection(settings, None)]
            return [await slack.connection(settings, client)]

    return asyncio.run(look())


def check_signing_secret(suspicion: str | None) -> Check:
    """Return a passed check: only a request from Slack can prove the secret wrong."""
    detail = "it can only be tested once Slack calls the bridge"
    return Check("Slack link", True, f"{suspicion} Kept anyway; {detail}" if suspicion else detail)


@dataclass(frozen=True, slots=True)
class CheckedKey:
    """The checks of a Plain key, and the workspace's label types if the key may read them."""

    checks: Sequence[Check]
    label_types: Sequence[LabelType] = ()


def check_plain_key(settings: Settings, features: frozenset[Feature]) -> CheckedKey:
    """Return whose the key is, which permissions are missing, and the workspace's label types."""

    async def look() -> CheckedKey:
        async with services.plain(settings) as client:
            key, workspace = await plain.check_key(client)
            if workspace is None:
                return CheckedKey([key])
            checks = [key, *plain.one_by_one(workspace.permissions, features)]
            try:
                return CheckedKey(checks, await client.label_types())
            except Fault:
                return CheckedKey(checks)

    try:
        return asyncio.run(look())
    except UnusablePlain as error:
        return CheckedKey([plain.unusable(error)])


def granted_permissions(settings: Settings) -> frozenset[str] | None:
    """Return the key's permissions; None if Plain does not accept it or does not answer."""

    async def look() -> frozenset[str] | None:
        async with services.plain(settings) as client:
            _, workspace = await plain.check_key(client)
            return workspace.permissions if workspace else None

    try:
        return asyncio.run(look())
    except UnusablePlain:
        return None
