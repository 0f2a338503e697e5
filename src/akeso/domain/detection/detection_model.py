"""The detection model as a versioned artefact: what the detectors learnt, and how it came to be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from akeso.domain.telemetry.batches import Codes, SeriesKey

States = Mapping[str, Mapping[str, NDArray[Any]]]


class Alias(StrEnum):
    """Names that point to versions. CHAMPION decides; CHALLENGER scores beside it; PREVIOUS was champion before."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    PREVIOUS = "previous"


@dataclass(frozen=True, slots=True, eq=False)
class Artefact:
    """What a version consists of.

    keys, signals: the n feature series by row; states: detector → its snapshot, one row a series; reference:
    float32[t, k], a sample of what was learnt of the first k series (NaN: missing or not learnt), which drift is
    measured against; threshold: the factor on every threshold but a rule's.
    """

    keys: tuple[SeriesKey, ...]
    signals: Codes
    states: States
    reference: NDArray[np.float32]
    threshold: float = 1.0


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """What the registry says of a version. parent: the version it was made from, "" for none; metrics: what was
    measured when it was made (see akeso.stages.model.training)."""

    version: str
    created_at: datetime
    by: str
    reason: str
    parent: str = ""
    threshold: float = 1.0
    series: int = 0
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True, eq=False)
class ModelDraft:
    """A version before the registry has given it its name."""

    artefact: Artefact
    at: datetime
    by: str
    reason: str
    parent: str = ""
    metrics: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))

    def named(self, version: str) -> ModelVersion:
        """As the registry lists it."""
        threshold, series = self.artefact.threshold, len(self.artefact.keys)
        return ModelVersion(version, self.at, self.by, self.reason, self.parent, threshold, series, self.metrics)
