"""Set up logging: one line per outcome, for people or as JSON, without secrets and addresses."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping
from typing import Any, Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from bot.core import secrets

_MASKS: tuple[tuple[re.Pattern[str], str], ...] = (
    # What libraries quote of the values they stumble over, which may be a message's text.
    (re.compile(r"input_value=.*?, input_type=", re.DOTALL), "input_value=[value], input_type="),
    (re.compile(r"\[parameters: .*?\](?=\n|\Z)", re.DOTALL), "[parameters: [values]]"),
    # Addresses that are themselves a permission:
    # https://docs.slack.dev/interactivity/handling-user-interaction#message_responses
    (re.compile(r"https://hooks\.slack[\w.-]*/[^\s\"'<>]+"), "[response_url]"),
    (re.compile(r"([?&](?:ticket|token|t)=)[^\s&\"'<>]+", re.IGNORECASE), r"\1[token]"),
    (re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "[email]"),
)

_QUIET = {
    # A line per request, or per step, which says nothing of an outcome.
    "aiohttp.access": logging.WARNING,
    "alembic": logging.WARNING,
    "httpcore": logging.WARNING,
    "httpx": logging.WARNING,
    "uvicorn.access": logging.WARNING,
    # A warning for whatever somebody sends that is no HTTP.
    "uvicorn.error": logging.ERROR,
}

_WRITES_BODIES = "slack_bolt.RequestVerification"
"""Writes the whole body of a badly signed request at INFO, and sets its own level when it is
made; only a filter stops it."""

_BOLT_ITSELF = "slack_bolt.AsyncApp"
_BOLT_READ_THE_TOKEN = re.compile(r"`token` .*will be (?:unused|ignored)")
"""Bolt finds SLACK_BOT_TOKEN by itself, and warns at every start that it does not use it."""


def masked(text: str) -> str:
    """Return `text` without what looks like a token, a password, a private address or an e-mail."""
    text = secrets.mask(text)[0]
    for pattern, instead in _MASKS:
        text = pattern.sub(instead, text)
    return text


def set_up(
    level: str = "INFO",
    form: Literal["console", "json"] = "console",
    stream: TextIO | None = None,
    *,
    colors: bool = False,
) -> None:
    """Send what this package and all libraries log to `stream` (standard error), once masked.

    `level` is this package's own: libraries never log below INFO, because Slack's log messages
    and tokens at DEBUG. Calling again replaces what was set up before.
    """
    threshold = logging.getLevelNamesMapping()[level]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_shared(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # else a second set-up would not reach them
    )
    handler = _Handler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_shared(),
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _mask,
                *_rendered(form, colors=colors),
            ],
        )
    )
    root = logging.getLogger()
    for old in [one for one in root.handlers if isinstance(one, _Handler)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(max(threshold, logging.INFO))
    logging.getLogger("bot").setLevel(threshold)
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(max(threshold, least))
    for name, only in ((_WRITES_BODIES, _nothing), (_BOLT_ITSELF, _not_of_the_token)):
        bolts = logging.getLogger(name)
        if only not in bolts.filters:
            bolts.addFilter(only)


class _Handler(logging.Handler):
    """The bridge's own handler, found by a second set-up; looks up standard error at each write."""

    def __init__(self, stream: TextIO | None) -> None:
        super().__init__()
        self._stream = stream

    def emit(self, record: logging.LogRecord) -> None:
        try:
            stream = self._stream or sys.stderr
            stream.write(f"{self.format(record)}\n")
            stream.flush()
        except Exception:  # noqa: BLE001 — as logging's own: a log must not end the work
            self.handleError(record)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _not_of_the_token(record: logging.LogRecord) -> bool:
    return _BOLT_READ_THE_TOKEN.search(record.getMessage()) is None


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _rendered(form: Literal["console", "json"], *, colors: bool) -> list[Processor]:
    if form == "json":
        return [structlog.processors.JSONRenderer(ensure_ascii=False)]
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, exception_formatter=structlog.dev.plain_traceback, pad_event_to=0
        )
    ]


def _mask(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Mask secrets in a line, as a last resort: logging a text or a token is still a bug."""
    return {key: _masked_value(value) for key, value in event.items()}


def _masked_value(value: Any) -> Any:
    match value:
        case None | bool() | int() | float():
            return value
        case str():
            return masked(value)
        case Mapping():
            return {str(key): _masked_value(inner) for key, inner in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked_value(inner) for inner in value]
        case _:
            return masked(repr(value))
