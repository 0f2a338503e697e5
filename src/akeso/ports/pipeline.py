"""Akeso's own detection pipeline, as those see it who change it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol, runtime_checkable

from akeso.domain.detection.detection_model import ModelVersion


@dataclass(frozen=True, slots=True)
class Actor:
    """Who changes something, and why."""

    who: str
    why: str


class Pipeline(Protocol):
    """Every change is announced to all agents and stands in the configuration's history."""

    @property
    def safe_mode(self) -> bool:
        """Whether only the rules decide."""
        ...

    @property
    def threshold(self) -> float:
        """The factor on every threshold but a rule's."""
        ...

    @property
    def model(self) -> str:
        """The version that decides; "" while none was registered."""
        ...

    @property
    def recent(self) -> timedelta:
        """The recent past over which drift is measured."""
        ...

    @property
    def agents(self) -> Mapping[str, bool]:
        """Agent → whether it has started and beats."""
        ...

    async def configure(self, name: str, value: str, by: Actor) -> None:
        """Announce a setting (see akeso.stages.detection.detection_settings). Raises InvalidInput, Unavailable."""
        ...

    async def previous(self) -> str:
        """The version that decided before this one; "" when there is none."""
        ...

    async def promote(self, version: str, by: Actor) -> ModelVersion:
        """Let a version decide; returns once it does. Raises NotFound, Unavailable."""
        ...

    async def retrain(self, by: Actor, window: timedelta | None = None) -> ModelVersion:
        """Train on the last `window` of features (all that are kept) and on labels; registered, not promoted. Raises
        Conflict while there is too little to train on."""
        ...

    async def restart(self, agent: str) -> None:
        """End an agent's life and begin a new one; returns once it has begun. Raises NotFound."""
        ...


@runtime_checkable
class Connected(Protocol):
    """A plugin that acts on Akeso itself."""

    def connect(self, pipeline: Pipeline) -> None:
        """Called once by the composition root; until then the plugin does nothing."""
        ...
