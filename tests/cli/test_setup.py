"""`plain-bridge setup` at a terminal and without one, against a local Slack and a local Plain."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.settings import load
from tests.cli.conftest import Run
from tests.cli.prepared import LocalServices
from tests.cli.terminal import Terminal

SECRETS = ("xoxb-test", "xapp-test", "plainApiKey_test")


@pytest.fixture
def world(folder: Path) -> Iterator[LocalServices]:
    with LocalServices() as world:
        world.plain.add_label_type("Bug")
        world.plain.add_label_type("Incident")
        world.slack.add_channel("support")
        yield world


@pytest.fixture
def urls(world: LocalServices) -> dict[str, str]:
    """Where the services are, which is all that is known at first."""
    return {name: url for name, url in world.variables.items() if name.endswith("_URL")}


@pytest.fixture
def environ(world: LocalServices, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Everything in the environment, as automation has it."""
    for name, value in world.variables.items():
        monkeypatch.setenv(name, value)
    return world.variables


def dotenv(folder: Path) -> dict[str, str]:
    lines = (folder / ".env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


# At a terminal


def answer_the_tokens(terminal: Terminal) -> None:
    terminal.until("Paste the Bot User OAuth Token")
    terminal.type("xoxb-test")
    terminal.until("Slack scopes: all")
    terminal.until("Paste an App-Level Token")
    terminal.type("xapp-test")
    terminal.until("Slack said hello")


def test_from_nothing_to_a_configuration(folder: Path, urls: dict[str, str]) -> None:
    with Terminal(["setup"], folder, urls) as terminal:
        terminal.until("How should Slack reach the bridge?")
        terminal.type("")
        shown = terminal.until("Or by hand:")
        assert "Open create-slack-app.html" in shown
        assert all(len(line) < 250 for line in shown.splitlines())
        page = (folder / "create-slack-app.html").read_text()
        assert 'href="https://api.slack.com/apps?new_app=1&amp;manifest_yaml=' in page
        answer_the_tokens(terminal)
        terminal.until("Which features should be left out?")
        terminal.type("")
        assert "thread:create  (threads)" in terminal.until("Paste an API key")
        terminal.type("plainApiKey_test")
        terminal.until("ok     Plain permission timeline:read")
        terminal.until("Which emoji should create a ticket?")
        terminal.type("🎫")
        terminal.until("🎫 is no emoji's name: write its name, `:ticket:`.")
        terminal.until("Which emoji should create a ticket?")
        terminal.type(":bug:")
        terminal.until("In which channels?")
        terminal.type("support")
        shown = terminal.until("In which channels?")
        assert 'like "#support"' in shown
        assert "Which emoji" not in shown
        terminal.type("#support, https://acme.slack.com/archives/C024BE91L")
        terminal.until("Which labels")
        terminal.type("1, incident")
        terminal.until(
            "Wrote plain-bridge.toml: :bug: in #support, C024BE91L creates a ticket with the "
            "label Bug, Incident."
        )
        terminal.until("Run the bridge now?")
        terminal.type("n")
        assert terminal.end() == 0
        for secret in SECRETS:
            assert secret not in terminal.shown
    assert mode(folder / ".env") == 0o600
    settings = load({}, folder)
    assert settings.slack_bot_token is not None
    assert settings.slack_bot_token.get_secret_value() == "xoxb-test"
    (rule,) = settings.rules
    assert (rule.emoji, rule.channels) == (("bug",), ("#support", "C024BE91L"))
    assert "https://acme" not in (folder / "plain-bridge.toml").read_text()
    assert len(rule.labels) == 2
    assert all(label.startswith("lt_") for label in rule.labels)


def test_wrong_tokens_are_named_and_asked_for_again(
    folder: Path, urls: dict[str, str], world: LocalServices
) -> None:
    with Terminal(["setup", "--connection", "socket"], folder, urls) as terminal:
        terminal.until("Paste the Bot User OAuth Token")
        terminal.type("xapp-test")
        terminal.until("This is an App-Level Token (xapp-…): the Bot User OAuth Token")
        terminal.until("Paste the Bot User OAuth Token")
        terminal.type("xoxb-of-nobody")
        terminal.until("failed Slack token: Slack rejects it (invalid_auth)")
        assert not (folder / ".env").exists() or "SLACK_BOT_TOKEN" not in dotenv(folder)
        world.slack.scopes.discard("users:read.email")
        terminal.until("Press Enter to check again")
        terminal.type("xoxb-test")
        terminal.until("failed Slack scopes: missing: users:read.email")
        assert dotenv(folder)["SLACK_BOT_TOKEN"] == "xoxb-test"  # good, as far as it goes
        world.slack.scopes.add("users:read.email")
        terminal.until("Press Enter to check again")
        terminal.type("")
        terminal.until("Slack scopes: all")
        terminal.until("Paste an App-Level Token")
        terminal.type("plainApiKey_test")
        terminal.until("This is a Plain API key (plainApiKey_…): an App-Level Token")
        terminal.interrupt()
        assert terminal.end() == 1


def test_broken_off_it_goes_on_where_it_was(
    folder: Path, urls: dict[str, str], world: LocalServices
) -> None:
    with Terminal(["setup", "--connection", "socket"], folder, urls) as terminal:
        answer_the_tokens(terminal)
        terminal.until("Which features should be left out?")
        terminal.interrupt()
        terminal.until("run `plain-bridge setup` again to continue")
        assert terminal.end() == 1
        assert "Traceback" not in terminal.shown
    assert dotenv(folder) == {
        "SLACK_API_URL": world.slack.api_url,
        "PLAIN_API_URL": world.variables["PLAIN_API_URL"],
        "SLACK_BOT_TOKEN": "xoxb-test",
        "SLACK_APP_TOKEN": "xapp-test",
    }
    with Terminal(["setup", "--connection", "socket"], folder, {}) as terminal:
        terminal.until("Using SLACK_BOT_TOKEN from .env.")
        terminal.until("Using SLACK_APP_TOKEN from .env.")
        assert "Paste" not in terminal.until("Which features should be left out?")
        terminal.type("files, bogus")
        terminal.until("There is no bogus")
        terminal.type("files,additions")
        assert "attachment:create" not in terminal.until("Paste an API key")
        terminal.interrupt()
        terminal.end()


def test_an_old_file_is_written_over_only_after_a_yes(
    folder: Path, urls: dict[str, str], world: LocalServices
) -> None:
    environ = urls | world.variables
    toml = folder / "plain-bridge.toml"
    toml.write_text('[[rule]]\nemoji = "old"\n')
    arguments = ["setup", "--connection", "socket", "--without", "files", "--no-run"]
    for answer, emoji in (("", "old"), ("y", "fire")):
        with Terminal(arguments, folder, environ) as terminal:
            terminal.until("plain-bridge.toml already exists. Overwrite it?")
            terminal.type(answer)
            if answer == "y":
                terminal.until("Which emoji")
                terminal.type("fire")
                terminal.until("In which channels?")
                terminal.type("")
                terminal.until("Which labels")
                terminal.type("")
            assert terminal.end() == 0
        assert load(environ, folder).rules[0].emoji == (emoji,)


def test_what_is_there_is_not_asked_again(folder: Path, world: LocalServices) -> None:
    with Terminal(["setup", "--no-run"], folder, world.variables) as terminal:
        shown = terminal.until("Which emoji should create a ticket?")
        assert "SLACK_APP_TOKEN is already set, so Socket Mode is used;" in shown
        assert "How should Slack reach the bridge?" not in shown
        assert "Which features should be left out?" not in shown
        assert "Paste" not in shown
        terminal.interrupt()
        terminal.end()


def test_what_the_key_may_not_do_is_offered_to_be_left_out(
    folder: Path, world: LocalServices
) -> None:
    world.plain.permissions -= {"attachment:create", "tenant:read"}
    with Terminal(["setup", "--no-run"], folder, world.variables) as terminal:
        terminal.until("Which features should be left out?")
        terminal.until("[files, tenants]")
        terminal.type("")
        assert "failed" not in terminal.until("Which emoji should create a ticket?")
        terminal.interrupt()
        terminal.end()


# Without a terminal


@pytest.mark.parametrize(
    ("arguments", "door"),
    [((), "SLACK_APP_TOKEN"), (("--connection", "http"), "SLACK_SIGNING_SECRET")],
)
def test_all_missing_secrets_are_named_at_once(
    run: Run, folder: Path, arguments: tuple[str, ...], door: str
) -> None:
    result = run("setup", "--yes", *arguments)
    assert result.exit_code == 1
    named = [line.split()[0] for line in result.stderr.splitlines() if "is not set" in line]
    assert named == ["SLACK_BOT_TOKEN", door, "PLAIN_API_KEY"]
    assert "--secrets" in result.stderr
    assert list(folder.iterdir()) == []


def test_nobody_to_ask_is_a_clear_error(run: Run, folder: Path) -> None:
    result = run("setup")
    assert result.exit_code == 1
    assert result.stderr.startswith("there is no terminal")
    assert list(folder.iterdir()) == []


def test_from_the_environment_and_options_alone(
    run: Run, folder: Path, environ: dict[str, str]
) -> None:
    result = run("setup", "--yes", "--emoji", "fire", "--label", "Bug", "--channel", "#support")
    assert result.exit_code == 0, result.stderr
    assert dotenv(folder) == environ
    assert mode(folder / ".env") == 0o600
    assert "Run the bridge now?" not in result.stdout
    for secret in SECRETS:
        assert secret not in result.output
    (rule,) = load({}, folder).rules
    assert rule.emoji == ("fire",)


def test_the_same_twice_changes_nothing(run: Run, folder: Path, environ: dict[str, str]) -> None:
    assert run("setup", "--yes").exit_code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = run("setup", "--yes", "--emoji", "fire")
    assert result.exit_code == 0
    assert "plain-bridge.toml already exists and is left unchanged." in result.stdout
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert run("setup", "--yes", "--emoji", "fire", "--overwrite").exit_code == 0
    assert load({}, folder).rules[0].emoji == ("fire",)


def test_secrets_from_standard_input(
    run: Run, folder: Path, urls: dict[str, str], monkeypatch: Any
) -> None:
    for name, value in urls.items():
        monkeypatch.setenv(name, value)
    lines = "# of the vault\nSLACK_BOT_TOKEN=xoxb-test\nSLACK_APP_TOKEN='xapp-test'\n"
    result = run("setup", "--yes", "--secrets", "-", input=f"{lines}PLAIN_API_KEY=plainApiKey_test")
    assert result.exit_code == 0, result.stderr
    assert dotenv(folder)["SLACK_APP_TOKEN"] == "xapp-test"


def test_a_secret_in_the_wrong_place_is_not_repeated(run: Run, folder: Path) -> None:
    result = run("setup", "--yes", "--secrets", "-", input="xoxb-test-alone\n")
    assert result.exit_code == 1
    assert "write lines NAME=value, with SLACK_BOT_TOKEN" in result.stderr
    assert "xoxb-test-alone" not in result.output


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("SLACK_BOT_TOKEN", "", "SLACK_BOT_TOKEN is not set: the Bot User OAuth Token"),
        ("SLACK_BOT_TOKEN", "xoxp-test", "SLACK_BOT_TOKEN: This is a user token (xoxp-…)"),
        ("SLACK_BOT_TOKEN", "xoxb-other", "Slack token: Slack rejects it (invalid_auth)"),
        ("SLACK_APP_TOKEN", "xoxb-test", "SLACK_APP_TOKEN: This is a bot token (xoxb-…)"),
        ("SLACK_APP_TOKEN", "xapp-other", "Slack link: Slack rejects it (invalid_auth)"),
        ("PLAIN_API_KEY", "plainApiKey_other", "Plain key: Plain rejects it"),
        ("PLAIN_API_KEY", "0" * 32, "This is a Signing Secret or a Client Secret: Plain"),
    ],
)
def test_what_is_wrong_ends_it_with_what_to_do(
    run: Run,
    folder: Path,
    environ: dict[str, str],
    monkeypatch: Any,
    name: str,
    value: str,
    words: str,
) -> None:
    monkeypatch.setenv(name, value)
    result = run("setup", "--yes")
    assert result.exit_code == 1
    assert words in result.stderr
    assert not value or value not in result.output
    assert not (folder / "plain-bridge.toml").exists()


