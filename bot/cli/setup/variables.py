"""Gather the variables of `setup`: recognize pasted secrets, find known ones, keep them in .env."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.cli.console import CommandFailed
from bot.settings import Settings
from bot.settings.environment import Variables, cleaned

_URLS = ("slack_api_url", "plain_api_url")


@dataclass
class Values:
    """The values known so far: `given` with --secrets before `environ`, and that before `.env`."""

    dotenv: DotEnv
    environ: Mapping[str, str]
    given: Mapping[str, str]

    def known(self, name: str) -> tuple[str | None, str]:
        """Return the known value, or None, and its origin in words."""
        for values, origin in ((self.given, "--secrets"), (self.environ, "the environment")):
            if value := cleaned(values.get(name, "")):
                return value, origin
        return self.dotenv.get(name), ".env"

    def keep(self, name: str, value: str) -> None:
        """Put the value into `.env`. Raise CommandFailed if that fails."""
        try:
            self.dotenv.put(name, value)
        except OSError as error:
            raise CommandFailed(f".env cannot be written: {error.strerror}") from None

    def keep_urls(self) -> None:
        """Put the services' addresses into `.env` if they are not the defaults."""
        for name in _URLS:
            value, origin = self.known(name.upper())
            if value and origin != ".env" and value != Variables.model_fields[name].default:
                self.keep(name.upper(), value)

    def settings(self, **secrets: str) -> Settings:
        """Return settings with these secrets, for the checks. Raise ValueError if malformed."""
        urls = {name: value for name in _URLS if (value := self.known(name.upper())[0])}
        given = {name: SecretStr(value) for name, value in secrets.items()}
        return Settings.model_validate({**urls, **given})


_SAFE = re.compile(r"[\w.:/@%+=,~-]*", re.ASCII)
_HEADER = "# The settings of Plain Bridge, including secrets: nobody else may read this file.\n"


class DotEnv:
    """The file at `path`, which need not exist; only its owner can read what is written."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # a link stays a link

    def get(self, name: str) -> str | None:
        """Return the variable's value; None if it is empty or not set."""
        lines = [line for line in self._lines() if _assigns(line, name)]
        value = lines[-1].partition("=")[2].strip() if lines else ""
        return _unquoted(value) or None

    def put(self, name: str, value: str) -> None:
        """Set the variable, replacing the line that sets it. Raise OSError."""
        if self.get(name) != value or self._is_open_to_others():
            self._write([*self._with(name, f"{name}={_quoted(value)}\n")])

    def take_out(self, name: str) -> None:
        """Turn the line that sets the variable into a comment."""
        if self.get(name) is not None:
            lines = self._lines()
            self._write([f"# {line}" if _assigns(line, name) else line for line in lines])

    def _with(self, name: str, new: str) -> list[str]:
        lines = self._lines() or [_HEADER]
        places = [number for number, line in enumerate(lines) if _assigns(line, name)]
        if not places:
            if not lines[-1].endswith("\n"):
                lines[-1] += "\n"
            return [*lines, new]
        # The last one is what counts; the others would only mislead.
        return [
            new if number == places[-1] else line
            for number, line in enumerate(lines)
            if number == places[-1] or number not in places
        ]

    def _lines(self) -> list[str]:
        try:
            return self._path.read_text(encoding="utf-8").splitlines(keepends=True)
        except FileNotFoundError:
            return []
        except OSError as error:
            raise CommandFailed(f".env cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise CommandFailed(".env cannot be read as UTF-8 text: correct or move it") from None

    def _is_open_to_others(self) -> bool:
        return bool(stat.S_IMODE(self._path.stat().st_mode) & 0o077)

    def _write(self, lines: list[str]) -> None:
        """Replace the file at once: an interruption leaves the old file or the new one."""
        handle, name = tempfile.mkstemp(prefix=".env.", dir=self._path.parent)  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def parsed(text: str) -> dict[str, str] | None:
    """Return the variables of a text in the same format; None if a line is something else."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            return None
        found[name.strip().removeprefix("export ").strip()] = _unquoted(value.strip())
    return found


def _assigns(line: str, name: str) -> bool:
    return re.match(rf"\s*(?:export\s+)?{name}\s*=", line) is not None


def _quoted(value: str) -> str:
    if _SAFE.fullmatch(value):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1].replace("\\'", "'").replace("\\\\", "\\")
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


NAMES = {
    "SLACK_BOT_TOKEN": "the Bot User OAuth Token (xoxb-…)",
    "SLACK_APP_TOKEN": "an App-Level Token (xapp-…)",
    "SLACK_SIGNING_SECRET": "the Signing Secret",
    "PLAIN_API_KEY": "Plain's API key (plainApiKey_…)",
}
"""The value that each variable holds."""

# https://docs.slack.dev/authentication/tokens
_KINDS: tuple[tuple[str, str, str | None], ...] = (
    (r"xoxb-.+|xoxe\.xoxb-.+", "a bot token (xoxb-…)", "SLACK_BOT_TOKEN"),
    (r"xapp-.+", "an App-Level Token (xapp-…)", "SLACK_APP_TOKEN"),
    (r"xoxp-.+|xoxe\.xoxp-.+", "a user token (xoxp-…), which acts as a person", None),
    (r"xoxe-.+", "a refresh token (xoxe-…) of token rotation, which the bridge does not use", None),
    (r"xox[a-z]-.+", "another kind of Slack token", None),
    (r"plainApiKey_.+", "a Plain API key (plainApiKey_…)", "PLAIN_API_KEY"),
    (r"[0-9]{6,}\.[0-9]{6,}", "the app's Client ID", None),
    (r"A[A-Z0-9]{8,}", "the app's App ID", None),
    (r"https?://.+", "a web address", None),
)

_HEX = re.compile(r"[0-9a-f]{32}")
_PRINTABLE = re.compile(r"[!-~]+")


def mistake(variable: str, text: str) -> str | None:
    """Return what is wrong with `text` as the value of `variable`, or None.

    The sentence never contains the text itself.
    """
    wanted = NAMES[variable]
    if not text:
        return f"Nothing was given: {wanted} is needed."
    if _PRINTABLE.fullmatch(text) is None:
        return f"This contains a space or a character no token has: paste all of {wanted}."
    kind, belongs = _kind(text)
    if belongs == variable or (belongs is None and kind is None and not _has_form(variable)):
        return None
    return f"This is {kind or 'something else'}: {wanted} is needed."


def suspicion(signing_secret: str) -> str | None:
    """Return what looks odd about a signing secret that may still be right, or None."""
    if _HEX.fullmatch(signing_secret) is None:
        return "This doesn't look like a Signing Secret, which has 32 characters 0-9 and a-f."
    return None


def _has_form(variable: str) -> bool:
    """Return True if the variable's values have a recognizable form."""
    return any(belongs == variable for _, _, belongs in _KINDS)


def _kind(text: str) -> tuple[str | None, str | None]:
    """Return what the text is, in words, and the variable it belongs to."""
    for form, words, belongs in _KINDS:
        if re.fullmatch(form, text):
            return words, belongs
    if _HEX.fullmatch(text):
        return "a Signing Secret or a Client Secret", "SLACK_SIGNING_SECRET"
    return None, None
