"""What a metric means: told from reviewed tables of well-known metrics, and from declared units, never guessed.

The tables ship under `defaults/metrics`, each entry with the page that says so. A name that stands in none of them
means something only by its last whole words together with its unit (`conventions.yaml`); all others are series that may
look odd, and no more.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from akeso.domain.errors import InvalidSettings
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import DERIVED, Signal

Role = Literal[
    "latency", "call_latency", "errors", "call_errors", "requests", "traffic", "saturation", "backlog", "locks",
    "memory", "cpu", "availability", "failures", "information",
]  # fmt: skip
Type = Literal["gauge", "counter", "histogram", "summary", "any"]
Harm = Literal["up", "down", "none"]

# Role → the signal of a level, and of a rate: what grows is not what is.
_LEVELS: Mapping[str, Signal] = MappingProxyType(
    {
        "latency": Signal.LATENCY,
        "call_latency": Signal.EDGE_LATENCY,
        "errors": Signal.ERRORS,
        "call_errors": Signal.EDGE_ERRORS,
        "requests": Signal.TRAFFIC,
        "traffic": Signal.TRAFFIC,
        "saturation": Signal.SATURATION,
        "backlog": Signal.BACKLOG,
        "locks": Signal.LOCKS,
        "memory": Signal.MEMORY,
        "cpu": Signal.CPU,
        "availability": Signal.DOWN,
    }
)
_RATES: Mapping[str, Signal] = MappingProxyType(
    {
        **dict.fromkeys(("latency", "call_latency", "requests", "traffic"), Signal.TRAFFIC),
        "cpu": Signal.CPU,
        "locks": Signal.LOCKS,
        "saturation": Signal.SATURATION,
    }
)
_HARMS: Mapping[str, Harm] = MappingProxyType(
    {"requests": "none", "traffic": "none", "information": "none", "availability": "down"}
)
# A name's last word where it is a unit, and what kind of unit that is.
_SUFFIXES = MappingProxyType(
    {
        **dict.fromkeys(("seconds", "milliseconds", "microseconds", "nanoseconds", "ms"), "time"),
        **dict.fromkeys(("bytes", "megabytes"), "bytes"),
        **dict.fromkeys(("ratio", "percent"), "share"),
        "total": "count",
    }
)
_UNITS = MappingProxyType(
    {
        **dict.fromkeys(("s", "ms", "us", "µs", "ns", "min", "h"), "time"),
        **dict.fromkeys(("By", "kBy", "KiBy", "MBy", "MiBy", "GiBy", "bytes"), "bytes"),
        **dict.fromkeys(("%", "percent", "1"), "share"),
    }
)
_PROMETHEUS_UNITS = MappingProxyType({"s": "seconds", "ms": "milliseconds", "By": "bytes"})
# Of a processor or a pool: what is free.
_FREE = frozenset({("state", "idle"), ("mode", "idle"), ("cpu.mode", "idle"), ("system.cpu.state", "idle")})
_WORDS = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_BETWEEN = re.compile(r"[._\-\s/:]+")
_MOST = 16_384


@dataclass(frozen=True, slots=True)
class MetricMeaning:
    """What a reviewed source says of one metric.

    type: gauge, counter, histogram or summary; unit: OpenTelemetry's; entity: whom it is about; role: what it says of
    that entity; harm: the direction that is bad; status: labels that tell how a request ended; page: who says so.
    """

    type: Type
    unit: str
    entity: str
    role: Role
    harm: Harm
    status: tuple[str, ...] = ()
    page: str = ""


@dataclass(frozen=True, slots=True)
class Convention:
    """What the last words of a name mean. unit: time, share, bytes, count or any."""

    ends: tuple[str, ...]
    unit: str
    type: Type
    role: Role
    page: str = ""


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    type: Type
    unit: str = ""
    role: Role
    entity: str = ""
    harm: Harm | None = None
    status: tuple[str, ...] = ()


class _Named(BaseModel):
    model_config = ConfigDict(extra="forbid")

    ends: Annotated[tuple[str, ...], Field(min_length=1)]
    unit: Literal["time", "share", "bytes", "count", "any"]
    type: Type = "any"
    role: Role


class _Page(BaseModel):
    model_config = ConfigDict(extra="forbid")

    page: Annotated[str, Field(pattern=r"^https?://")]
    entity: str = "service"
    metrics: dict[str, _Entry] = {}
    names: tuple[_Named, ...] = ()


_PAGES = TypeAdapter(list[_Page])


@dataclass(frozen=True, slots=True, eq=False)
class MetricMeanings:
    """All that is known of metrics, by name, and the conventions for those that stand in no table."""

    known: Mapping[str, MetricMeaning] = field(default_factory=lambda: MappingProxyType({}))
    conventions: tuple[Convention, ...] = ()

    def of(self, metric: str) -> MetricMeaning | None:
        """What a source says of the metric; None when nobody says anything."""
        return self.known.get(metric)

    def role(self, key: SeriesKey) -> str:
        """The role of a series; empty when nothing is known of it."""
        found = self.known.get(key.metric)
        if found is not None:
            return found.role
        role = _by_convention(key.metric, key.unit, self.conventions, distribution=bool(key.stat))
        # What a client measured includes the other side and the way there.
        if "client" in words_of(key.metric)[0]:
            return {"latency": "call_latency", "errors": "call_errors"}.get(role, role)
        return role

    def signal(self, key: SeriesKey) -> Signal:
        """The signal a feature series carries; Signal.OTHER when nothing says what it is."""
        if (derived := DERIVED.get(key.metric)) is not None:
            return derived
        if not _FREE.isdisjoint(key.attributes):
            return Signal.OTHER
        role = self.role(key)
        if key.stat in {"rate", "count"}:
            return _RATES.get(role, Signal.OTHER)
        return _LEVELS.get(role, Signal.OTHER)

    def with_more(self, other: "MetricMeanings") -> "MetricMeanings":
        """The same, with what another says; where both speak of a metric, the other is right."""
        return MetricMeanings({**self.known, **other.known}, (*other.conventions, *self.conventions))


def read_meanings(text: str, name: str) -> MetricMeanings:
    """A file of meanings. Raises InvalidSettings that names the file and the place."""
    try:
        pages = _PAGES.validate_python(yaml.safe_load(text) or [])
    except yaml.YAMLError as bad:
        raise InvalidSettings(name, f"is no YAML: {bad}") from bad
    except ValidationError as bad:
        first = bad.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise InvalidSettings(f"{name}: {place}", first["msg"]) from bad
    return MetricMeanings(dict(_known(pages)), tuple(_conventions(pages)))


@lru_cache(maxsize=1)
def shipped_meanings() -> MetricMeanings:
    """The tables that ship with Akeso."""
    found = MetricMeanings()
    folder = files("akeso") / "defaults" / "metrics"
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".yaml"):
            found = found.with_more(read_meanings(path.read_text(encoding="utf-8"), path.name))
    return found


class _InForce:
    meanings: MetricMeanings | None = None


def meanings_in_force() -> MetricMeanings:
    """Those of the installation; the shipped ones where it adds none."""
    return _InForce.meanings or shipped_meanings()


def use_meanings(more: MetricMeanings | None) -> None:
    """From now on these count beside the shipped ones, and before them; None for the shipped ones alone. Called by the
    composition root, once a process: decoders, features and verification share them."""
    _InForce.meanings = None if more is None else shipped_meanings().with_more(more)
    signal_of.cache_clear()


@lru_cache(maxsize=_MOST)
def signal_of(key: SeriesKey) -> Signal:
    """The signal a feature series carries, by the tables in force."""
    return meanings_in_force().signal(key)


def _known(pages: Iterable[_Page]) -> Iterator[tuple[str, MetricMeaning]]:
    for page in pages:
        for name, entry in page.metrics.items():
            harm = entry.harm or _HARMS.get(entry.role, "up")
            entity = entry.entity or page.entity
            meaning = MetricMeaning(entry.type, entry.unit, entity, entry.role, harm, entry.status, page.page)
            yield name, meaning
            if "." in name:
                yield _as_prometheus(name, meaning), meaning


def _as_prometheus(name: str, meaning: MetricMeaning) -> str:
    # https://opentelemetry.io/docs/specs/otel/compatibility/prometheus_and_openmetrics/
    unit = _PROMETHEUS_UNITS.get(meaning.unit, "ratio" if meaning.unit == "1" and meaning.type == "gauge" else "")
    words = [name.replace(".", "_"), *([unit] if unit and not name.endswith(unit) else [])]
    return "_".join([*words, *(["total"] if meaning.type == "counter" else [])])


def _conventions(pages: Iterable[_Page]) -> Iterator[Convention]:
    for page in pages:
        for named in page.names:
            yield Convention(named.ends, named.unit, named.type, named.role, page.page)


def _by_convention(metric: str, unit: str, conventions: Sequence[Convention], *, distribution: bool) -> str:
    words, kind = words_of(metric)
    kind = _UNITS.get(unit, "count" if unit else "") or kind
    fitting = [c for c in conventions if tuple(words[-len(c.ends) :]) == c.ends and _fits(c, kind, distribution)]
    return max(fitting, key=lambda c: len(c.ends)).role if fitting else ""


def _fits(convention: Convention, kind: str, distribution: bool) -> bool:
    if convention.type in {"histogram", "counter"} and not distribution:
        return False
    return convention.unit in {"any", kind} or (
        convention.unit in {"count", "share"} and kind in {"", "share", "count"}
    )


@lru_cache(maxsize=_MOST)
def words_of(metric: str) -> tuple[tuple[str, ...], str]:
    """The whole words of a name, lower case, without the unit that it ends with; and what kind of unit that is."""
    words = [word.lower() for part in _BETWEEN.split(metric) for word in _WORDS.findall(part)]
    kind = ""
    if len(words) > 1 and words[-1] == "total":
        words, kind = words[:-1], "count"
    # An error ratio is a thing of its own, not errors in a unit called ratio.
    if len(words) > 1 and words[-1] in _SUFFIXES and words[-2:] not in (["error", "ratio"], ["errors", "ratio"]):
        kind = _SUFFIXES[words.pop()]
    return tuple(words), kind
