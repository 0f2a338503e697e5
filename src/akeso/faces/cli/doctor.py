"""`akeso doctor`: is everything in place?"""

import importlib.util
import os
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
from rich.console import Console
from rich.markup import escape

from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import AkesoError
from akeso.domain.estate.service import Services
from akeso.faces.cli.client import DEFAULT_URL, Client, Key, Url

EXTRAS = {
    "postgres": "asyncpg", "kafka": "confluent_kafka", "grpc": "grpc", "queue": "redis", "lab": "supervisor",
    "embeddings": "onnxruntime", "mlflow": "mlflow", "llm": "pydantic_ai",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """good: True fine, False broken, None absent but not needed."""

    what: str
    good: bool | None
    detail: str


def doctor(
    config: Annotated[Path | None, typer.Option(help="Settings file.")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    url: Url = DEFAULT_URL,
    key: Key = "",
) -> None:
    """Check settings, files, extras and reachability; exit code 1 when something is broken."""
    console = Console()
    broken = False
    for finding in _examine(config, data, url, key):
        mark = {True: "[green]ok[/green]", False: "[red]broken[/red]", None: "[dim]absent[/dim]"}[finding.good]
        console.print(f"{mark:>20}  {escape(finding.what)}: {escape(finding.detail)}", highlight=False)
        broken |= finding.good is False
    raise typer.Exit(1 if broken else 0)


def _examine(config: Path | None, data: Path | None, url: str, key: str) -> Iterator[Finding]:
    yield Finding("Python", sys.version_info >= (3, 11), sys.version.split()[0])
    for extra, module in EXTRAS.items():
        found = importlib.util.find_spec(module) is not None
        yield Finding(f"extra [{extra}]", True if found else None, "installed" if found else "not installed")
    try:
        settings = load_settings(config, {"data": str(data)} if data else {})
    except AkesoError as error:
        yield Finding("settings", False, str(error))
        return
    yield Finding("settings", True, str(config or "defaults, akeso.toml and AKESO_… variables"))
    yield _data_folder(settings.data)
    yield from _files(settings)
    yield _language_model(settings)
    yield _running(url, key, settings.data)


def _language_model(settings: Settings) -> Finding:
    what = "language model"
    if settings.healing.reasoner != "llm":
        return Finding(what, None, "not asked: healing.reasoner is not llm")
    try:
        chosen = settings.llm.checked()
    except AkesoError as error:
        return Finding(what, False, str(error))
    return replace(_reachable(what, chosen.url), what=f"{what} {chosen.model} of {chosen.provider}")


def _data_folder(folder: Path) -> Finding:
    nearest = next(p for p in (folder.resolve(), *folder.resolve().parents) if p.exists())
    good = nearest.is_dir() and os.access(nearest, os.W_OK)
    return Finding("data folder", good, f"{folder} {'can' if good else 'cannot'} be written")


def _files(settings: Settings) -> Iterator[Finding]:
    from akeso.composition.files import read_knowledge, read_playbooks, read_policy, read_services
    from akeso.composition.notification import make_notifiers, read_routes

    services = Services()
    readers: dict[str, Callable[[Settings], object]] = {
        "services": read_services, "playbooks": read_playbooks, "policies": read_policy,
        "knowledge": read_knowledge, "notifiers": make_notifiers, "routes": read_routes,
    }  # fmt: skip
    for what, read in readers.items():
        try:
            found = read(settings)
        except AkesoError as error:
            yield Finding(what, False, str(error))
            continue
        if isinstance(found, Services):
            services = found
        yield Finding(what, True, "can be read")
    for service in services.specs.values():
        for kind, binding in service.bindings.items():
            for field in ("url", "dsn", "status"):
                if field in binding:
                    yield _reachable(f"{service.name}, binding {kind}", binding[field])


def _reachable(what: str, address: str) -> Finding:
    parts = urlsplit(address)
    if not parts.hostname:
        return Finding(what, None, "has no host to try")
    port = parts.port or {"https": 443, "http": 80, "postgresql": 5432, "redis": 6379}.get(parts.scheme, 0)
    try:
        socket.create_connection((parts.hostname, port), 1).close()
    except OSError as error:
        return Finding(what, False, f"{parts.hostname}:{port} does not answer: {error}")
    return Finding(what, True, f"{parts.hostname}:{port} answers")


def _running(url: str, key: str, data: Path) -> Finding:
    try:
        health = Client(url, key, data).get("/health")
    except AkesoError as error:
        return Finding("running Akeso", None, str(error))
    return Finding("running Akeso", health["status"] == "ready", f"{url} is {health['status']}")
