"""The four ways in which Akeso is told of a street, each with its tools' defaults."""

from collections.abc import Mapping
from dataclasses import dataclass

from akeso.lab.errors import LabError
from akeso.lab.street.stack.watchers import SCRAPE_EVERY, Listeners


class UnknownWay(LabError):
    """No such way of telling."""


@dataclass(frozen=True, slots=True)
class Way:
    """otlp: the services run under `opentelemetry-instrument`. write: Prometheus and Alertmanager send. pull: Akeso
    asks both. changes: deploys and scaling are told as change events."""

    name: str
    about: str
    otlp: bool = False
    write: bool = False
    pull: bool = False
    changes: bool = False

    def listeners(self, akeso_url: str | None, key: str | None = None) -> Listeners:
        """Where Prometheus and Alertmanager send to, and with which key."""
        if akeso_url is None or not self.write:
            return Listeners()
        return Listeners(f"{akeso_url}/api/v1/write", f"{akeso_url}/api/v1/alerts/alertmanager", key)

    def settings(self, ports: Mapping[str, int]) -> tuple[str, ...]:
        """Akeso's settings for it, as `name=value`."""
        if not self.pull:
            return ()
        pace = f"every={SCRAPE_EVERY.removesuffix('s')}"
        selector = "{job!='prometheus'}"
        prometheus = (
            f'{{kind="prometheus", url="http://127.0.0.1:{ports["prometheus"]}", {pace}, queries=["{selector}"]}}'
        )
        alertmanager = f'{{kind="alertmanager", url="http://127.0.0.1:{ports["alertmanager"]}", {pace}}}'
        return (f"pull=[{prometheus}, {alertmanager}]",)


WAYS: dict[str, Way] = {
    way.name: way
    for way in (
        Way("otlp", "OpenTelemetry of the services only", otlp=True),
        Way("write", "Prometheus' remote write and Alertmanager's webhook", write=True),
        Way("everything", "both, and change events", otlp=True, write=True, changes=True),
        Way("pull", "Akeso asks Prometheus and Alertmanager", pull=True),
    )
}


def way_of(name: str) -> Way:
    """The way of that name. Raises UnknownWay."""
    if name not in WAYS:
        raise UnknownWay(f"unknown way of telling {name!r}; known: {', '.join(WAYS)}")
    return WAYS[name]
