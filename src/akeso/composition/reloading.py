"""Reads the team's files again while Akeso runs: all of them, or none."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import structlog

from akeso.composition.files import read_playbooks, read_policy, read_services
from akeso.config.settings import Settings
from akeso.domain.errors import AkesoError
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.messages import ConfigUpdate
from akeso.ports.clock import Clock
from akeso.ports.policy import Policy
from akeso.stages.healing.playbooks import Playbook

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class InForce:
    """What is reloaded, as those hold it who use it: changed in place, between two turns of the event loop."""

    services: dict[str, ServiceSpec]
    playbooks: list[Playbook]
    use_policy: Callable[[Policy], None]


class Reloading:
    """Reloads services, playbooks and policies; what is wrong with one file leaves all as they were."""

    def __init__(
        self, settings: Settings, held: InForce, clock: Clock, record: Callable[[ConfigUpdate], Awaitable[None]]
    ) -> None:
        self._settings, self._held, self._clock, self._record = settings, held, clock, record

    async def reload(self, by: str) -> dict[str, Any]:
        """What is in force now, by number. Raises InvalidSettings naming file, place and line; then nothing changed."""
        services = read_services(self._settings).specs
        playbooks = read_playbooks(self._settings)
        policy = read_policy(self._settings)
        self._held.services.update(services)
        for gone in self._held.services.keys() - services.keys():
            del self._held.services[gone]
        self._held.playbooks[:] = playbooks
        self._held.use_policy(policy)
        told = {"services": len(services), "playbooks": len(playbooks)}
        said = ", ".join(f"{count} {name}" for name, count in told.items())
        await self._record(ConfigUpdate("files", said, self._clock.now(), by, "reloaded"))
        log.info("files.reloaded", by=by, **told)
        return told

    async def reload_or_say(self, by: str) -> None:
        """As `reload`; what is wrong is logged, because a signal has nobody to answer."""
        try:
            await self.reload(by)
        except AkesoError as wrong:
            log.warning("files.not_reloaded", by=by, error=str(wrong))
