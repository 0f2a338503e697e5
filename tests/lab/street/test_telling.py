import tomllib
from pathlib import Path

import pytest
import yaml

from akeso.lab.street.stack.ports import USUAL
from akeso.lab.street.stack.watchers import Listeners, alertmanager_text, prometheus_text
from akeso.lab.street.telling.ways import WAYS, UnknownWay, way_of

AKESO = "http://127.0.0.1:8321"
RULES = Path(__file__).parents[3] / "src/akeso/lab/street/stack/rules.yaml"


def test_there_are_four_ways() -> None:
    assert list(WAYS) == ["otlp", "write", "everything", "pull"]


def test_an_unknown_way_is_refused() -> None:
    with pytest.raises(UnknownWay, match="carrier pigeon"):
        way_of("carrier pigeon")


@pytest.mark.parametrize(("way", "sends"), [("otlp", False), ("write", True), ("everything", True), ("pull", False)])
def test_prometheus_and_alertmanager_send_in_two_of_them(way: str, sends: bool) -> None:
    listeners = way_of(way).listeners(AKESO)
    assert bool(listeners.remote_write) == bool(listeners.webhook) == sends
    assert ("remote_write" in prometheus_text(USUAL, listeners)) == sends
    assert ("webhook_configs" in alertmanager_text(listeners)) == sends


def test_nobody_is_told_when_there_is_nobody() -> None:
    assert way_of("everything").listeners(None).remote_write is None


def test_akeso_is_set_to_ask_both() -> None:
    (setting,) = way_of("pull").settings(USUAL)
    asked = tomllib.loads(setting)["pull"]
    assert [(each["kind"], each["every"]) for each in asked] == [("prometheus", 15), ("alertmanager", 15)]


@pytest.mark.parametrize("way", ["otlp", "write", "everything"])
def test_the_other_ways_set_nothing(way: str) -> None:
    assert way_of(way).settings(USUAL) == ()


def test_every_part_of_the_stack_is_scraped_at_the_default_pace() -> None:
    document = yaml.safe_load(prometheus_text(USUAL, Listeners()))
    jobs = {each["job_name"]: each["static_configs"][0]["targets"] for each in document["scrape_configs"]}
    assert document["global"]["scrape_interval"] == "15s"
    assert jobs["catalog"] == ["127.0.0.1:8001", "127.0.0.1:8002"]
    assert {"node", "postgres", "redis", "rabbitmq", "web", "loans", "mailer"} < jobs.keys()


def test_the_alert_rules_say_whom_they_are_about() -> None:
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    names = [rule["alert"] for rule in group["rules"]]
    assert {"InstanceDown", "RedisDown", "PostgresqlDown", "HostOutOfMemory", "HostHighCpuLoad"} < set(names)
    assert all(rule["labels"]["severity"] and rule["annotations"]["summary"] for rule in group["rules"])
