"""The alert rules: PromQL that parses, about metrics that there are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from bot.metrics import Metrics
from bot.store.claims import Claim
from bot.store.jobs import Job, Kind
from tests.nouns import escalation

RULES = Path(__file__).parents[2] / "deploy" / "alerts.yml"


def rules() -> list[dict[str, Any]]:
    loaded = yaml.safe_load(RULES.read_text(encoding="utf-8"))
    return [rule for group in loaded["groups"] for rule in group["rules"]]


def selected(expression: Any) -> Iterator[Any]:
    """Every selector of a metric in the expression."""
    if isinstance(expression, promql_parser.VectorSelector):
        yield expression
    if isinstance(expression, promql_parser.MatrixSelector):
        yield expression.vector_selector
    for part in ("expr", "lhs", "rhs"):
        if (inner := getattr(expression, part, None)) is not None:
            yield from selected(inner)
    for inner in getattr(expression, "args", None) or ():
        yield from selected(inner)


@pytest.fixture(scope="module")
def exported() -> dict[str, set[str]]:
    """Every sample's name, with its labels, of a bridge that has done everything once."""
    metrics = Metrics()
    metrics.watch_link()(True)
    metrics.watch_rate(lambda: 1.0)
    job = Job(1, Kind.DECIDE, 1, "one:1", now=1.0, attempt=1)
    metrics.delivered(Claim(job, 1, escalation()), "created")
    metrics.asked_plain("createThread", "ok", 0.1)
    metrics.asked_slack("users.info", "ok", 0.1)
    metrics.verified("slack")
    metrics.refused("slack", "wrong_signature")
    metrics.refused("slack", "events_withheld")
    text = generate_latest(metrics.registry).decode()
    return {
        sample.name: set(sample.labels)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_asks_about_what_the_bridge_exports(
    rule: dict[str, Any], exported: dict[str, set[str]]
) -> None:
    found = list(selected(promql_parser.parse(rule["expr"])))
    assert found
    for selector in found:
        assert selector.name in exported
        asked = {matcher.name for matcher in selector.matchers.matchers}
        assert asked <= exported[selector.name]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    assert set(rule) == {"alert", "expr", "for", "labels", "annotations"}
    assert rule["alert"].startswith("PlainBridge")
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert rule["annotations"]["summary"].endswith(".")
    assert rule["annotations"]["description"].endswith(".")
    assert promql_parser.parse_duration(rule["for"]).total_seconds() >= 60
    page, _, heading = rule["annotations"]["runbook"].partition(": ")
    assert f"\n## {heading}\n" in (RULES.parents[1] / page).read_text(encoding="utf-8")


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_increase_is_one_from_the_start(rule: dict[str, Any]) -> None:
    """A counter that begins with its first event has no increase then: these begin at 0."""
    text = generate_latest(Metrics().registry).decode()
    fresh = {
        (sample.name, frozenset(sample.labels.items()))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    for selector in selected(promql_parser.parse(rule["expr"])):
        if selector.name.startswith(("plain_bridge_requests_", "plain_bridge_events_")):
            wanted = {(one.name, one.value) for one in selector.matchers.matchers}
            assert any(name == selector.name and wanted <= labels for name, labels in fresh)


def test_names_no_alert_twice() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names))