def test_missing_permissions_are_shown_one_by_one(
    run: Run, folder: Path, environ: dict[str, str], world: LocalServices
) -> None:
    world.plain.permissions -= {"note:create", "label:create"}
    result = run("setup", "--yes")
    assert result.exit_code == 1
    assert "ok     Plain permission thread:create: threads" in result.stdout
    assert "failed Plain permission label:create: missing: labels" in result.stdout
    assert "failed Plain permission note:create: missing: Undo" in result.stdout
    assert dotenv(folder)["PLAIN_API_KEY"] == "plainApiKey_test"
    world.plain.permissions.add("label:create")
    assert run("setup", "--yes", "--without", "undo").exit_code == 0


def test_without_additions_each_message_has_its_own_thread(
    run: Run, folder: Path, environ: dict[str, str], world: LocalServices
) -> None:
    world.plain.permissions -= {"threadEvent:create", "threadEvent:read"}
    assert run("setup", "--yes", "--without", "additions").exit_code == 0
    assert load({}, folder).escalation.one_thread_per == "message"


def test_over_http(run: Run, folder: Path, environ: dict[str, str], monkeypatch: Any) -> None:
    (folder / ".env").write_text("SLACK_APP_TOKEN=xapp-test\n")
    monkeypatch.setenv("SLACK_SIGNING_SECRET", "0123456789abcdef0123456789abcdef")
    arguments = ("setup", "--yes", "--connection", "http", "--public-url", "https://b.acme.com/x")
    refused = run(*arguments)
    assert "SLACK_APP_TOKEN is set in the environment, which means Socket Mode" in refused.stderr
    monkeypatch.delenv("SLACK_APP_TOKEN")
    result = run(*arguments)
    assert result.exit_code == 0, result.stderr
    assert "its line is now a comment" in result.stdout
    settings = load({}, folder)
    assert settings.slack_app_token is None
    assert settings.slack_signing_secret is not None


