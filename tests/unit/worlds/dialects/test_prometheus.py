"""A Prometheus server's remote write, and its answers."""

import json

import numpy as np
import pytest

from akeso.domain.telemetry.batches import Temporality
from akeso.testing.small_world import ESTATE, START, SmallWorld
from akeso.testing.telling import Ear, Heard, rises
from akeso.worlds.answers import Answer
from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.prometheus import Prometheus, PrometheusOptions
from akeso.worlds.dialects.registry import expositions
from akeso.worlds.dialects.tally.tally import Tally

MINUTE = 60


def server(every_s: float | None = None, **options: object) -> Prometheus:
    assignment = Assignment(ESTATE, frozenset(range(9)), START, 7, Tally(), np.random.default_rng(3), every_s)
    return Prometheus(assignment, PrometheusOptions.model_validate(options))


def run(world: SmallWorld, ticks: int, teller: Prometheus, ear: Ear) -> Heard:
    """What is heard of some more ticks."""
    for _ in range(ticks):
        observation = world.tick()
        teller.observe(observation)
        ear.hear(teller.due(observation.end))
    return ear.heard


def told(world: SmallWorld, ticks: int, every_s: float | None = None, **options: object) -> Heard:
    return run(world, ticks, server(every_s, **options), Ear())


@pytest.mark.parametrize("version", [1, 2])
def test_targets_are_scraped_every_15_s(version: int) -> None:
    heard = told(SmallWorld(rate=2), MINUTE, version=version)

    gaps = {int(gap) for points in heard.points("up").values() for gap in np.diff([at for at, _ in points])}
    assert gaps == {15 * 10**9}


@pytest.mark.parametrize("version", [1, 2])
def test_every_exporter_that_fits_is_told(version: int) -> None:
    metrics = told(SmallWorld(rate=2), 25, version=version).metrics

    assert {
        "flask_http_request_duration_seconds",
        "http_server_requests_seconds",
        "grpc_server_handled_total",
        "nodejs_eventloop_lag_seconds",
        "nginx_ingress_controller_requests",
        "istio_requests_total",
        "pg_up",
        "redis_keyspace_hits_total",
        "rabbitmq_queue_messages_ready",
        "node_cpu_seconds_total",
        "container_cpu_usage_seconds_total",
        "kube_pod_status_phase",
        "probe_success",
        "scrape_samples_scraped",
    } <= metrics


def test_both_versions_say_the_same() -> None:
    first, second = (told(SmallWorld(rate=2), 25, version=version) for version in (1, 2))

    for metric in ("pg_stat_database_xact_commit", "istio_request_duration_milliseconds", "go_goroutines"):
        values = [sorted(p for points in heard.points(metric).values() for p in points) for heard in (first, second)]
        assert values[0] == values[1] != []


def test_counters_only_rise() -> None:
    heard = told(SmallWorld(rate=2), 50, every_s=5.0)
    keys = {heard.table[i] for i in range(len(heard.table))}
    growing = {key.metric for key in keys if key.temporality is Temporality.CUMULATIVE}

    assert len(growing) > 60
    for metric in sorted(growing):
        for key, points in heard.points(metric).items():
            if key.temporality is Temporality.CUMULATIVE:
                assert rises([value for _, value in points]), metric


def test_histograms_count_the_requests() -> None:
    found = told(SmallWorld(rate=3), 40, every_s=1.0, pages=["python_client"]).points(
        "flask_http_request_duration_seconds"
    )

    latest = {key: points[-1][1] for key, points in found.items()}
    count = sum(value for key, value in latest.items() if key.stat == "count")
    beyond = sum(value for key, value in latest.items() if dict(key.attributes).get("le") == "+Inf")
    assert 100 <= count <= 120
    assert beyond == count


