"""What the model may ask about one case, read only. Pure but for memory and the store; answers become exhibits."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from akeso.domain.errors import InvalidInput
from akeso.domain.estate.knowledge import Knowledge
from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.telemetry.batches import NANOSECONDS, Floats, SeriesKey, Times
from akeso.domain.telemetry.query import MetricSelector, Range
from akeso.domain.telemetry.signal import RED_ERRORS, RED_MEAN, RED_P95, RED_RATE, RED_SELF
from akeso.plugins.reasoners._llm.exhibits import Exhibits
from akeso.ports.reasoner import History, Recall
from akeso.stages.diagnosis.symptoms import SeriesDeviation, read

_MOST = 12  # lines of one answer
_NAMES = 60
_LONGEST_H, _STEPS = 14 * 24.0, 12
_TRACED = (RED_RATE, RED_ERRORS, RED_MEAN, RED_P95, RED_SELF)


@dataclass(frozen=True, slots=True)
class Queries:
    """All answers are mappings of plain values, redacted. `findings` are exhibits that can be cited."""

    case: Case
    knowledge: Knowledge
    shown: Exhibits
    recall: Recall | None = None
    history_of: History | None = None

    def services(self) -> dict[str, Any]:
        """Every service that is known, and how many series and log patterns there are of it."""
        symptoms = read(self.case)
        names = sorted(symptoms.services | self.case.topology.nodes)
        logs = [pattern.service for pattern in self.case.logs]
        rows = [f"{name}: {len(symptoms.of(name))} series, {logs.count(name)} log patterns" for name in names]
        return self._answer(rows, "telemetry", most=_NAMES)

    def metrics(self, service: str, contains: str = "") -> dict[str, Any]:
        """The series of a service that departed most, before and since the onset. contains: part of the name."""
        symptoms = read(self.case)
        found = [d for d in symptoms.of(service) if contains.lower() in d.key.metric.lower()]
        ordered = sorted(found, key=lambda d: -abs(d.size))
        return self._answer((_series(d, self._course(d)) for d in ordered), "metrics", total=len(found))

    def logs(self, service: str = "", contains: str = "") -> dict[str, Any]:
        """Log templates, those first that changed most since the onset. contains: part of an example line."""
        found = [
            p for p in self.case.logs if (not service or p.service == service) and contains.lower() in p.example.lower()
        ]
        during = self.case.features.times > self.case.onset
        rated = sorted(((_rates(p, during), p) for p in found), key=lambda r: -abs(r[0][1] - r[0][0]))
        return self._answer((_pattern(p, rates) for rates, p in rated), "logs", total=len(found))

    def traces(self, service: str) -> dict[str, Any]:
        """Requests of a service by operation, and its calls to others, as its spans tell: rate, errors, latency."""
        symptoms = read(self.case)
        own = [d for d in symptoms.of(service) if d.key.metric in _TRACED]
        calls = [d for d in symptoms.of(service) if dict(d.key.attributes).get("peer")]
        ordered = sorted([*own, *calls], key=lambda d: -abs(d.size))
        return self._answer((_series(d, "") for d in ordered), "traces", total=len(ordered))

    def topology(self, service: str) -> dict[str, Any]:
        """Who calls a service and whom it calls."""
        graph = self.case.topology
        rows = [f"{e.caller} calls {e.callee} ({e.rate:.2g}/s)" for e in graph.callers(service)]
        rows += [f"{e.caller} calls {e.callee} ({e.rate:.2g}/s)" for e in graph.callees(service)]
        rows += [f"{len(graph.upstream(service))} services stand on {service}, directly or not"] if rows else []
        return self._answer(rows, "topology", total=len(rows))

    def bridging(self, symptom: str) -> dict[str, Any]:
        """What may cause a symptom and what it brings about, from machines to software, by published knowledge."""
        words = symptom.lower().replace("_", " ")
        names = [n for n, s in self.knowledge.symptoms.items() if words in f"{n.replace('_', ' ')} {s.says}".lower()]
        links = [link for n in names for link in (*self.knowledge.causes(n), *self.knowledge.effects(n))]
        rows = [f"{li.cause} brings about {li.effect}: {li.because} ({li.source})" for li in dict.fromkeys(links)]
        return self._answer(rows, "knowledge", total=len(rows))

    async def past(self, text: str) -> dict[str, Any]:
        """Past incidents of this installation that resemble the words, and how they ended."""
        found = list(self.case.similar)
        if self.recall is not None:
            found = list(await self.recall(self.case.tenant, text, (), 5))
        rows = [
            f"{r.similarity:.0%} alike: {r.memory.fault_class} of {r.memory.service}, {r.memory.action or 'no action'},"
            f" {r.memory.recovery.value}"
            for r in found
        ]
        return self._answer(rows, "memory", total=len(rows))

    async def history(self, service: str, metric: str, hours: float = 24.0) -> dict[str, Any]:
        """The hours before the onset of one metric of a service, as its sender names it: was it like this before?"""
        if self.history_of is None:
            return self._answer((), "history")
        seconds = min(max(hours, 0.25), _LONGEST_H) * 3600.0
        over = Range(self.case.onset - int(seconds * NANOSECONDS), self.case.onset, int(seconds * NANOSECONDS / _STEPS))
        selector = MetricSelector(self.case.tenant, service, metric, quantile=0.95)
        try:
            found = await self.history_of(selector, over)
        except InvalidInput as refusal:
            return {"note": self.shown.shown(str(refusal))}
        rows = [_past(key, found.values[i], found.times, self.case.onset) for i, key in enumerate(found.keys)]
        return self._answer(rows, "history", total=len(rows))

    def _answer(self, rows: Iterable[str], source: str, *, total: int = 0, most: int = _MOST) -> dict[str, Any]:
        told = [row for row, _ in zip(rows, range(most), strict=False)]
        found = self.shown.all("O", told, source)
        left = max(0, total - len(found))
        return {
            "findings": found,
            **({"left out": left} if left else {}),
            **({} if found else {"note": "nothing found"}),
        }

    def _course(self, deviation: SeriesDeviation) -> str:
        """A few values along the case: “-60 s 12, 0 s 14, …”."""
        values, times = read(self.case).values(deviation), self.case.features.times
        picked = np.unique(np.linspace(0, len(times) - 1, min(9, len(times))).astype(int)).tolist()
        points = [
            f"{(int(times[i]) - self.case.onset) / NANOSECONDS:+.0f} s {values[i]:.3g}"
            for i in picked
            if np.isfinite(values[i])
        ]
        return f"; course: {', '.join(points)}" if points else ""


def _series(deviation: SeriesDeviation, course: str) -> str:
    key = deviation.key
    parts = [
        f"{what} {value:.3g}"
        for what, value in (("before", deviation.past), ("since", deviation.level), ("newest", deviation.last))
        if np.isfinite(value)
    ]
    return f"{_named(key)} of {key.service} in {key.unit or '1'}: {', '.join(parts) or 'no values'}{course}"


def _past(key: SeriesKey, values: Floats, times: Times, onset: int) -> str:
    """“… 24 h before 0.3, 22 h before 0.28, …”."""
    points = [
        f"{(onset - int(time)) / NANOSECONDS / 3600.0:.3g} h before {value:.3g}"
        for time, value in zip(times, values, strict=True)
        if np.isfinite(value)
    ]
    return f"{_named(key)} of {key.service} in {key.unit or '1'}: {', '.join(points)}"


def _named(key: SeriesKey) -> str:
    return " ".join((key.metric, *(f"{a}={v}" for a, v in key.attributes), *([key.stat] if key.stat else [])))


def _rates(pattern: LogPattern, during: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[float, float]:
    if len(pattern.counts) != len(during):
        return 0.0, 0.0
    before, since = pattern.counts[~during], pattern.counts[during]
    return _mean(before), _mean(since)


def _mean(counts: np.ndarray[Any, np.dtype[np.float64]]) -> float:
    return float(np.nanmean(counts)) if len(counts) else 0.0


def _pattern(pattern: LogPattern, rates: tuple[float, float]) -> str:
    per_slot = f"before {rates[0]:.2g}, since {rates[1]:.2g} a slot"
    return f"{pattern.service} logs (severity {pattern.severity}; {per_slot}): {pattern.example}"
