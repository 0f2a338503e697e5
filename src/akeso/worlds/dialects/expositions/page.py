"""A page of metrics, and what pages are made by."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeAlias

from akeso.worlds.dialects.assignment import Assignment
from akeso.worlds.dialects.wire.remote_write import COUNTER, GAUGE, HISTOGRAM, SUMMARY

Labels: TypeAlias = tuple[tuple[str, str], ...]
Key: TypeAlias = tuple[str, int, Labels]


@dataclass(frozen=True, slots=True)
class Target:
    """What is scraped. key: unique and lasting; labels: of service discovery, `job` and `instance` among them; row: of
    the instance or, where `of_node`, of the node that it tells of; honors: labels of the page win over the target's;
    lasting: it stays a target while nobody is there (static configuration)."""

    key: str
    labels: Labels
    row: int
    of_node: bool = False
    honors: bool = False


class Page:
    """Series in the order in which they are written."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self.values: list[float] = []

    def gauge(self, name: str, value: float, labels: Labels = ()) -> None:
        """A level."""
        self.keys.append((name, GAUGE, labels))
        self.values.append(value)

    def counter(self, name: str, value: float, labels: Labels = ()) -> None:
        """What only rises."""
        self.keys.append((name, COUNTER, labels))
        self.values.append(value)

    def info(self, name: str, labels: Labels = ()) -> None:
        """A 1 with words."""
        self.keys.append((name, GAUGE, labels))
        self.values.append(1.0)

    def histogram(self, keys: "HistogramKeys", cumulative: Sequence[float], total: float) -> None:
        """Buckets (the last is +Inf), sum and count."""
        self.keys += keys.keys
        self.values += [*cumulative, total, cumulative[-1]]

    def quantile(self, name: str, value: float, labels: Labels) -> None:
        """A quantile of a summary."""
        self.keys.append((name, SUMMARY, labels))
        self.values.append(value)

    def summary(self, name: str, count: float, total: float, labels: Labels = ()) -> None:
        """Sum and count alone."""
        self.keys += ((f"{name}_sum", SUMMARY, labels), (f"{name}_count", SUMMARY, labels))
        self.values += (total, count)


class HistogramKeys:
    """The series of a histogram. bounds: as they are written, without +Inf."""

    def __init__(self, name: str, labels: Labels, bounds: Iterable[float]) -> None:
        marks = [*map(written, bounds), "+Inf"]
        self.keys: list[Key] = [(f"{name}_bucket", HISTOGRAM, (*labels, ("le", mark))) for mark in marks]
        self.keys += [(f"{name}_sum", HISTOGRAM, labels), (f"{name}_count", HISTOGRAM, labels)]


def written(bound: float) -> str:
    """A bound as text: Prometheus normalises what clients write to this."""
    return repr(float(bound))


class Exposition(Protocol):
    """One library's or exporter's page."""

    name: ClassVar[str]

    def __init__(self, assignment: Assignment) -> None: ...

    def targets(self) -> Sequence[Target]:
        """Who has such a page now."""
        ...

    def answers(self, target: Target) -> bool:
        """Whether it can be scraped now."""
        ...

    def write(self, target: Target, page: Page) -> None:
        """What the page says now."""
        ...
