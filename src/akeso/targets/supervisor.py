"""Processes under supervisord, through its XML-RPC interface (http://supervisord.org/api.html)."""

import asyncio
import http.client
import re
import socket
import xmlrpc.client
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.estate.service import Binding, Bound, ServiceSpec
from akeso.targets.binding import bound

EXAMPLE: Binding = {"kind": "supervisord", "url": "http://127.0.0.1:9001/RPC2", "group": "payments"}
_LIVE = frozenset({"RUNNING", "STARTING", "STOPPING"})
_DEAD = frozenset({"EXITED", "FATAL", "BACKOFF", "UNKNOWN"})
_NOT_RUNNING, _ALREADY_STARTED = 70, 60
_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. call: for one answer; grace: between asking a process to stop and killing it; deadline: for a process
    to reach the state that was asked for."""

    call_s: float = 3.0
    grace_s: float = 1.5
    deadline_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Member:
    """One process of a group. start, now: Unix seconds on the supervisor's clock; problem: why it is not running."""

    name: str
    state: str
    pid: int
    start: int
    now: int
    problem: str = ""

    @property
    def live(self) -> bool:
        """It has a process, though it may be on its way up or down."""
        return self.state in _LIVE

    @property
    def dead(self) -> bool:
        """It should run and does not."""
        return self.state in _DEAD

    @property
    def record(self) -> str:
        """The state as a pre-state holds it."""
        return f"{self.state} {self.pid} {self.start}"


class Supervisor:
    """One group of processes. Raises Unavailable when there is no answer and ActionFailed when it refuses."""

    def __init__(self, url: str, group: str, patience: Patience) -> None:
        self._url, self._group, self._patience = url, group, patience

    @classmethod
    def of(cls, service: ServiceSpec, patience: Patience) -> "Supervisor":
        """Through the service's process binding. Raises ActionFailed naming the field that is wrong."""
        binding = bound(service, Bound.PROCESS, "supervisord", "url", "group")
        if urlsplit(binding["url"]).scheme not in {"http", "unix"}:
            raise ActionFailed(
                f"services.{service.name}.bindings.process.url: {binding['url']} is neither http:// nor unix://"
            )
        return cls(binding["url"], binding["group"], patience)

    async def members(self) -> tuple[Member, ...]:
        """The group's processes in the order of their numbers. Raises ActionFailed when there are none."""
        infos = await self._call("getAllProcessInfo")
        found = tuple(_member(info) for info in infos if info["group"] == self._group)
        if not found:
            raise ActionFailed(f"the supervisor at {_place(self._url)} has no group {self._group}")
        return tuple(sorted(found, key=lambda member: _natural(member.name)))

    async def member(self, name: str) -> Member:
        """One process as it is now."""
        return _member(await self._call("getProcessInfo", f"{self._group}:{name}"))

    async def start(self, name: str) -> Member:
        """Start one process and wait until it runs."""
        await self._call("startProcess", f"{self._group}:{name}", False, tolerated=_ALREADY_STARTED)
        return await self._until_running(name)

    async def stop(self, name: str) -> None:
        """Stop one process; a process that does not go by itself is killed after the grace."""
        full = f"{self._group}:{name}"
        # A process that was stopped by a signal cannot act on SIGTERM until it is continued.
        await self._call("signalProcess", full, "CONT", tolerated=_NOT_RUNNING)
        await self._call("stopProcess", full, False, tolerated=_NOT_RUNNING)
        if await self._gone_within(name, self._patience.grace_s):
            return
        await self._call("signalProcess", full, "KILL", tolerated=_NOT_RUNNING)
        if not await self._gone_within(name, self._patience.deadline_s):
            raise Unavailable(f"{name} was killed and still has not gone after {self._patience.deadline_s:g} s")

    async def restart(self, names: Sequence[str]) -> None:
        """One after the other; the rest is left alone when one does not come back."""
        for index, name in enumerate(names):
            try:
                if (await self.member(name)).state not in {"STOPPED", "EXITED", "FATAL"}:
                    await self.stop(name)
                await self.start(name)
            except ActionFailed as exc:
                untouched = ", ".join(names[index + 1 :])
                raise ActionFailed(f"{exc}" + (f"; {untouched} left alone" if untouched else "")) from exc

    async def _gone_within(self, name: str, limit_s: float) -> bool:
        deadline = asyncio.get_running_loop().time() + limit_s
        while (await self.member(name)).live:
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _until_running(self, name: str) -> Member:
        deadline = asyncio.get_running_loop().time() + self._patience.deadline_s
        while (member := await self.member(name)).state != "RUNNING":
            if member.state in {"FATAL", "STOPPED", "EXITED"}:
                raise ActionFailed(f"{name} did not start: it is {member.state} ({member.problem})")
            if asyncio.get_running_loop().time() > deadline:
                raise _late(member, self._patience.deadline_s)
            await asyncio.sleep(_POLL_S)
        return member

    async def _call(self, method: str, *arguments: object, tolerated: int | None = None) -> Any:
        try:
            return await asyncio.to_thread(self._ask, method, arguments)
        except xmlrpc.client.Fault as exc:
            if exc.faultCode == tolerated:
                return None
            raise ActionFailed(f"the supervisor refuses {method}{arguments}: {exc.faultString}") from exc
        except (OSError, http.client.HTTPException, xmlrpc.client.Error) as exc:
            raise Unavailable(
                f"the supervisor at {_place(self._url)} does not answer: {exc or type(exc).__name__}"
            ) from exc

    def _ask(self, method: str, arguments: tuple[object, ...]) -> Any:
        parts = urlsplit(self._url)
        transport = _Transport(self._patience.call_s, parts.path if parts.scheme == "unix" else None)
        url = "http://localhost/RPC2" if parts.scheme == "unix" else self._url
        with xmlrpc.client.ServerProxy(url, transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)


