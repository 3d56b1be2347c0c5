"""Define the variables of the environment: defaults, accepted values, and where to get them."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

SOURCES = {
    "slack_bot_token": (
        "the Bot User OAuth Token (xoxb-…): https://api.slack.com/apps, your app, "
        '"OAuth & Permissions"'
    ),
    "slack_signing_secret": (
        'the Signing Secret: https://api.slack.com/apps, your app, "Basic Information"; '
        "or set SLACK_APP_TOKEN for Socket Mode, which needs none"
    ),
    "slack_app_token": (
        "an App-Level Token (xapp-…) with connections:write: https://api.slack.com/apps, "
        'your app, "Basic Information"'
    ),
    "plain_api_key": (
        'an API key (plainApiKey_…) of a machine user: Plain, Settings, "Machine users & API keys"'
    ),
    "plain_webhook_secret": 'the signing secret: Plain, Settings, "Request signing"',
    "metrics_token": "a long random text of your own",
}
"""The sources of the variables that a command may need."""


def cleaned(text: str) -> str:
    """Return a variable's text without blanks around it, and without a pair of quotation marks.

    `docker run --env-file` and other readers of such files leave the marks where they are:
    https://docs.docker.com/reference/cli/docker/container/run/#env
    """
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in _QUOTES:
        text = text[1:-1].strip()
    return text


_QUOTES = "\"'`"
_ANY_QUOTE = "\"'`‘’“”„«»"


def _token(secret: SecretStr) -> SecretStr:
    text = cleaned(secret.get_secret_value())
    if why := _no_token(text):
        raise ValueError(why)
    return SecretStr(text)


def _no_token(text: str) -> str | None:
    """Return why this can be no token, in words that do not show it."""
    if not text:
        return "is empty"
    if re.match(r"bearer\s", text, re.IGNORECASE):
        return "begins with the word Bearer: leave it out"
    if any(text.upper().startswith(f"{name.upper()}=") for name in SOURCES):
        return "begins with the name of a variable: leave out all up to the first ="
    if text[0] in _ANY_QUOTE or text[-1] in _ANY_QUOTE:
        return "begins or ends with a quotation mark: leave it out"
    if any(character.isspace() for character in text):
        return "holds a blank or a line break: paste it again, whole and alone"
    if not re.fullmatch(r"[\x21-\x7e]+", text):
        return "holds a character that no token has: paste it again"
    return None


def _begins(*prefixes: str) -> AfterValidator:
    def check(secret: SecretStr) -> SecretStr:
        if not secret.get_secret_value().startswith(prefixes):
            raise ValueError(f"does not begin with {prefixes[0]}: it is another kind of token")
        return secret

    return AfterValidator(check)


def _web_address(text: str) -> str:
    text = text.strip()
    try:
        parts = urlsplit(text)
        is_one = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # a port or an IPv6 address that is none
        is_one = False
    if not is_one or any(c.isspace() for c in text):
        raise ValueError("is no web address: it begins with https://")
    return text


def _folder_address(text: str) -> str:
    return _web_address(text).rstrip("/") + "/"  # methods' names are appended to it


def _database(secret: SecretStr) -> SecretStr:
    try:
        url = make_url(secret.get_secret_value().strip())
    except (ArgumentError, ValueError):
        raise ValueError(_DATABASES) from None
    if url.drivername not in _DRIVERS:
        raise ValueError(_DATABASES)
    if url.drivername.startswith("sqlite") and url.database in {None, "", ":memory:"}:
        raise ValueError("names a database in memory, which would forget what was accepted")
    return SecretStr(secret.get_secret_value().strip())


# Another driver may be installed, and would not be what the store is written for.
_DRIVERS = {"sqlite", "sqlite+pysqlite", "postgresql", "postgres", "postgresql+psycopg"}
_DATABASES = "is no database that the bridge knows: sqlite:///FILE or postgresql://USER@HOST/NAME"


def _level(text: Any) -> Any:
    return text.strip().upper() if isinstance(text, str) else text


def _host(text: str) -> str:
    """Return the address as sockets take it, without the brackets that URLs need."""
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if not text:
        raise ValueError("is empty")
    return text


Secret = Annotated[SecretStr, AfterValidator(_token)]


class Variables(BaseModel):
    """The environment and `.env`; an empty variable counts as not set."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        return _cleaned_values(given)

    slack_bot_token: Annotated[Secret, _begins("xoxb-", "xoxe.xoxb-")] | None = None
    slack_signing_secret: Secret | None = None
    slack_app_token: Annotated[Secret, _begins("xapp-")] | None = None
    slack_api_url: Annotated[str, AfterValidator(_folder_address)] = "https://slack.com/api/"
    plain_api_key: Secret | None = None
    plain_api_url: Annotated[str, AfterValidator(_web_address)] = (
        "https://core-api.uk.plain.com/graphql/v1"
    )
    plain_webhook_secret: Secret | None = None
    database_url: Annotated[SecretStr, AfterValidator(_database)] = SecretStr(
        "sqlite:///plain-bridge.db"
    )
    host: Annotated[str, AfterValidator(_host)] = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 3000
    metrics_token: Secret | None = None
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_level)] = (
        "INFO"
    )
    log_format: Literal["console", "json"] = "console"


