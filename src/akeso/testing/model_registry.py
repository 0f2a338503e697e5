"""For tests of what keeps models and labels: registries and stores in memory, and the contracts of all of them."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

import numpy as np

from akeso.domain.detection.detection_model import Alias, Artefact, ModelDraft, ModelVersion
from akeso.domain.errors import NotFound
from akeso.domain.messages import Feedback
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, Signal
from akeso.ports.labels import LabelStore
from akeso.ports.model_registry import ModelRegistry
from akeso.testing.journal import raised

AT = datetime(2030, 1, 1, 12, 30, 15, 250_000, tzinfo=UTC)
OpenRegistry: TypeAlias = Callable[[], Awaitable[ModelRegistry]]
OpenLabels: TypeAlias = Callable[[], Awaitable[LabelStore]]


def sample_artefact(threshold: float = 1.25) -> Artefact:
    """Two series, two detectors, one of them without state."""
    keys = (SeriesKey("t", "api", RED_MEAN, (("peer", "db"),), "ms"), SeriesKey("t", "api", RED_ERRORS))
    states = {"mean": {"mean": np.array([1.5, np.nan]), "seen": np.array([3.0, 0.0])}, "limit": {}}
    reference = np.array([[1.0, np.nan], [2.0, 0.5]], np.float32)
    return Artefact(keys, np.array([Signal.LATENCY, Signal.ERRORS], np.uint8), states, reference, threshold)


def sample_draft(reason: str = "first", parent: str = "") -> ModelDraft:
    """A version that somebody made."""
    return ModelDraft(sample_artefact(), AT, "eve", reason, parent, {"accuracy": 0.875, "labels": 40.0})


class MemoryModelRegistry:
    """A ModelRegistry in dictionaries."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[ModelVersion, Artefact]] = {}
        self._pointing: dict[Alias, str] = {}
        self._last = 0

    async def register(self, draft: ModelDraft) -> ModelVersion:
        self._last += 1
        made = draft.named(str(self._last))
        self._made[made.version] = made, draft.artefact
        return made

    async def versions(self) -> Sequence[ModelVersion]:
        return [made for made, _ in reversed(self._made.values())]

    async def get(self, version: str) -> ModelVersion:
        return self._found(version)[0]

    async def load(self, version: str) -> Artefact:
        return self._found(version)[1]

    async def aliases(self) -> Mapping[Alias, str]:
        return dict(self._pointing)

    async def point(self, alias: Alias, version: str | None) -> None:
        if version is None:
            self._pointing.pop(alias, None)
        else:
            self._found(version)
            self._pointing[alias] = version

    async def promote(self, version: str) -> None:
        self._found(version)
        champion = self._pointing.get(Alias.CHAMPION)
        if champion == version:
            return
        if champion is not None:
            self._pointing[Alias.PREVIOUS] = champion
        self._pointing[Alias.CHAMPION] = version
        if self._pointing.get(Alias.CHALLENGER) == version:
            del self._pointing[Alias.CHALLENGER]

    async def prune(self, keep: int) -> int:
        old = list(reversed(self._made))[max(keep, 0) :]
        gone = [version for version in old if version not in self._pointing.values()]
        for version in gone:
            del self._made[version]
        return len(gone)

    async def close(self) -> None: ...

    def _found(self, version: str) -> tuple[ModelVersion, Artefact]:
        if version not in self._made:
            raise NotFound(f"there is no version {version} of the detection model")
        return self._made[version]


