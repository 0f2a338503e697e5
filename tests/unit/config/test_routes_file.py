"""routes.yaml is read as a team writes it, and what is wrong in it is named."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from akeso.config.routes_file import load_routes
from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import AkesoError, InvalidSettings
from akeso.faces.cli.notify import app
from akeso.stages.notification.rotation import on_call
from akeso.stages.notification.rules import Rules

WHOLE = """
routes:
  - name: shop
    match: {owner: shop, service: ["cart*"], severity: error, notices: [opened, escalated], labels: {zone: eu}}
    tell: [chat, on-call]
    escalate: shop
    quiet: night
    go_on: true
  - tell: chat
otherwise: [chat]
people:
  ann: [ann-pager, chat]
rotations:
  on-call:
    people: [ann, bob-pager]
    first_day: 2030-01-07
    hand_over: daily
    at: 9:30
    zone: Europe/Berlin
    overrides:
      - {who: ann, from: 2030-01-08T00:00:00Z, until: 2030-01-09T00:00:00Z}
chains:
  shop:
    steps: [{call: on-call}, {call: chat}]
    unanswered: {critical: 5m, warning: 2h}
    rounds: 2
quiet_hours:
  night: {from: 22:00, until: 7:00, zone: Europe/Berlin, below: error, whole_days: [sunday]}
limits: {together: 1m, most: 5}
channel_limits:
  chat: {together: 0}
"""
CHANNELS = ("chat", "ann-pager", "bob-pager")


def read(tmp_path: Path, text: str) -> Rules:
    file = tmp_path / "routes.yaml"
    file.write_text(text)
    return load_routes(file, CHANNELS)


def test_all_that_can_be_said_is_understood(tmp_path: Path) -> None:
    rules = read(tmp_path, WHOLE)
    assert [(r.name, r.tell, r.goes_on) for r in rules.routes] == [
        ("shop", ("chat", "on-call"), True),
        ("route 2", ("chat",), False),
    ]
    assert rules.chains["shop"].waits[Severity.CRITICAL] == timedelta(minutes=5)
    assert rules.chains["shop"].waits[Severity.ERROR] == timedelta(minutes=30)
    assert rules.quiet["night"].start == time(22)
    assert on_call(rules.rotations["on-call"], datetime(2030, 1, 8, 8, 29, tzinfo=UTC)) == "ann"
    assert on_call(rules.rotations["on-call"], datetime(2030, 1, 10, 8, 29, tzinfo=UTC)) == "ann"
    assert on_call(rules.rotations["on-call"], datetime(2030, 1, 10, 8, 30, tzinfo=UTC)) == "bob-pager"
    assert rules.channel_limits["chat"].together == timedelta(0)


def test_a_file_that_says_nothing_tells_everybody(tmp_path: Path) -> None:
    assert read(tmp_path, "").otherwise == CHANNELS


@pytest.mark.parametrize(
    ("wrong", "by", "field", "reason"),
    [
        ("tell: chat\n", "tell: chatt\n", "routes[1].tell", "there is no chatt; there are"),
        ("escalate: shop", "escalate: shopp", "routes[0].escalate", "there is no shopp"),
        ("quiet: night", "quiet: nights", "routes[0].quiet", "there is no nights"),
        ("{call: chat}", "{call: cat}", "chains.shop.steps[1].call", "there is no cat"),
        ("who: ann", "who: dora", "rotations.on-call.overrides", "there is no dora"),
        ("ann: [ann-pager", "ann: [pager", "people.ann", "there is no pager"),
        ("zone: Europe/Berlin\n", "zone: Berlin\n", "rotations.on-call.zone", "is no time zone"),
        ("critical: 5m", "critical: soon", "chains.shop.unanswered.critical", "has to be a duration"),
        ("critical: 5m", "urgent: 5m", "chains.shop.unanswered.urgent", "is none of"),
        ("severity: error", "severity: bad", "routes[0].match.severity", "is none of"),
        ("from: 22:00, until", "from: late, until", "quiet_hours.night.from", "has to be a time of day"),
        ("notices: [opened", "notices: [begun", "routes[0].match.notices[0]", "Input should be"),
        ("go_on: true", "goes_on: true", "routes[0].goes_on", "Extra inputs"),
        ("ann: [ann-pager, chat]", "ann-pager: [chat]\n  ann: [chat]", "people.ann-pager", "something else"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(tmp_path: Path, wrong: str, by: str, field: str, reason: str) -> None:
    assert wrong in WHOLE
    with pytest.raises(InvalidSettings) as refused:
        read(tmp_path, WHOLE.replace(wrong, by, 1))
    assert field in refused.value.field
    assert reason in refused.value.reason


@pytest.fixture
def settings(tmp_path: Path) -> str:
    (tmp_path / "routes.yaml").write_text(WHOLE.replace("owner: shop, ", "").replace(", labels: {zone: eu}", ""))
    lines = [f'routes = "{tmp_path / "routes.yaml"}"']
    lines += [f'[notifiers.{name}]\nkind = "webhook"\nurl = "http://127.0.0.1:1/x"' for name in CHANNELS]
    (tmp_path / "akeso.toml").write_text("\n".join(lines))
    return str(tmp_path / "akeso.toml")


def test_check_says_what_there_is_and_who_is_never_told(settings: str) -> None:
    said = CliRunner().invoke(app, ["check", "--config", settings], catch_exceptions=False)
    assert said.output.splitlines() == [
        "channels: chat, ann-pager, bob-pager",
        "routes: 2, chains: 1, rotations: 1",
    ]


def test_route_says_who_would_be_told_and_who_next(settings: str) -> None:
    asked = [
        "route",
        "--service",
        "cart",
        "--severity",
        "critical",
        "--at",
        "2030-01-07T12:00:00Z",
        "--config",
        settings,
    ]
    said = CliRunner().invoke(app, asked, catch_exceptions=False).output.splitlines()
    assert said[0] == "2030-01-07T12:00:00+00:00  chat, ann-pager: shop"
    assert said[1] == "2030-01-07T12:00:00+00:00  ann-pager, chat: shop, step 1, unless somebody acknowledged it"
    assert said[2] == "2030-01-07T12:05:00+00:00  chat: shop, step 2, unless somebody acknowledged it"
    assert len(said) == 5


def test_a_channel_that_does_not_work_says_so_and_one_that_is_not_there_too(settings: str) -> None:
    with pytest.raises(AkesoError, match="cannot be reached"):
        CliRunner().invoke(app, ["test", "chat", "--config", settings], catch_exceptions=False)
    with pytest.raises(AkesoError, match="there is no notifier pigeon"):
        CliRunner().invoke(app, ["test", "pigeon", "--config", settings], catch_exceptions=False)