def test_unknown_lines_of_an_old_file_stay(run: Run, folder: Path, environ: dict[str, str]) -> None:
    old = "# mine\nexport OTHER='a b'\nSLACK_BOT_TOKEN=xoxb-old\n\nPORT=4000"
    (folder / ".env").write_text(old)
    (folder / ".env").chmod(0o644)
    assert run("setup", "--yes").exit_code == 0
    lines = (folder / ".env").read_text().splitlines()
    assert lines[:2] == ["# mine", "export OTHER='a b'"]
    assert "PORT=4000" in lines
    assert [line for line in lines if "SLACK_BOT_TOKEN" in line] == ["SLACK_BOT_TOKEN=xoxb-test"]
    assert mode(folder / ".env") == 0o600


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--connection", "pigeon"], 'Enter "socket" or "http".'),
        (["--without", "threads"], "There is no threads"),
        (["--label", "Nothing"], "Nothing: no such label type, or several"),
        (["--emoji", "🎫"], "is no emoji's name"),
        (["--channel", "support"], 'like "#support"'),
    ],
)
def test_options_that_mean_nothing(
    run: Run, folder: Path, environ: dict[str, str], arguments: list[str], words: str
) -> None:
    result = run("setup", "--yes", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert not (folder / "plain-bridge.toml").exists()


def test_what_else_is_wrong_with_the_settings_is_told(
    run: Run, folder: Path, environ: dict[str, str]
) -> None:
    (folder / "plain-bridge.toml").write_text("[what]\n")
    result = run("setup", "--yes")
    assert result.exit_code == 1
    assert "unknown key `what`" in result.stderr
    assert "run `plain-bridge setup` again" in result.stderr
