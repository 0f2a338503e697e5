"""Questions about stored telemetry, and their answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.telemetry.batches import NANOSECONDS, Floats, SeriesKey, Times

MOST_STEPS = 11_000


class Matching(StrEnum):
    """How a value is compared; patterns have to match all of it, as in Prometheus."""

    IS = "="
    IS_NOT = "!="
    LIKE = "=~"
    UNLIKE = "!~"


class Pattern(Protocol):
    """A compiled pattern (see akeso.stages.query.patterns)."""

    def fullmatch(self, text: str, /) -> object | None: ...


@dataclass(frozen=True, slots=True)
class Matcher:
    """One condition on an attribute; a missing attribute is the empty text. pattern: of LIKE and UNLIKE."""

    name: str
    matching: Matching
    value: str
    pattern: Pattern | None = field(repr=False, compare=False, default=None)

    def fits(self, value: str) -> bool:
        """Whether the condition holds."""
        same = value == self.value if self.pattern is None else self.pattern.fullmatch(value) is not None
        return same is (self.matching in {Matching.IS, Matching.LIKE})


@dataclass(frozen=True, slots=True)
class Range:
    """Telemetry stamped in (start, end], ns, in steps of `step` ns; the last step may be shorter. Raises InvalidInput.

    Answers in steps stand for (times[i - 1], times[i]]."""

    start: int
    end: int
    step: int = 60 * NANOSECONDS

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise InvalidInput("end", "has to be after start")
        if self.step <= 0:
            raise InvalidInput("step", "has to be above zero")
        if self.end - self.start > MOST_STEPS * self.step:
            raise InvalidInput("step", f"makes more than {MOST_STEPS} steps of the range; ask for wider ones")

    @property
    def times(self) -> Times:
        """int64[n] ns: the end of each step."""
        ends = np.arange(self.start + self.step, self.end + self.step, self.step, dtype=np.int64)
        return np.minimum(ends, self.end)


@dataclass(frozen=True, slots=True)
class MetricSelector:
    """Which series. service, metric: "" for any. quantile: ask histograms for it instead of for their buckets."""

    tenant: str
    service: str = ""
    metric: str = ""
    matchers: tuple[Matcher, ...] = ()
    quantile: float | None = None

    def __post_init__(self) -> None:
        if self.quantile is not None and not 0 <= self.quantile <= 1:
            raise InvalidInput("quantile", "has to be between 0 and 1")

    def selects(self, key: SeriesKey) -> bool:
        """Whether a series is asked for."""
        if key.tenant != self.tenant or self.service not in {"", key.service} or self.metric not in {"", key.metric}:
            return False
        attributes = dict(key.attributes)
        return all(each.fits(attributes.get(each.name, "")) for each in self.matchers)


@dataclass(frozen=True, slots=True, eq=False)
class MetricMatrix:
    """keys: n series; times: int64[t] ns, the ends of the steps; values: float64[n, t], NaN where a step has none.

    Of a gauge the last value of the step; of a counter its growth a second (resets minded), with stat "rate" (counts,
    buckets and sums of histograms included); of a histogram that was asked for a quantile that quantile of what it
    observed in the step, with stat "quantile".
    """

    keys: tuple[SeriesKey, ...]
    times: Times
    values: Floats


@dataclass(frozen=True, slots=True)
class LogSelector:
    """Which log records. service: "" for any; severity: the least, an OpenTelemetry number; text: that they hold,
    whatever its case; samples: how many records of each template are wanted."""

    tenant: str
    service: str = ""
    severity: int = 0
    text: str = ""
    samples: int = 3


@dataclass(frozen=True, slots=True)
class LogSample:
    """One record. at: ns."""

    at: int
    severity: int
    body: str
    trace: int
    attributes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class LogGroup:
    """Records of one service that share a template. severity: the highest; first, last: ns; parameters: for each
    variable place of the template some of its values, as the samples have them; samples: the newest first."""

    service: str
    template: str
    severity: int
    count: int
    first: int
    last: int
    parameters: tuple[tuple[str, ...], ...]
    samples: tuple[LogSample, ...]


@dataclass(frozen=True, slots=True)
class SpanSelector:
    """Which spans. service, operation: "" for any; peer: of calls to others, "" for any."""

    tenant: str
    service: str = ""
    operation: str = ""
    peer: str = ""


@dataclass(frozen=True, slots=True)
class SpanGroup:
    """Requests (role "server"), messages taken ("consumer"), roots that state no role ("internal"), calls ("client") or
    messages sent ("producer") of one service and operation, and of calls and messages sent to one peer. rate: a second;
    latencies in ms, quantiles within 3 %."""

    service: str
    operation: str
    peer: str
    role: str
    count: int
    errors: int
    rate: float
    mean_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