class ModelRegistryContract:
    """What every ModelRegistry keeps. Derive a test class and give it a fixture `open_registry` that opens an empty
    one; called again it opens the same one once more, as another process would."""

    async def test_what_was_registered_is_listed_and_loaded(self, open_registry: OpenRegistry) -> None:
        registry = await open_registry()
        draft = sample_draft()
        made = await registry.register(draft)
        again = await open_registry()
        assert made == draft.named("1")
        assert list(await again.versions()) == [made]
        assert await again.get("1") == made
        loaded = await again.load("1")
        assert (loaded.keys, loaded.threshold) == (draft.artefact.keys, draft.artefact.threshold)
        assert loaded.states.keys() == {"mean", "limit"}
        np.testing.assert_array_equal(loaded.states["mean"]["mean"], [1.5, np.nan])
        np.testing.assert_array_equal(loaded.signals, draft.artefact.signals)
        np.testing.assert_array_equal(loaded.reference, draft.artefact.reference)
        assert await again.aliases() == {}

    async def test_versions_are_numbered_and_the_newest_comes_first(self, open_registry: OpenRegistry) -> None:
        registry = await open_registry()
        for reason in ("a", "b", "c"):
            await registry.register(sample_draft(reason))
        assert [(made.version, made.reason) for made in await registry.versions()] == [
            ("3", "c"),
            ("2", "b"),
            ("1", "a"),
        ]

    async def test_promotion_moves_champion_and_previous(self, open_registry: OpenRegistry) -> None:
        registry = await open_registry()
        for reason in ("a", "b"):
            await registry.register(sample_draft(reason))
        await registry.promote("1")
        assert await registry.aliases() == {Alias.CHAMPION: "1"}
        await registry.point(Alias.CHALLENGER, "2")
        await registry.promote("2")
        assert await registry.aliases() == {Alias.CHAMPION: "2", Alias.PREVIOUS: "1"}
        await registry.promote("2")
        assert await (await open_registry()).aliases() == {Alias.CHAMPION: "2", Alias.PREVIOUS: "1"}

    async def test_a_challenger_stays_one_when_another_is_promoted(self, open_registry: OpenRegistry) -> None:
        registry = await open_registry()
        for reason in ("a", "b"):
            await registry.register(sample_draft(reason))
        await registry.point(Alias.CHALLENGER, "2")
        await registry.promote("1")
        assert await registry.aliases() == {Alias.CHAMPION: "1", Alias.CHALLENGER: "2"}
        await registry.point(Alias.CHALLENGER, None)
        await registry.point(Alias.CHALLENGER, None)
        assert await registry.aliases() == {Alias.CHAMPION: "1"}

    async def test_versions_that_are_not_there_are_named(self, open_registry: OpenRegistry) -> None:
        registry = await open_registry()
        await registry.register(sample_draft())
        for absent in ("2", "x", "-1", ""):
            for call in (registry.get(absent), registry.load(absent), registry.promote(absent),
                         registry.point(Alias.CHALLENGER, absent)):  # fmt: skip
                assert f"version {absent} " in str(await raised(NotFound, call))
        assert await registry.aliases() == {}

    async def test_old_versions_go_but_not_those_that_are_pointed_to(self, open_registry: OpenRegistry) -> None:
        registry = await open_registry()
        for number in range(5):
            await registry.register(sample_draft(str(number)))
        await registry.promote("1")
        assert await registry.prune(2) == 2
        assert [made.version for made in await registry.versions()] == ["5", "4", "1"]
        assert (await registry.register(sample_draft())).version == "6"


class MemoryLabelStore:
    """A LabelStore in a dictionary."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str, datetime, str], Feedback] = {}

    async def keep(self, label: Feedback) -> None:
        self._kept[label.tenant, label.service, label.at, label.by] = label

    async def recent(self, limit: int = 1000) -> Sequence[Feedback]:
        return sorted(self._kept.values(), key=lambda label: label.at)[-limit:]


class LabelStoreContract:
    """What every LabelStore keeps; the fixture is `open_labels`."""

    async def test_labels_come_back_oldest_first(self, open_labels: OpenLabels) -> None:
        store = await open_labels()
        labels = [
            Feedback("t", "api", AT + timedelta(seconds=s), anomalous=s > 1, predicted=s == 2, by="eve")
            for s in (3, 1, 2)
        ]
        for label in labels:
            await store.keep(label)
        again = await open_labels()
        assert list(await again.recent()) == sorted(labels, key=lambda label: label.at)
        assert [label.at for label in await again.recent(1)] == [AT + timedelta(seconds=3)]

    async def test_the_same_word_again_replaces_the_first(self, open_labels: OpenLabels) -> None:
        store = await open_labels()
        first = Feedback("t", "api", AT, anomalous=True, predicted=False, by="eve")
        await store.keep(first)
        await store.keep(replace(first, anomalous=False))
        await store.keep(replace(first, by="bob"))
        assert sorted((label.by, label.anomalous) for label in await store.recent()) == [("bob", True), ("eve", False)]
