"""An estate laid out in rows, so that a tick is arithmetic on arrays.

instance: a place for a process of a service (more places than replicas, for scaling); endpoint: (instance, operation),
sorted by level; origin: an endpoint, or a source of requests beyond the estate (after the endpoints); leg: (origin,
site), sorted by the level of whom it calls; link: (leg, place of the callee), the links of a leg side by side.
"""

from dataclasses import dataclass

from akeso.domain.telemetry.batches import Floats, Ids, Mask
from akeso.worlds.estate.estate import Estate
from akeso.worlds.estate.service import Operation, Service
from akeso.worlds.estate.traffic import Traffic
from akeso.worlds.observation import Endpoint, Site


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """Rows of one level. owners: those of its endpoints that call somebody; callers: the legs that they make, sorted by
    origin; starts: where each owner's begin in `callers` (empty where the level calls nobody)."""

    endpoints: slice
    legs: slice
    links: slice
    owners: slice | Ids
    callers: Ids
    starts: Ids


@dataclass(frozen=True, slots=True)
class Source:
    """Where requests come from without being called: visitors, a machine's or job's own work, messages of a topic."""

    service: str
    operation: str
    traffic: Traffic | None = None
    queue: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """All rows of an estate. Arrays are named for what has a row in them; `*_of` are row numbers."""

    estate: Estate
    first: Ids  # of each service: its first instance
    places: Ids  # of each service: how many instances it may have
    service_of: Ids  # of each instance
    slot_of: Ids
    node_of: Ids
    endpoints: tuple[Endpoint, ...]
    instance_of: Ids  # of each endpoint
    operation: tuple[Operation, ...]  # of each endpoint
    cpu_ms: Floats
    wait_ms: Floats
    spread: Floats
    writes_kb: Floats
    error_ratio: Floats
    missing_ratio: Floats
    sources: tuple[Source, ...]
    origin_instance: Ids  # of each origin; -1 outside
    sites: tuple[Site, ...]
    leg_origin: Ids
    leg_site: Ids
    leg_service: Ids  # the callee's
    leg_start: Ids  # the first link of each leg
    leg_mean: Floats
    leg_timeout: Floats
    leg_retries: Floats
    leg_cache: Ids  # service row of the cache before it, -1 for none
    leg_pool: Ids  # -1 for none
    leg_optional: Mask
    leg_fallback: Mask
    link_leg: Ids
    link_callee: Ids
    link_endpoint: Ids
    pool_instance: Ids
    pool_service: Ids
    pool_size: Floats
    pool_timeout: Floats
    levels: tuple[Level, ...]
    whole: Level  # all rows at once

    @property
    def services(self) -> tuple[Service, ...]:
        """In the order of their rows."""
        return self.estate.services

    def rows(self, service: str) -> range:
        """The instance rows of a service."""
        row = self.estate.row_of[service]
        return range(int(self.first[row]), int(self.first[row] + self.places[row]))
