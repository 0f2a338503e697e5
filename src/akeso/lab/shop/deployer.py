"""How the shop's people change it: deploys, configurations, scaling; each tells Akeso as a change event."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import aiohttp

from akeso.lab.shop.blueprint import SHOP
from akeso.lab.shop.running import Shop
from akeso.lab.shop.versions import Versions

Strategy = Literal["rolling", "recreate"]
Kind = Literal["deploy", "config", "scale", "flag"]

ANNOUNCE_TIMEOUT_S = 2.0
log = logging.getLogger("akeso.lab.deployer")


@dataclass(frozen=True, slots=True)
class Deployer:
    """Acts on one shop. An Akeso that does not take a change event stops nothing."""

    shop: Shop

    async def deploy(
        self, service: str, files: Mapping[str, str], strategy: Strategy = "rolling", *, version: str | None = None
    ) -> str:
        """Deliver a new release and put it to work; returns its version."""
        releases = self.shop.releases(service)
        name = version or releases.next_name()
        releases.add(name, files)
        releases.promote(name)
        await self.announce(service, "deploy", name)
        await self._replace(service, strategy)
        return name

    async def configure(self, service: str, files: Mapping[str, str], strategy: Strategy = "rolling") -> str:
        """Deliver a new configuration and put it to work; returns its version."""
        configurations = self.shop.configurations(service)
        name = configurations.next_name()
        configurations.add(name, files)
        configurations.promote(name)
        await self.announce(service, "config", name)
        await self._replace(service, strategy)
        return name

    async def roll_back(self, versions: Versions, service: str) -> None:
        """Swap current and previous and restart: what a healer does."""
        versions.swap()
        await self.shop.restart(service)

    async def replace_gently(self, service: str) -> None:
        """Have every instance start anew without a moment in which none serves."""
        blueprint = SHOP[service]
        spare = blueprint.program_names[-1]
        if blueprint.instances == 1 and spare not in blueprint.default_names:
            await self.shop.start(service, spare)
        for name in blueprint.default_names:
            await self.shop.stop(service, name)
            await self.shop.start(service, name)
        if blueprint.instances == 1 and spare not in blueprint.default_names:
            await self.shop.stop(service, spare)

    async def announce(self, service: str, kind: Kind, version: str) -> None:
        """Post the change event, if there is an Akeso to post it to."""
        facts = self.shop.facts
        if facts.akeso_url is None:
            return
        event = {
            "service": service,
            "kind": kind,
            "version": version,
            "at": datetime.now(UTC).isoformat(),
            "by": "deployer",
            "url": f"{facts.akeso_url}/",
            "labels": {"environment": "lab"},
        }
        headers = {} if facts.akeso_key is None else {"X-API-Key": facts.akeso_key}
        timeout = aiohttp.ClientTimeout(total=ANNOUNCE_TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.post(f"{facts.akeso_url}/api/v1/changes", json=event) as response,
            ):
                if response.status >= 400:
                    log.warning("change event refused with %s: %s", response.status, await response.text())
        except (aiohttp.ClientError, TimeoutError) as exc:
            log.warning("change event not delivered: %r", exc)

    async def _replace(self, service: str, strategy: Strategy) -> None:
        match strategy:
            case "rolling":
                await self.replace_gently(service)
            case "recreate":
                for name in SHOP[service].default_names:
                    await self.shop.stop(service, name)
                    # A release that cannot start is the deployer's news, not its failure.
                    await self.shop.supervisor.start(f"{service}:{name}")
