"""Streams with a consumer group on Valkey or Redis (extra `queue`)."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from akeso.domain.errors import ActionFailed, Unavailable
from akeso.domain.estate.service import Binding, Bound, ServiceSpec
from akeso.targets.binding import bound

EXAMPLE: Binding = {"kind": "valkey", "url": "redis://127.0.0.1:6379/0", "stream": "work", "group": "workers"}
_BATCH = 200
_RESCUER = "akeso"

# What nobody was given yet moves aside under its own id, so that a repeated call moves nothing twice.
_PARK = """
local delivered
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local at = {}
  for i = 1, #group, 2 do at[group[i]] = group[i + 1] end
  if at['name'] == ARGV[1] then delivered = at['last-delivered-id'] end
end
if not delivered then return redis.error_reply('NOGROUP there is no group ' .. ARGV[1]) end
local entries = redis.call('XRANGE', KEYS[1], '(' .. delivered, ARGV[2], 'COUNT', ARGV[3])
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[2], entry[1], unpack(entry[2]))
  redis.call('XDEL', KEYS[1], entry[1])
end
return #entries
"""

_UNPARK = """
local entries = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', ARGV[1])
for _, entry in ipairs(entries) do
  redis.call('XADD', KEYS[1], '*', unpack(entry[2]))
  redis.call('XDEL', KEYS[2], entry[1])
end
if redis.call('XLEN', KEYS[2]) == 0 then redis.call('DEL', KEYS[2]) end
return #entries
"""


@dataclass(frozen=True, slots=True)
class Consumer:
    """idle_s: since it last asked for work; pending: entries it was given and has not acknowledged."""

    name: str
    pending: int
    idle_s: float


@dataclass(frozen=True, slots=True)
class Extent:
    """A stream's length and the ids of its first and last entry ("" when empty)."""

    length: int
    first: str
    last: str


class Stream:
    """One stream and one of its groups, over an open connection. Redis errors pass through; see `open_stream`."""

    def __init__(self, client: Any, name: str, group: str) -> None:
        self._client, self.name, self.group = client, name, group

    async def extent(self) -> Extent:
        """How much is in it."""
        if not await self._client.exists(self.name):
            return Extent(0, "", "")
        info = await self._client.xinfo_stream(self.name)
        first, last = (_id(info[end]) for end in ("first-entry", "last-entry"))
        return Extent(int(info["length"]), first, last)

    async def consumers(self) -> tuple[Consumer, ...]:
        """The group's consumers."""
        found = await self._client.xinfo_consumers(self.name, self.group)
        return tuple(Consumer(_text(c["name"]), int(c["pending"]), int(c["idle"]) / 1000) for c in found)

    async def undelivered(self, last: str = "+") -> int:
        """Entries up to `last` that no consumer was given yet."""
        groups = await self._client.xinfo_groups(self.name)
        delivered = next((_text(g["last-delivered-id"]) for g in groups if _text(g["name"]) == self.group), None)
        if delivered is None:
            raise ActionFailed(f"stream {self.name} has no group {self.group}")
        count = 0
        while rows := await self._client.xrange(self.name, f"({delivered}", last, count=5000):
            count, delivered = count + len(rows), _text(rows[-1][0])
        return count

    async def rescue(self, consumer: str, idle_s: float) -> int:
        """Append again what `consumer` holds, so that others get it, and settle the old entries; how many.

        At least once: a consumer that wakes up in between may finish an entry that another one gets too.
        """
        total = 0
        while ids := await self._held(consumer):
            idle_ms = 0 if consumer == _RESCUER else int(idle_s * 1000)
            claimed = await self._client.xclaim(self.name, self.group, _RESCUER, idle_ms, ids)
            await self._append_again(claimed)
            total += len(claimed)
            if not claimed and await self._held(consumer) == ids:
                break  # it woke up and works again
        return total

    async def dismiss_rescuer(self) -> None:
        """Take the consumer that `rescue` used out of the group, unless it holds something."""
        if any(c.name == _RESCUER and not c.pending for c in await self.consumers()):
            await self._client.xgroup_delconsumer(self.name, self.group, _RESCUER)

    async def purge(self, last: str) -> int:
        """Remove every entry up to `last` and what consumers hold of them; how many entries."""
        milliseconds, _, sequence = last.partition("-")
        removed = await self._client.xtrim(self.name, minid=f"{milliseconds}-{int(sequence) + 1}", approximate=False)
        while rows := await self._client.xpending_range(self.name, self.group, "-", last, 1000):
            await self._client.xack(self.name, self.group, *(row["message_id"] for row in rows))
        return int(removed)

    async def park(self, aside: str, last: str) -> int:
        """Move what nobody was given yet, up to `last`, to the stream `aside`; how many."""
        return await self._repeat(_PARK, aside, self.group, last)

    async def unpark(self, aside: str) -> int:
        """Append what was parked again; how many."""
        return await self._repeat(_UNPARK, aside)

    async def exists(self, name: str) -> bool:
        """Whether there is a key of this name."""
        return bool(await self._client.exists(name))

    async def _repeat(self, script: str, aside: str, *arguments: str) -> int:
        total = 0
        while moved := int(await self._client.eval(script, 2, self.name, aside, *arguments, _BATCH)):
            total += moved
        return total

    async def _held(self, consumer: str) -> Sequence[bytes]:
        rows = await self._client.xpending_range(self.name, self.group, "-", "+", _BATCH, consumer)
        return [row["message_id"] for row in rows]

    async def _append_again(self, entries: Sequence[tuple[bytes, dict[bytes, bytes] | None]]) -> None:
        async with self._client.pipeline(transaction=True) as change:
            for key, fields in entries:
                if fields:  # none: the entry was deleted while a consumer held it
                    change.xadd(self.name, fields)
                change.xack(self.name, self.group, key).xdel(self.name, key)
            await change.execute()


@asynccontextmanager
async def open_stream(service: ServiceSpec, timeout_s: float) -> AsyncIterator[Stream]:
    """The stream of the service's queue binding.

    Raises ActionFailed when the binding is wrong, the server cannot be reached at all or refuses, and Unavailable
    when it stops answering in between.
    """
    binding = bound(service, Bound.QUEUE, "valkey", "url", "stream", "group")
    try:
        from redis import exceptions
        from redis.asyncio import Redis
    except ImportError as exc:
        raise ActionFailed("queues need the extra: pip install 'akeso[queue]'") from exc
    try:
        client = Redis.from_url(binding["url"], socket_timeout=timeout_s, socket_connect_timeout=timeout_s)
    except ValueError as exc:
        raise ActionFailed(f"services.{service.name}.bindings.queue.url: {exc}") from exc
    try:
        await _greet(client, binding["stream"], exceptions.RedisError)
        yield Stream(client, binding["stream"], binding["group"])
    except (exceptions.ConnectionError, exceptions.TimeoutError) as exc:
        raise Unavailable(f"the queue of {service.name} stopped answering: {exc}") from exc
    except exceptions.RedisError as exc:
        raise ActionFailed(f"the queue of {service.name} refuses: {exc}") from exc
    finally:
        await client.aclose()


async def _greet(client: Any, stream: str, error: type[Exception]) -> None:
    try:
        await client.ping()
    except (error, OSError) as exc:
        raise ActionFailed(f"the server of stream {stream} cannot be reached: {exc}") from exc


def _text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def _id(entry: Any) -> str:
    return _text(entry[0]) if entry else ""
