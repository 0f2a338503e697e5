"""What metrics mean comes from reviewed tables and declared units, never from parts of their names."""

import pytest

from akeso.domain.errors import InvalidSettings
from akeso.domain.telemetry.batches import Attributes, SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.stages.features.metric_meanings import read_meanings, shipped_meanings, signal_of, words_of
from akeso.stages.features.metric_semantics import semantics_of, unit_of


def key(metric: str, unit: str = "", stat: str = "", attributes: Attributes = ()) -> SeriesKey:
    return SeriesKey("t", "s", metric, attributes, unit, stat=stat)


@pytest.mark.parametrize(
    "metric",
    [
        "node_memory_Percpu_bytes",  # bytes, and of no processor
        "node_memory_Cached_bytes",
        "process_virtual_memory_bytes",
        "pg_stat_activity_max_tx_duration",
        "scrape_duration_seconds",
        "python_gc_objects_collected_total",
        "go_memstats_next_gc_bytes",
        "jvm_gc_pause_seconds",
        "rabbitmq_queue_messages_unacked",
    ],
)
def test_what_a_name_only_sounds_like_is_not_what_it_means(metric: str) -> None:
    assert signal_of(key(metric)) is Signal.OTHER


@pytest.mark.parametrize(
    ("metric", "signal"),
    [
        ("process_resident_memory_bytes", Signal.MEMORY),
        ("container_memory_working_set_bytes", Signal.MEMORY),
        ("pg_stat_activity_count", Signal.SATURATION),
        ("rabbitmq_queue_messages_ready", Signal.BACKLOG),
        ("kafka_consumergroup_lag", Signal.BACKLOG),
        ("mysql_global_status_innodb_row_lock_current_waits", Signal.LOCKS),
        ("up", Signal.DOWN),
        ("redis_up", Signal.DOWN),
        ("probe_success", Signal.DOWN),
        ("http.server.request.duration", Signal.LATENCY),
        ("http_server_request_duration_seconds", Signal.LATENCY),
        ("http.client.request.duration", Signal.EDGE_LATENCY),
        ("CPUUtilization", Signal.CPU),
        ("TargetResponseTime", Signal.LATENCY),
    ],
)
def test_well_known_metrics_mean_what_their_authors_say(metric: str, signal: Signal) -> None:
    assert signal_of(key(metric)) is signal


def test_unknown_names_mean_something_only_by_their_last_whole_words_and_their_unit() -> None:
    assert signal_of(key("checkout_request_duration_seconds", stat="mean")) is Signal.LATENCY
    assert signal_of(key("checkout.request.duration", "s")) is Signal.LATENCY
    assert signal_of(key("checkout.request.duration", "{parcel}")) is Signal.OTHER
    assert signal_of(key("orders_queue_depth")) is Signal.BACKLOG
    assert signal_of(key("queue_capacity")) is Signal.OTHER
    assert signal_of(key("queueing_theory_lectures")) is Signal.OTHER
    assert signal_of(key("error_rate_limit")) is Signal.OTHER
    assert signal_of(key("cpuset_changes")) is Signal.OTHER


def test_what_a_client_measures_of_unknown_names_is_of_its_calls() -> None:
    assert signal_of(key("ledger_client_latency", "ms")) is Signal.EDGE_LATENCY


def test_what_is_free_of_a_pool_says_nothing() -> None:
    assert signal_of(key("db.client.connection.count", attributes=(("state", "idle"),))) is Signal.OTHER
    assert signal_of(key("node_cpu_seconds_total", stat="rate", attributes=(("mode", "idle"),))) is Signal.OTHER


def test_rates_of_counters_carry_what_is_counted() -> None:
    assert signal_of(key("process_cpu_seconds_total", stat="rate")) is Signal.CPU
    assert signal_of(key("http_requests_total", stat="rate")) is Signal.TRAFFIC
    assert signal_of(key("pg_stat_database_deadlocks", stat="rate")) is Signal.LOCKS
    assert signal_of(key("redis_evicted_keys_total", stat="rate")) is Signal.OTHER


def test_every_entry_names_a_page_an_entity_and_a_direction_of_harm() -> None:
    known = shipped_meanings().known
    assert len(known) > 400
    assert all(meaning.page.startswith("https://") and meaning.entity and meaning.harm for meaning in known.values())
    assert known["up"].harm == "down"
    assert known["http_requests_total"].harm == "none"


def test_units_come_from_the_sender_then_from_what_is_known_then_from_the_name() -> None:
    assert unit_of(key("envoy_cluster_upstream_rq_time")) == "ms"
    assert unit_of(key("envoy_cluster_upstream_rq_time", "us")) == "us"
    assert unit_of(key("my_wait_microseconds")) == "us"


def test_whether_instances_are_up_is_averaged_and_how_many_connections_there_are_is_not() -> None:
    assert semantics_of(key("up")).averaged
    assert not semantics_of(key("pg_stat_activity_count")).averaged


def test_words_are_whole_and_the_unit_is_told_apart() -> None:
    assert words_of("http.server.request.duration") == (("http", "server", "request", "duration"), "")
    assert words_of("jobs_wait_seconds_total") == (("jobs", "wait"), "time")
    assert words_of("CPUUtilization") == (("cpu", "utilization"), "")
    assert words_of("checkout_error_ratio") == (("checkout", "error", "ratio"), "")


def test_a_file_of_ones_own_adds_and_overrides() -> None:
    own = read_meanings(
        "- page: https://example.org/metrics\n  entity: service\n"
        "  metrics: {shop_wait: {type: gauge, unit: s, role: latency}, redis_up: {type: gauge, role: information}}\n",
        "own.yaml",
    )
    both = shipped_meanings().with_more(own)
    assert both.signal(key("shop_wait")) is Signal.LATENCY
    assert both.signal(key("redis_up")) is Signal.OTHER
    assert both.signal(key("pg_up")) is Signal.DOWN


def test_a_file_that_does_not_hold_together_is_refused_with_the_place() -> None:
    with pytest.raises(InvalidSettings, match=r"own.yaml: 0.metrics.a.role"):
        read_meanings("- page: https://example.org\n  metrics: {a: {type: gauge, role: nonsense}}", "own.yaml")
    with pytest.raises(InvalidSettings, match="is no YAML"):
        read_meanings("- {", "own.yaml")