def due(members: Sequence[Member], limit: int | None = None) -> tuple[Member, ...]:
    """Those a restart is about: the dead first, then the live; a stopped one (a spare) only when nothing else is."""
    wanted = [m for m in members if m.dead] + [m for m in members if m.live]
    return tuple((wanted or list(members[:1]))[:limit])


def restart_record(members: Sequence[Member], chosen: Sequence[Member]) -> dict[str, str]:
    """The pre-state of a restart of `chosen`. running, takes_down and returns are what the guards read."""
    return {
        "at": str(members[0].now),
        "due": " ".join(m.name for m in chosen),
        "running": str(sum(m.state == "RUNNING" for m in members)),
        "takes_down": str(int(any(m.live for m in chosen))),
        "returns": "true",
        **{f"member.{m.name}": m.record for m in members},
    }


def renewed(member: Member, before: str, at: int) -> bool:
    """Whether a process runs that is not the one recorded `before`, and was started since `at`."""
    return member.state == "RUNNING" and member.start >= at and str(member.pid) != before.split(" ")[1]


def _late(member: Member, deadline_s: float) -> ActionFailed | Unavailable:
    if member.state == "BACKOFF":
        return ActionFailed(f"{member.name} keeps failing to start: {member.problem}")
    return Unavailable(f"{member.name} is still {member.state} after {deadline_s:g} s")


def _member(info: Any) -> Member:
    problem = info["spawnerr"] or (f"exit status {info['exitstatus']}" if info["stop"] >= info["start"] else "")
    return Member(info["name"], info["statename"], info["pid"], info["start"], info["now"], problem)


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else -1, part) for part in re.split(r"(\d+)", name)]


def _place(url: str) -> str:
    """The URL without the credentials it may carry."""
    return urlsplit(url)._replace(netloc=urlsplit(url).netloc.rpartition("@")[2]).geturl()


class _Transport(xmlrpc.client.Transport):
    def __init__(self, timeout_s: float, path: str | None) -> None:
        super().__init__()
        self._timeout_s, self._path = timeout_s, path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:
        if self._path is not None:
            return _UnixConnection(self._path, self._timeout_s)
        connection = super().make_connection(host)
        connection.timeout = self._timeout_s
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)
