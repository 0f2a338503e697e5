"""Resources: who tells. https://opentelemetry.io/docs/specs/semconv/resource/"""

from hashlib import sha256
from uuid import UUID

from akeso.worlds.dialects.tally.tally import Tally
from akeso.worlds.dialects.wire.otlp import Value, resource
from akeso.worlds.estate.service import Runtime, Service, ServiceKind

_SDK = {
    Runtime.PYTHON: ("python", "1.38.0"),
    Runtime.JAVA: ("java", "1.55.0"),
    Runtime.GO: ("go", "1.38.0"),
    Runtime.NODE: ("nodejs", "2.1.0"),
    Runtime.DOTNET: ("dotnet", "1.13.1"),
    Runtime.NATIVE: ("cpp", "1.23.0"),
}
_PROCESS = {
    Runtime.PYTHON: ("CPython", "3.12.11"),
    Runtime.JAVA: ("OpenJDK Runtime Environment", "21.0.8+9-LTS"),
    Runtime.GO: ("go", "go1.25.1"),
    Runtime.NODE: ("nodejs", "22.19.0"),
    Runtime.DOTNET: (".NET", "8.0.20"),
    Runtime.NATIVE: ("", ""),
}


def process_resource(tally: Tally, row: int, *, old: bool) -> dict[str, Value]:
    """What an SDK says of its process, with its detectors as they come. old: names before version 1.27 of the
    conventions (`deployment.environment`)."""
    census = tally.census
    instance = census.instances[row]
    service = census.services[instance.service]
    language, sdk = _SDK[service.runtime]
    name, version = _PROCESS[service.runtime]
    found: dict[str, Value] = {
        "telemetry.sdk.language": language,
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.version": sdk,
        "service.name": service.name,
        "service.version": instance.version,
        "service.instance.id": identity(f"{instance.uid}/{int(tally.lives.number[row])}"),
        "deployment.environment" if old else "deployment.environment.name": census.estate.environment,
        "host.name": census.estate.nodes[instance.node].name if service.alone else instance.name,
        "process.pid": 1 if not service.alone else 1000 + row,
    }
    if name:
        found |= {"process.runtime.name": name, "process.runtime.version": version}
    return found


def kubernetes_resource(tally: Tally, row: int) -> dict[str, Value]:
    """What the collector's k8sattributes processor adds to a pod's telemetry; nothing for who stands alone.

    https://github.com/open-telemetry/opentelemetry-collector-contrib/tree/main/processor/k8sattributesprocessor
    """
    census = tally.census
    instance = census.instances[row]
    service = census.services[instance.service]
    if service.alone:
        return {}
    return {
        "k8s.cluster.name": census.estate.cluster,
        "k8s.namespace.name": service.namespace,
        f"k8s.{workload_of(service)}.name": service.name,
        "k8s.pod.name": instance.name,
        "k8s.pod.uid": identity(instance.uid),
        "k8s.pod.ip": instance.ip,
        "k8s.node.name": census.estate.nodes[instance.node].name,
        "k8s.container.name": service.name,
    }


class Resources:
    """Resources as bytes, once for each life of a process. enriched: a collector adds what Kubernetes knows."""

    def __init__(self, tally: Tally, *, old: bool, enriched: bool) -> None:
        self._tally, self._old, self._enriched = tally, old, enriched
        self._made: dict[tuple[int, int, int], bytes] = {}

    def of(self, row: int) -> bytes:
        """Of the process that now lives in a row, as the first field of a Resource… message."""
        lives = self._tally.lives
        key = (row, int(lives.number[row]), int(lives.pods[row]))
        found = self._made.get(key)
        if found is None:
            pairs = process_resource(self._tally, row, old=self._old)
            found = resource(pairs | (kubernetes_resource(self._tally, row) if self._enriched else {}))
            self._made[key] = found
        return found


def workload_of(service: Service) -> str:
    """The kind of Kubernetes object that owns its pods, in lower case."""
    if service.kind is ServiceKind.BATCH:
        return "cronjob"
    return "statefulset" if service.stores else "deployment"


def identity(text: str) -> str:
    """A UUID of version 4's form that stays the same for the same text."""
    return str(UUID(bytes=sha256(text.encode()).digest()[:16], version=4))
