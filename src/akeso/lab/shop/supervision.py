"""The supervisor: its configuration, and its remote interface."""

import asyncio
import os
import sys
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from akeso.lab.errors import ShopError, ShopNotRunning
from akeso.lab.shop.blueprint import SHOP, Blueprint
from akeso.lab.shop.folder import RunFolder
from akeso.lab.shop.servers import Command

NOT_RUNNING_FAULT = 70
ALREADY_STARTED_FAULT = 60


@dataclass(frozen=True, slots=True)
class Program:
    """A process as the supervisor sees it."""

    group: str
    name: str
    state: str
    pid: int

    @property
    def full_name(self) -> str:
        """`group:name`, as the remote interface wants it."""
        return f"{self.group}:{self.name}"


@dataclass(frozen=True, slots=True)
class Supervisor:
    """Calls over XML-RPC, each in a thread and on a connection of its own.

    Raises ShopNotRunning when nobody answers, ShopError when the supervisor refuses.
    """

    url: str

    async def programs(self) -> tuple[Program, ...]:
        """Every declared process."""
        found = await self._call(lambda rpc: rpc.getAllProcessInfo())
        return tuple(Program(each["group"], each["name"], each["statename"], each["pid"]) for each in found)

    async def running(self, group: str) -> tuple[Program, ...]:
        """The processes of a group that run or are about to."""
        return tuple(
            each for each in await self.programs() if each.group == group and each.state in ("RUNNING", "STARTING")
        )

    async def start(self, full_name: str) -> None:
        """Start a process unless it runs; does not wait until it is ready."""
        await self._call(lambda rpc: _allow(ALREADY_STARTED_FAULT, lambda: rpc.startProcess(full_name, False)))

    async def stop(self, full_name: str) -> None:
        """Stop a process unless it is stopped, and wait for its end."""
        await self._call(lambda rpc: _allow(NOT_RUNNING_FAULT, lambda: rpc.stopProcess(full_name, True)))

    async def shutdown(self) -> None:
        """Stop everything and the supervisor itself; does not wait for their end."""
        # The supervisor stops one group after the other; told beforehand, all drain at the same time.
        await self._call(lambda rpc: rpc.signalAllProcesses("TERM"))
        await self._call(lambda rpc: rpc.shutdown())

    async def _call(self, use: Callable[[Any], Any]) -> Any:
        def call() -> Any:
            with xmlrpc.client.ServerProxy(self.url) as proxy:
                return use(proxy.supervisor)

        try:
            return await asyncio.to_thread(call)
        except OSError as exc:
            raise ShopNotRunning(f"no supervisor answers at {self.url}") from exc
        except xmlrpc.client.Fault as exc:
            raise ShopError(f"the supervisor refused: {exc.faultString}") from exc


def _allow(fault: int, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except xmlrpc.client.Fault as exc:
        if exc.faultCode != fault:
            raise
        return None


def supervisor_configuration(
    folder: RunFolder, rpc_port: int, stores: dict[str, Command], telemetry_url: str | None, key: str | None
) -> str:
    """The text of `supervisord.conf` for the whole shop."""
    head = _head(folder, rpc_port)
    parts = [head]
    for name, command in stores.items():
        user = [f"user={command.user}"] if command.user else []
        parts.append(
            _program(folder, name, " ".join(_quoted(part) for part in command.arguments), ["priority=1", *user])
        )
    for tool, module in (("flags", "flags"), ("visitors", "load")):
        command_line = f"{_quoted(sys.executable)} -m akeso.lab.{module} {_quoted(str(folder.path))}"
        parts.append(_program(folder, tool, command_line, ["priority=20"]))
    analyst = f"{_quoted(sys.executable)} -m akeso.lab.analyst {_quoted(str(folder.path))}"
    parts.append(_program(folder, "analyst", analyst, ["autostart=false", "startsecs=0", "startretries=0"]))
    environment = _environment(telemetry_url, key)
    for blueprint in SHOP.services:
        parts.extend(_service_programs(folder, blueprint, environment))
        parts.append(f"[group:{blueprint.name}]\nprograms={','.join(blueprint.program_names)}\n")
    return "\n".join(parts)


def _head(folder: RunFolder, rpc_port: int) -> str:
    user = "user=root\n" if os.geteuid() == 0 else ""
    return f"""[supervisord]
nodaemon=false
{user}directory={folder.path}
logfile={folder.logs}/supervisord.log
pidfile={folder.path}/supervisord.pid
childlogdir={folder.logs}

[inet_http_server]
port=127.0.0.1:{rpc_port}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""


def _service_programs(folder: RunFolder, blueprint: Blueprint, environment: str) -> list[str]:
    sections = []
    for name in blueprint.program_names:
        command_line = (
            f"{_quoted(sys.executable)} -m akeso.lab.chassis {blueprint.name} {name} {_quoted(str(folder.path))}"
        )
        # Two seconds are longer than a release that does not load takes to say so: such a start counts as failed
        # and is retried to FATAL, while a process that dies later stays dead until somebody starts it.
        options = [
            f"autostart={'true' if name in blueprint.default_names else 'false'}",
            "startsecs=2",
            "startretries=3",
            "stopwaitsecs=3",
            "priority=10",
            f"environment={environment}",
        ]
        sections.append(_program(folder, name, command_line, options))
    return sections


def _program(folder: RunFolder, name: str, command_line: str, options: list[str]) -> str:
    fixed = [
        f"[program:{name}]",
        f"command={command_line}",
        "directory=/",
        "autorestart=false",
        "redirect_stderr=true",
        f"stdout_logfile={folder.logs}/{name}.log",
        "stdout_logfile_maxbytes=8MB",
        "stdout_logfile_backups=0",
    ]
    stop_signal = ["stopsignal=INT"] if name == "postgresql" else []
    return "\n".join([*fixed, *stop_signal, *options]) + "\n"


def _environment(telemetry_url: str | None, key: str | None) -> str:
    values = {"PYTHONUNBUFFERED": "1", "MALLOC_ARENA_MAX": "2"}
    if telemetry_url is not None:
        values["OTEL_EXPORTER_OTLP_ENDPOINT"] = telemetry_url
    if key is not None:
        values["OTEL_EXPORTER_OTLP_HEADERS"] = f"x-api-key={key}"
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in values.items())


def _quoted(part: str) -> str:
    return f'"{_escaped(part)}"'


def _escaped(text: str) -> str:
    """The configuration expands `%(…)s`."""
    return text.replace("%", "%%")
