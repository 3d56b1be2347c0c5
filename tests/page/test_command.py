"""`plain-bridge sandbox --stay` as it is typed: an address, and a clean end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from bot.sandbox.page import seed

COMMAND = (sys.executable, "-m", "bot", "sandbox")


@contextmanager
def staying(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the address that it printed."""
    with subprocess.Popen(
        [*COMMAND, "--stay", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            found = re.search(r"http://127\.0\.0\.1:\d+", first)
            assert found is not None, first + (process.stderr.read() if process.stderr else "")
            yield process, found[0]
        finally:
            process.kill()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_ended_and_leaves_nothing(how: signal.Signals) -> None:
    with staying("--port", "0") as (process, address):
        shown = httpx.get(address, trust_env=False).text
        assert "#support" in shown
        bridge = re.search(r'title="process (\d+)"', shown)
        with httpx.stream("GET", f"{address}/events", trust_env=False) as stream:
            next(stream.iter_lines())
            process.send_signal(how)
            _, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert bridge is not None
    with pytest.raises(ProcessLookupError):
        os.kill(int(bridge[1]), 0)


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [*COMMAND, "--stay", "--port", port],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert ended.returncode == 1
    assert f"port {port} cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("arguments", [("--stay", "--json"), ("--port", "8020")])
def test_what_does_not_go_together_is_said(arguments: tuple[str, ...]) -> None:
    ended = subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert "--stay" in ended.stderr


def test_menus_and_commands_are_those_of_the_manifest() -> None:
    app = seed.read_manifest()
    assert app.bot_name == "plain-bridge"
    assert "create_plain_ticket" in {one.callback_id for one in app.of_messages}
    assert "new_plain_ticket" in {one.callback_id for one in app.of_everything}
    assert [one.command for one in app.commands] == ["/plain-ticket"]