def test_a_process_that_is_down_is_up_0_and_its_series_end() -> None:
    world, teller, ear = SmallWorld(rate=2), server(2.0), Ear()
    run(world, 10, teller, ear)
    world.down = set(world.rows("stock"))
    heard = run(world, 10, teller, ear)

    ups = [points for key, points in heard.points("up").items() if key.service == "stock"]
    assert {points[0][1] for points in ups} == {1.0}
    assert {points[-1][1] for points in ups} == {0.0}
    goroutines = [p for k, p in heard.points("go_goroutines").items() if k.service == "stock"]
    assert max(at for points in goroutines for at, _ in points) < START + 13 * 10**9


def test_a_database_that_is_down_is_told_by_its_exporter() -> None:
    world, teller, ear = SmallWorld(rate=2), server(2.0), Ear()
    run(world, 6, teller, ear)
    world.down = set(world.rows("database"))
    heard = run(world, 8, teller, ear)

    assert [points[-1][1] for points in heard.points("pg_up").values()] == [0.0]
    # What an exporter tells is about the database, whatever the exporter's own service is called.
    exporters = [points for key, points in heard.points("up").items() if key.service == "database"]
    assert [points[-1][1] for points in exporters] == [1.0]


def test_a_pod_that_is_replaced_ends_its_series_and_begins_others() -> None:
    world, teller, ear = SmallWorld(rate=2), server(2.0), Ear()
    run(world, 6, teller, ear)
    row = world.rows("stock")[0]
    world.replace(row)
    heard = run(world, 8, teller, ear)

    pods = {dict(key.attributes).get("pod") for key in heard.points("go_goroutines") if key.service == "stock"}
    assert {"stock-0", "stock-0x", "stock-1"} == pods


def test_a_restart_sets_the_counters_of_that_process_back() -> None:
    world, teller, ear = SmallWorld(rate=5), server(1.0, pages=["go_client"]), Ear()
    run(world, 20, teller, ear)
    world.restart(world.rows("stock")[0])
    found = run(world, 5, teller, ear).points("process_cpu_seconds_total")

    values = [[v for _, v in points] for key, points in found.items() if "stock-0" in dict(key.attributes).values()]
    assert values[0][19] > 3
    assert values[0][-1] < 2


def test_errors_are_told_by_status_without_traces() -> None:
    world = SmallWorld(rate=4)
    world.answers["orders"] = Answer.UNAVAILABLE
    found = told(world, 20, every_s=5.0).points("istio_requests_total")

    codes = {(dict(k.attributes)["destination_workload"], dict(k.attributes)["response_code"]) for k in found}
    assert ("orders", "503") in codes


def test_it_can_be_asked_instead() -> None:
    teller = server(5.0, push=False, kept_s=600)
    run(SmallWorld(rate=2), 40, teller, Ear())

    asked = 'pg_up{job="database-exporter"}'
    answer = json.loads(teller.store.query_range(asked, START / 1e9 + 10, START / 1e9 + 35, 5))
    assert answer["data"]["resultType"] == "matrix"
    (series,) = answer["data"]["result"]
    assert [value for _, value in series["values"]] == ["1.0"] * 6
    kept = teller.store.series_between(START, START + 40 * 10**9)
    assert sum(len(each.at) for each in kept if each.labels["__name__"] == "pg_up") == 8


def test_the_end_of_a_series_is_not_answered() -> None:
    world, teller = SmallWorld(rate=1), server(2.0, push=False, kept_s=600)
    run(world, 6, teller, Ear())
    world.down = set(world.rows("stock"))
    run(world, 20, teller, Ear())

    answer = json.loads(teller.store.query_range("go_goroutines{job='stock'}", START / 1e9 + 2, START / 1e9 + 20, 2))
    assert {max(at for at, _ in series["values"]) <= START / 1e9 + 8 for series in answer["data"]["result"]} == {True}


def test_names_of_pages_are_unique() -> None:
    names = [kind.name for kind in expositions()]

    assert len(names) == len(set(names)) == 18
