"""The file `.env`: variables put into it one by one, everything else in it left as it is."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from pathlib import Path

from bot.cli.console import CommandFailed

_SAFE = re.compile(r"[\w.:/@%+=,~-]*", re.ASCII)
_HEADER = "# The settings of Plain Bridge, secrets among them: nobody else may read this file.\n"


class DotEnv:
    """The file at `path`, which need not be there yet. Only its owner can read what is written."""

    def __init__(self, path: Path) -> None:
        self._path = path.resolve()  # a link stays a link

    def get(self, name: str) -> str | None:
        """The variable's value as it was put here; None where it is empty or not there."""
        lines = [line for line in self._lines() if _assigns(line, name)]
        value = lines[-1].partition("=")[2].strip() if lines else ""
        return _unquoted(value) or None

    def put(self, name: str, value: str) -> None:
        """Set the variable, in the place of the line that sets it already. OSError."""
        if self.get(name) != value or self._is_open_to_others():
            self._write([*self._with(name, f"{name}={_quoted(value)}\n")])

    def take_out(self, name: str) -> None:
        """Make a comment of the line that sets the variable."""
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
            raise CommandFailed(".env cannot be read as UTF-8 text: mend it, or move it") from None

    def _is_open_to_others(self) -> bool:
        return bool(stat.S_IMODE(self._path.stat().st_mode) & 0o077)

    def _write(self, lines: list[str]) -> None:
        """All at once: whoever breaks off has the old file or the new one."""
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
    """The variables of a text of the same form; None where a line is something else."""
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
