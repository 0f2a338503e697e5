"""`akeso up`: the whole of Akeso in one process."""

import asyncio
import logging
import socket
import sys
import tomllib
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvicorn
import uvloop

from akeso.app import System
from akeso.domain.errors import InvalidSettings
from akeso.faces.api.server import create_api
from akeso.settings import Settings, load_settings


def up(
    config: Annotated[Path | None, typer.Option(help="Settings file (default: ./akeso.toml if it exists).")] = None,
    data: Annotated[Path | None, typer.Option(help="Data folder.")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on.")] = None,
    services: Annotated[Path | None, typer.Option(help="services.yaml")] = None,
    override: Annotated[list[str] | None, typer.Option("--set", help="section.name=value, may be repeated.")] = None,
) -> None:
    """Run Akeso: take in telemetry, detect, diagnose, heal."""
    given = {"data": data, "host": host, "port": port, "services": services}
    overrides: dict[str, Any] = {name: str(value) for name, value in given.items() if value is not None}
    for text in override or []:
        _put(overrides, text)
    settings = load_settings(config, overrides)
    _log(settings)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    system = await System.open(settings)
    # The port is taken before anything starts: a second Akeso on it fails here, not after it has touched an incident.
    door = _bind(settings.host, settings.port)
    server = uvicorn.Server(
        uvicorn.Config(create_api(system), log_config=None, access_log=False, lifespan="off", ws="websockets-sansio")
    )
    serving = asyncio.create_task(server.serve(sockets=[door]))
    try:
        await system.start()
        print(f"Akeso is ready: http://{settings.host}:{door.getsockname()[1]}  (key: {system.key_path})", flush=True)
        await serving
    finally:
        await system.stop()
        server.should_exit = True
        await asyncio.gather(serving, return_exceptions=True)


def _bind(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), reuse_port=False)
    except OSError as bad:
        raise InvalidSettings("port", f"cannot listen on {host}:{port}: {bad.strerror}") from bad


def _put(tree: dict[str, Any], text: str) -> None:
    name, found, value = text.partition("=")
    if not found:
        raise InvalidSettings("--set", f"{text} is not name=value")
    *path, last = name.strip().split(".")
    for part in path:
        tree = tree.setdefault(part, {})
    tree[last] = _value(value)


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        return text


def _log(settings: Settings) -> None:
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=True,
    )
