"""What a team says about its services (services.yaml). Everything is optional; an unknown service gets the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from types import MappingProxyType

Binding = Mapping[str, str]


class Trust(IntEnum):
    """The trust ladder, per service and action."""

    OBSERVE = 0  # diagnose only
    SUGGEST = 1  # write the plan, propose nothing for execution
    APPROVE = 2  # execute what a person approved
    AUTO = 3  # execute what policy allows


class Bound(StrEnum):
    """Kinds of binding: through what a service can be acted on."""

    PROCESS = "process"
    RELEASE = "release"
    CONFIGURATION = "configuration"
    QUEUE = "queue"
    DATABASE = "database"
    FALLBACK = "fallback"
    WEBHOOK = "webhook"


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """One service. `latency_slo_ms` and `error_slo` (a fraction) are None where the team states none; slow_slo: the
    fraction of calls that may be slower; alert_budget: false alarms a week that are acceptable (None: the setting)."""

    name: str
    tier: int = 3
    owner: str = ""
    environment: str = "production"
    minimum_healthy: int = 1
    external: bool = False
    latency_slo_ms: float | None = None
    error_slo: float | None = None
    slow_slo: float = 0.01
    alert_budget: float | None = None
    trust: Trust | None = None  # None: the global setting
    action_trust: Mapping[str, Trust] = field(default_factory=lambda: MappingProxyType({}))
    bindings: Mapping[str, Binding] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Services:
    """All services a team has described."""

    specs: Mapping[str, ServiceSpec] = field(default_factory=lambda: MappingProxyType({}))

    def __getitem__(self, name: str) -> ServiceSpec:
        """The described service, or one with defaults."""
        return self.specs.get(name) or ServiceSpec(name)

    def trust(self, service: str, action: str, default: Trust) -> Trust:
        """How far `action` is trusted on `service`: the action's own rung, else the service's, else `default`."""
        spec = self[service]
        return spec.action_trust.get(action, default if spec.trust is None else spec.trust)
