"""From an empty folder to a thread: `setup` writes what `run` works with at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.prepared import LocalServices
from tests.cli.terminal import Terminal


@pytest.fixture
def world() -> Iterator[LocalServices]:
    with LocalServices() as world:
        world.plain.add_label_type("Bug")
        yield world


def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_setup_then_run_then_a_thread(tmp_path: Path, world: LocalServices) -> None:
    urls = {name: url for name, url in world.variables.items() if name.endswith("_URL")}
    slack = world.slack
    ada = slack.add_user("Ada Nowak", email="ada@acme.example")
    support = slack.add_channel("support", members=(ada,))
    with Terminal(["setup"], tmp_path, {**urls, "PORT": "0"}) as terminal:
        terminal.until("How should Slack reach the bridge?")
        terminal.type("socket")
        for question, answer in (
            ("Paste the Bot User OAuth Token", "xoxb-test"),
            ("Paste an App-Level Token", "xapp-test"),
            ("Which features should be left out?", ""),
            ("Paste an API key", "plainApiKey_test"),
            ("Which emoji", "bug"),
            ("In which channels?", ""),
            ("Which labels", "Bug"),
            ("Run the bridge now?", "y"),
        ):
            terminal.until(question)
            terminal.until(": ")
            terminal.type(answer)
        until(lambda: slack.connections == 1)
        ts = world.do(slack.post(ada, support, "The export fails"))
        world.do(slack.react(ada, support, ts, "bug"))
        until(lambda: slack.ephemerals(ada))
        (thread,) = world.plain.threads
        assert [label.label_type.name for label in thread.labels] == ["Bug"]

        doctor = subprocess.run(
            [sys.executable, "-m", "bot", "doctor", "--json"],
            cwd=tmp_path,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        failed = [check for check in json.loads(doctor.stdout) if not check["ok"]]
        assert (doctor.returncode, failed) == (0, [])
        assert terminal.stop() == 0
        assert "xoxb-test" not in terminal.shown