SECRETS = frozenset(
    name for name, field in Variables.model_fields.items() if "SecretStr" in str(field.annotation)
)
"""The variables whose values are never shown."""


class Environment(BaseSettings, Variables):  # type: ignore[misc]  # of two kinds of config
    """The variables as pydantic-settings reads them."""


class ConfigFile(BaseSettings):
    """The name of the TOML file; read apart, so that its mistakes are reported with the others."""

    plain_bridge_config: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _clean(cls, given: Any) -> Any:
        return _cleaned_values(given)


def _cleaned_values(given: Any) -> Any:
    """Return what a model is made of with its texts cleaned, without those that are empty then."""
    if not isinstance(given, dict):
        return given
    clean = {n: cleaned(value) if isinstance(value, str) else value for n, value in given.items()}
    return {name: value for name, value in clean.items() if value != ""}


E = TypeVar("E", bound=BaseSettings)


class _Given(PydanticBaseSettingsSource):
    """The variables of a mapping instead of the process's own."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings)
        self._environ = environ

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:  # noqa: ARG002
        return cleaned(self._environ.get(field_name.upper(), "")) or None, field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields.items()
        given = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: value for name, value in given.items() if value is not None}


def _check(dotenv: Path) -> None:
    """Raise OSError for what is no file: pydantic-settings goes on as if nothing were there.

    Docker makes a folder where it is to mount a file that does not exist. One of Python's virtual
    environments may be called `.env` too.
    """
    if dotenv.is_dir() and not (dotenv / "pyvenv.cfg").exists():
        raise IsADirectoryError(errno.EISDIR, "it is a folder, and should be a file")
    if dotenv.is_symlink() and not dotenv.exists():
        raise FileNotFoundError(errno.ENOENT, "it is a link to a file that is not there")


def unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Return why `.env` cannot be read, and what to do, in words."""
    match error:
        case PermissionError():
            return (
                f"{error.strerror}: the user that the bridge runs as may not read it; give it the "
                "file (chown), or move the file away where systemd hands its variables over "
                "(EnvironmentFile)"
            )
        case OSError():
            return f"cannot be read: {error.strerror or type(error).__name__}"
    return "cannot be read as UTF-8 text"


def read(model: type[E], environ: Mapping[str, str], dotenv: Path) -> E:
    """Return `model` filled from `environ`, and below it from the file `dotenv` if there is one.

    Raises ValidationError, and OSError or UnicodeDecodeError where the file cannot be read.
    """
    _check(dotenv)

    class Reader(model):  # type: ignore[valid-type, misc]
        model_config = SettingsConfigDict(env_ignore_empty=True, extra="ignore")

        @classmethod
        def settings_customise_sources(
            cls, settings_cls: type[BaseSettings], **sources: PydanticBaseSettingsSource
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return _Given(settings_cls, environ), sources["dotenv_settings"]

    filled: E = Reader(_env_file=dotenv, _env_file_encoding="utf-8")
    return filled
