"""Which port everything listens on: the usual one in a network of its own, a free one otherwise."""

from collections.abc import Mapping

from akeso.lab.shop.ports import free_ports

USUAL: Mapping[str, int] = {
    "nginx": 80, "inner": 8080, "inner_tls": 8443,
    "web": 8000, "catalog_0": 8001, "catalog_1": 8002, "loans": 8003, "mailer": 8004,
    "postgres": 5432, "redis": 6379, "rabbitmq": 5672, "rabbitmq_nodes": 25672, "rabbitmq_metrics": 15692, "epmd": 4369,
    "prometheus": 9090, "alertmanager": 9093, "node": 9100, "postgres_exporter": 9187, "redis_exporter": 9121,
    "supervisor": 9001, "visitors": 7000, "akeso": 8321,
}  # fmt: skip


def chosen_ports(own_network: bool) -> dict[str, int]:
    """A port a name."""
    if own_network:
        return dict(USUAL)
    return dict(zip(USUAL, free_ports(len(USUAL)), strict=True))
