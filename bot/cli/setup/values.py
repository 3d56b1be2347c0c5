"""The variables that `setup` gathers: where each comes from, and where it is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from bot.cli.console import CommandFailed
from bot.cli.setup.dotenv import DotEnv
from bot.settings import Settings
from bot.settings.environment import Variables, cleaned

_URLS = ("slack_api_url", "plain_api_url")


@dataclass
class Values:
    """`given` on standard input or in a file goes before `environ`, and this before `.env`."""

    dotenv: DotEnv
    environ: Mapping[str, str]
    given: Mapping[str, str]

    def known(self, name: str) -> tuple[str | None, str]:
        """The value that is there already, and where it is from, in words."""
        for values, origin in ((self.given, "--secrets"), (self.environ, "the environment")):
            if value := cleaned(values.get(name, "")):
                return value, origin
        return self.dotenv.get(name), ".env"

    def keep(self, name: str, value: str) -> None:
        """Put it into `.env`."""
        try:
            self.dotenv.put(name, value)
        except OSError as error:
            raise CommandFailed(f".env cannot be written: {error.strerror}") from None

    def keep_urls(self) -> None:
        """Put the services' addresses into `.env` where they are not the usual ones."""
        for name in _URLS:
            value, origin = self.known(name.upper())
            if value and origin != ".env" and value != Variables.model_fields[name].default:
                self.keep(name.upper(), value)

    def settings(self, **secrets: str) -> Settings:
        """Settings with these secrets, for the checks; ValueError where one has not its form."""
        urls = {name: value for name in _URLS if (value := self.known(name.upper())[0])}
        given = {name: SecretStr(value) for name, value in secrets.items()}
        return Settings.model_validate({**urls, **given})
