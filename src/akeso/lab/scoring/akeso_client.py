"""What the scorer asks Akeso, and how it reads the answers. Nothing else in the scorer knows Akeso's API."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp

from akeso.lab.errors import LabError

TIMEOUT_S = 5.0
TRIES = 4
TERMINAL = frozenset({"RESOLVED", "ESCALATED", "FAILED", "SUPPRESSED"})
CARRIED_OUT = frozenset({"applied", "unknown", "undoing", "undone", "undo_failed"})


class AkesoSilent(LabError):
    """Akeso does not answer."""


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """One suspected cause."""

    service: str
    fault_class: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Action:
    """One effect that Akeso brought about."""

    action: str
    target: str
    status: str
    applied_at: float | None

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """From Akeso's JSON."""
        return cls(
            raw["action"], raw["target"], raw["status"], _seconds(raw["applied_at"]) if raw["applied_at"] else None
        )


@dataclass(frozen=True, slots=True)
class Incident:
    """What the scorer needs of an incident; times are seconds since the epoch.

    actions: effects that were really carried out. proposed: every step of its plans, whatever became of it.
    """

    id: str
    status: str
    service: str
    title: str
    detected_at: float
    ended_at: float | None
    hypotheses: tuple[Hypothesis, ...]
    actions: tuple[Action, ...]
    outcome: str | None
    proposed: tuple[Action, ...] = ()

    @property
    def terminal(self) -> bool:
        """Whether Akeso is through with it."""
        return self.status in TERMINAL

    @classmethod
    def of(cls, raw: dict[str, Any]) -> Self:
        """From Akeso's JSON."""
        hypotheses = [Hypothesis(h["service"], h["fault_class"], h["confidence"]) for h in raw["hypotheses"]]
        real = [a for a in raw["actions"] if a["status"] in CARRIED_OUT and not a["dry_run"]]
        return cls(
            id=raw["id"],
            status=str(raw["status"]).upper(),
            service=raw["service"],
            title=raw["title"],
            detected_at=_seconds(raw["detected_at"]),
            ended_at=_seconds(raw["resolved_at"]) if raw["resolved_at"] else None,
            hypotheses=tuple(hypotheses),
            actions=tuple(Action.of(a) for a in real),
            outcome=raw["outcome"],
            proposed=tuple(Action.of(a) for a in raw["actions"]),
        )


@dataclass(frozen=True, slots=True)
class AkesoClient:
    """The REST face of one Akeso."""

    url: str
    key: str

    async def is_ready(self) -> bool:
        """Whether it says that it is ready."""
        try:
            status, _ = await self._get("/api/v1/health/ready")
        except AkesoSilent:
            return False
        return status == 200

    async def incidents(self, since: float) -> tuple[Incident, ...]:
        """Incidents detected at or after `since`, oldest first. Raises AkesoSilent after a few tries."""
        moment = datetime.fromtimestamp(since, UTC).isoformat().replace("+00:00", "Z")
        for attempt in range(1, TRIES + 1):
            try:
                status, body = await self._get("/api/v1/incidents", {"since": moment, "limit": "1000"})
            except AkesoSilent:
                if attempt == TRIES:
                    raise
                await asyncio.sleep(1.0)
                continue
            if status != 200:
                raise AkesoSilent(f"GET /api/v1/incidents answered {status}: {body}")
            return oldest_first([Incident.of(raw) for raw in body["incidents"]], since)
        raise AkesoSilent("no answer")

    async def _get(self, path: str, query: dict[str, str] | None = None) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers={"X-API-Key": self.key}) as session,
                session.get(f"{self.url}{path}", params=query) as response,
            ):
                return response.status, await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError) as exc:
            raise AkesoSilent(f"GET {path}: {exc!r}") from exc


def oldest_first(incidents: Sequence[Incident], since: float) -> tuple[Incident, ...]:
    """Sorted by when they were detected; those from before `since` are left out."""
    return tuple(sorted((i for i in incidents if i.detected_at >= since), key=lambda i: i.detected_at))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
