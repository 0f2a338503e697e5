"""Who labels are about, by rules that a team can read and change."""

import pytest

from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.identity import is_fallback, unnamed
from akeso.protocols.entities import entity_of, read_rules

STATE = {"job": "kube-state-metrics", "service": "kube-prometheus-stack-kube-state-metrics"}


@pytest.mark.parametrize(
    ("labels", "kind", "name"),
    [
        ({"service": "cart", "job": "api"}, "service", "cart"),
        ({**STATE, "deployment": "cart", "namespace": "shop"}, "workload", "cart"),
        ({**STATE, "statefulset": "orders-db"}, "workload", "orders-db"),
        ({**STATE, "daemonset": "logs"}, "workload", "logs"),
        ({**STATE, "job_name": "nightly-invoice-28391412"}, "workload", "nightly-invoice"),
        ({**STATE, "pod": "cart-7d9f8b6c5-x2x4z", "container": "cart"}, "workload", "cart"),
        ({**STATE, "pod": "orders-db-0", "container": "postgres"}, "workload", "orders-db"),
        ({**STATE, "pod": "logs-x2x4z"}, "workload", "logs"),
        ({"job": "kubelet", "persistentvolumeclaim": "data-orders-db-0"}, "volume", "data-orders-db-0"),
        ({**STATE, "node": "worker-3"}, "node", "worker-3"),
        ({"job": "node-exporter", "instance": "db-7.internal:9100"}, "host", "db-7.internal"),
        ({"job": "node", "instance": "10.0.0.7:9100"}, "host", "10.0.0.7:9100"),
        ({"job": "redis-exporter", "instance": "redis://sessions.internal:6379"}, "service", "sessions.internal"),
        ({"job": "postgres-exporter", "instance": "10.1.2.3:9187"}, "service", "postgres"),
        ({"job": "orders-db-exporter", "service": "orders-db-exporter", "pod": "orders-db-0"}, "workload", "orders-db"),
        ({"job": "api", "instance": "10.0.0.3:8080"}, "service", "api"),
        ({"com_docker_compose_service": "web", "job": "docker"}, "service", "web"),
        ({"unit": "nginx.service", "instance": "web-1"}, "service", "nginx"),
        ({"queue": "invoices"}, "queue", "invoices"),
        ({"instance": "https://example.org:8443/health"}, "service", "example.org"),
        ({"cluster": "eu"}, "", "unknown_service"),
    ],
)
def test_the_entity_is_what_is_named_and_not_who_told_it(labels: dict[str, str], kind: str, name: str) -> None:
    entity = entity_of(labels)
    assert (entity.kind, entity.name) == (kind, name)


def test_what_runs_beside_production_is_something_else() -> None:
    assert entity_of({"service": "cart", "namespace": "prod"}).name == "cart"
    assert entity_of({"service": "cart", "environment": "production"}).name == "cart"
    assert entity_of({"service": "cart", "namespace": "staging"}).name == "staging/cart"
    assert entity_of({"service": "cart", "env": "qa", "namespace": "shop"}).name == "qa/cart"


def test_names_that_say_only_that_none_is_known_are_told_apart() -> None:
    assert is_fallback("unknown_service")
    assert is_fallback("unknown_service:python")
    assert is_fallback(unnamed("BackupFailed", "0123456789abcdef"))
    assert not is_fallback("cart")
    assert unnamed("BackupFailed", "0123456789") != unnamed("BackupFailed", "9876543210")


def test_rules_of_ones_own_are_checked() -> None:
    own = read_rules("rules: [{kind: service, labels: [team_app]}]", "own.yaml")
    assert entity_of({"team_app": "cart", "service": "other"}, own).name == "cart"
    with pytest.raises(InvalidSettings, match=r"own.yaml: rules.0.takes"):
        read_rules("rules: [{kind: service, labels: [a], takes: nonsense}]", "own.yaml")
