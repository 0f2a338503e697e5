"""The library's own services: their code and settings as versions, and the commands that run them."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import akeso
from akeso.lab.errors import ShopError
from akeso.lab.shop.folder import write_atomically
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.facts import Addresses
from akeso.lab.street.stack.programs import Program

SERVICES = ("web", "catalog", "loans", "mailer")
JOB = "overdue"
CODE: Mapping[str, tuple[str, ...]] = {
    "web": ("web.py", "gunicorn_settings.py", "settings.py"),
    "catalog": ("catalog.py", "release.py", "settings.py"),
    "loans": ("loans.py", "settings.py"),
    "mailer": ("mailer.py", "settings.py"),
    JOB: ("overdue.py", "settings.py"),
}
# gunicorn reads a file of this name by itself.
DELIVERED_AS = {"gunicorn_settings.py": "gunicorn.conf.py"}
FIRST_RELEASES = ("2.4.0", "2.4.1")
FIRST_CONFIGURATIONS = ("1", "2")
QUEUE = "notices"
ENVIRONMENT = Path(akeso.__file__).parents[2] / ".services" / "street" / "venv" / "bin"
VIRTUAL_MEMORY_KB = 1_600_000


def street_python() -> Path:
    """The interpreter of the street's own environment. Raises ShopError without it."""
    python = ENVIRONMENT / "python"
    if not python.exists():
        raise ShopError(f"{python} is missing; `bash scripts/services.sh up` makes it")
    return python


def deliver_first(folder: StreetFolder, addresses: Addresses) -> None:
    """Two equal releases and two equal sets of settings of each service: a current and a previous one."""
    for service in CODE:
        releases, configurations = folder.releases(service), folder.configurations(service)
        for version in FIRST_RELEASES:
            releases.add(version, release_files(service, version))
            releases.promote(version)
        for version in FIRST_CONFIGURATIONS:
            configurations.add(version, {"settings.toml": toml(first_settings(service, addresses))})
            configurations.promote(version)


def release_files(service: str, version: str) -> dict[str, str]:
    """The code of a release that works."""
    code = resources.files("akeso.lab.street.application")
    files = {DELIVERED_AS.get(name, name): code.joinpath(name).read_text() for name in CODE[service]}
    return files | {"VERSION": version}


def first_settings(service: str, addresses: Addresses) -> dict[str, str | int | float]:
    """What a service's settings say on a good day."""
    match service:
        case "web":
            reached = {"catalog_url": addresses.catalog, "loans_url": addresses.loans}
            return {**reached, "redis_url": addresses.redis, "timeout_s": 5}
        case "catalog":
            stores = {"database_url": addresses.database, "redis_url": addresses.redis}
            return {**stores, "similar": 3, "cache_s": 20}
        case "loans" | "mailer":
            return {"database_url": addresses.database, "queue_url": addresses.queue, "queue": QUEUE}
        case _:
            return {"database_url": addresses.database, "parts": 8, "pause_s": 0.7}


def toml(settings: Mapping[str, str | int | float]) -> str:
    """The settings as a file has them."""
    return "".join(
        f"{key} = {value!r}\n" if isinstance(value, str) else f"{key} = {value}\n" for key, value in settings.items()
    )


@dataclass(frozen=True, slots=True)
class Exported:
    """Where OpenTelemetry sends to. key: Akeso's, when it wants one."""

    url: str
    key: str | None = None


def service_programs(folder: StreetFolder, addresses: Addresses, otlp: Exported | None) -> tuple[Program, ...]:
    """Write the start scripts; returns the programs. otlp: where OpenTelemetry sends, None for not at all."""
    ports, start = addresses.ports, _Starter(folder, otlp)
    listen = "--host 127.0.0.1 --port"
    web = f"gunicorn --bind 127.0.0.1:{ports['web']} web:app"
    multiple = folder.at("web-metrics")
    return (
        start.program(
            "web", web, PROMETHEUS_MULTIPROC_DIR=str(multiple),
            REQUESTS_CA_BUNDLE=str(folder.certificates / "ca.pem"),
        ),
        start.program("catalog", f"uvicorn catalog:app {listen} {ports['catalog_0']}", name="catalog_0"),
        start.program("catalog", f"uvicorn catalog:app {listen} {ports['catalog_1']}", name="catalog_1"),
        start.program("loans", f"uvicorn loans:app {listen} {ports['loans']}"),
        start.program("mailer", "python mailer.py", METRICS_PORT=str(ports["mailer"])),
        start.program(JOB, "python overdue.py", phase=None),
    )  # fmt: skip


class _Starter:
    def __init__(self, folder: StreetFolder, otlp: Exported | None) -> None:
        self._folder, self._otlp = folder, otlp

    def program(self, service: str, command: str, name: str = "", phase: int | None = 2, **environment: str) -> Program:
        script = self._folder.at("start") / f"{service}.sh"
        write_atomically(script, self._script(service))
        settings = self._folder.configurations(service).root / "current" / "settings.toml"
        told = {
            "PATH": f"{ENVIRONMENT}:/usr/bin:/bin",
            "SETTINGS": str(settings),
            "NO_PROXY": "*",
            "PYTHONPATH": "",
            "MALLOC_ARENA_MAX": "2",
        }
        return Program(
            name or service,
            ["/bin/sh", str(script), *command.split()],
            group=service,
            phase=phase,
            environment=told | environment | self._telemetry(service),
        )

    def _script(self, service: str) -> str:
        code = self._folder.releases(service).root / "current"
        instrument = "opentelemetry-instrument " if self._otlp else ""
        return (
            "#!/bin/sh\n"
            f"cd {code}\n"
            f"ulimit -v {VIRTUAL_MEMORY_KB}\n"
            'export OTEL_RESOURCE_ATTRIBUTES="service.version=$(cat VERSION)"\n'
            f'exec {instrument}"$@"\n'
        )

    def _telemetry(self, service: str) -> dict[str, str]:
        if self._otlp is None:
            return {}
        key = {"OTEL_EXPORTER_OTLP_HEADERS": f"x-api-key={self._otlp.key}"} if self._otlp.key else {}
        return {
            **key,
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_ENDPOINT": self._otlp.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_LOGS_EXPORTER": "otlp",
            "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
        }
