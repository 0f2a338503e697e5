"""`akeso up`: the whole of Akeso in one process."""

import asyncio
import logging
import resource
import signal
import socket
import sys
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
import uvicorn
import uvloop
from starlette.types import ASGIApp

from akeso.composition.system import System
from akeso.config.access import AccessOptions
from akeso.config.settings import Settings, load_settings
from akeso.domain.errors import InvalidSettings
from akeso.faces.api.anonymous import create_anonymous_api
from akeso.faces.api.server import create_api
from akeso.faces.connections import Connections, guarded, keep_looking
from akeso.faces.listeners import anonymous_listeners, grpc_listener, http_listeners
from akeso.faces.socket_listeners import SocketListeners

LAST_ANSWERS_S = 3
# Of readers of the stream, who have nothing to say.
_LONGEST_MESSAGE = 4096


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
        put(overrides, text)
    settings = load_settings(config, overrides)
    log_from(settings.log_level)
    _allow_many_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(settings))


def _allow_many_files() -> None:
    # Connections are files, and the limit of many shells is 1,024.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(settings: Settings) -> None:
    # The ports are taken first: a second Akeso on one fails here, before it has touched an incident.
    listeners = http_listeners(settings)
    nameless = anonymous_listeners(settings)
    system = await System.open(settings)
    connections = Connections(settings.access.connections, time.monotonic)
    servers = [(_server(create_api(system), connections, settings.access), listeners)]
    if nameless:
        servers.append((_server(create_anonymous_api(system), connections), nameless))
    serving = [asyncio.create_task(server.serve(sockets=sockets)) for server, sockets in servers]
    looking = asyncio.create_task(keep_looking(connections))
    working = asyncio.create_task(_work(system, listeners[0]))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, working.cancel)
    reloads: set[asyncio.Task[None]] = set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _reload, system, reloads)
    try:
        await asyncio.wait({*serving, working}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        looking.cancel()
        working.cancel()
        for server, _ in servers:
            server.should_exit = True
        ends = await asyncio.gather(*serving, working, return_exceptions=True)
        await system.stop()
    for failure in ends:
        if isinstance(failure, Exception):
            raise failure


def _reload(system: System, reloads: set[asyncio.Task[None]]) -> None:
    task = asyncio.create_task(system.reloading.reload_or_say("SIGHUP"))
    reloads.add(task)  # a task that nobody holds may vanish before it is done
    task.add_done_callback(reloads.discard)


async def _work(system: System, listener: socket.socket) -> None:
    # Open from the start, like the HTTP listeners: until Akeso is ready, senders are told to come back.
    grpc, sockets = await grpc_listener(system), SocketListeners(system)
    try:
        await sockets.start(system.settings.listen)
        await system.start()
        host, port = listener.getsockname()[:2]
        scheme = "https" if system.settings.access.tls_certificate else "http"
        place = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
        print(f"Akeso is ready: {place}  (key: {system.key_path}; senders: {system.sender_key_path})", flush=True)
        await asyncio.Event().wait()
    finally:
        await sockets.stop()
        if grpc is not None:
            await grpc.stop(LAST_ANSWERS_S)


def _server(app: ASGIApp, connections: Connections, tls: AccessOptions | None = None) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="off",
        http=guarded(connections),
        ws="websockets-sansio",
        ws_max_size=_LONGEST_MESSAGE,
        proxy_headers=False,
        server_header=False,
        ssl_certfile=tls.tls_certificate if tls else None,
        ssl_keyfile=tls.tls_key if tls else None,
    )
    config.timeout_graceful_shutdown = LAST_ANSWERS_S
    return _Server(config)


class _Server(uvicorn.Server):
    """Leaves signals to whoever runs it: uvicorn would end the process before effects under way were waited for."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def put(tree: dict[str, Any], text: str) -> None:
    """Add `section.name=value` to a tree of settings. The value is read as TOML, and as text when it is none."""
    name, found, value = text.partition("=")
    if not found:
        raise InvalidSettings("--set", f"{text} is not name=value")
    *path, last = name.strip().split(".")
    for part in path:
        tree = tree.setdefault(part, {})
        if not isinstance(tree, dict):
            raise InvalidSettings("--set", f"{part} in {text} was given a value before")
    tree[last] = _value(value)


def _value(text: str) -> Any:
    try:
        read = tomllib.loads(f"v = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return read["v"] if len(read) == 1 else text


def log_from(name: str) -> None:
    """Log as JSON lines on standard error, from the level of this name on."""
    level = logging.getLevelNamesMapping()[name.upper()]
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
