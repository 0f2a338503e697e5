"""Names of entities, the lack of one, and other names of the same."""

from collections.abc import Mapping
from types import MappingProxyType

FALLBACK = "unknown_service"
"""What is called so has no name: two of them have nothing to do with each other."""


def is_fallback(name: str) -> bool:
    """Whether a name says only that none is known. OpenTelemetry's SDKs write `unknown_service:python`."""
    return not name or name == FALLBACK or name.startswith((f"{FALLBACK}:", "unnamed "))


def unnamed(title: str, identity: str) -> str:
    """A name for what has none, that nothing else has."""
    return f"unnamed {title} ({identity[:8]})"


# Names by which people, exporters and OpenTelemetry call the same product.
_PRODUCTS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("postgres", "postgresql", "pg", "pgsql"), "postgresql"),
        **dict.fromkeys(("mysql", "mysqld", "mariadb"), "mysql"),
        **dict.fromkeys(("mongo", "mongodb"), "mongodb"),
        **dict.fromkeys(("rabbit", "rabbitmq"), "rabbitmq"),
        **dict.fromkeys(("redis", "valkey"), "redis"),
        **dict.fromkeys(("elastic", "elasticsearch"), "elasticsearch"),
    }
)


class Aliases:
    """The services that are known, found by the other names they are called by: a host name whose first label is the
    service's name, or another name of the same product. Where two services would fit, none does."""

    def __init__(self) -> None:
        self._services: set[str] = set()
        self._products: dict[str, str | None] = {}

    def add(self, service: str) -> None:
        """A service is known by this name."""
        if service in self._services or is_fallback(service):
            return
        self._services.add(service)
        product = _PRODUCTS.get(service.lower())
        if product is not None:
            self._products[product] = service if product not in self._products else None

    def of(self, name: str) -> str:
        """The known service that is meant by a name; the name itself where none is."""
        if name in self._services:
            return name
        beside, _, own = name.rpartition("/")
        host = own.partition(":")[0]
        label = host.partition(".")[0] if not host.replace(".", "").isdecimal() else ""
        for candidate in (host, label):
            full = f"{beside}/{candidate}" if beside else candidate
            if candidate and full in self._services:
                return full
        found = self._products.get(_PRODUCTS.get(label.lower(), "")) if not beside else None
        return found or name
