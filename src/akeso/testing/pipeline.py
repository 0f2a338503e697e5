"""A pipeline of Akeso's own in memory, for tests of what changes it."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from akeso.domain.detection.detection_model import ModelVersion
from akeso.domain.errors import AkesoError, Conflict, NotFound
from akeso.ports.pipeline import Actor

AT = datetime(2030, 1, 1, tzinfo=UTC)


class FakePipeline:
    """Implements akeso.ports.pipeline.Pipeline. configured: settings as they were announced; restarted: agents;
    failure: what every change raises."""

    def __init__(self, *versions: str) -> None:
        self.failure: AkesoError | None = None
        self.configured: list[tuple[str, str, Actor]] = []
        self.restarted: list[str] = []
        self.windows: list[timedelta | None] = []
        self.safe_mode, self.threshold, self.recent = False, 1.0, timedelta(minutes=5)
        self.agents: Mapping[str, bool] = {"model": False, "feature": True}
        self.versions = list(versions)
        self.model, self.before = (self.versions[-1], "") if versions else ("", "")
        self.trainable = True

    async def configure(self, name: str, value: str, by: Actor) -> None:
        self._check()
        self.configured.append((name, value, by))
        if name == "safe_mode":
            self.safe_mode = value == "on"
        elif name == "threshold":
            self.threshold = float(value)

    async def previous(self) -> str:
        return self.before

    async def promote(self, version: str, by: Actor) -> ModelVersion:
        self._check()
        if version not in self.versions:
            raise NotFound(f"there is no version {version} of the detection model")
        self.before, self.model = self.model, version
        return ModelVersion(version, AT, by.who, by.why)

    async def retrain(self, by: Actor, window: timedelta | None = None) -> ModelVersion:
        self._check()
        if not self.trainable:
            raise Conflict("there are 3 slots to train on; 30 are needed")
        self.windows.append(window)
        self.versions.append(str(len(self.versions) + 1))
        metrics = {"slots": 120.0, "series": 8.0, "labels": 40.0, "accuracy": 0.95}
        return ModelVersion(self.versions[-1], AT, by.who, by.why, self.model, metrics=metrics)

    async def restart(self, agent: str) -> None:
        self._check()
        if agent not in self.agents:
            raise NotFound(f"there is no agent {agent}")
        self.restarted.append(agent)
        self.agents = {**self.agents, agent: True}

    def _check(self) -> None:
        if self.failure is not None:
            raise self.failure
