"""Evidence from log lines: new and increasing errors, what they name, and floods."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.severity import ERROR, FATAL
from akeso.stages.diagnosis.log_errors import LogErrorIncrease, increase, named
from akeso.stages.diagnosis.symptoms import read

# What engineers' own words say about the kind of fault. Only wording that any stack uses.
_CUES: tuple[tuple[str, str], ...] = (
    (r"pool (is )?exhausted|connection pool.*(time|full)|too many (connections|clients)", "connection_pool_exhaustion"),
    (r"out of memory|outofmemory|memory limit|cannot allocate memory|java heap space", "memory_leak"),
    (r"deadlock|lock (wait )?time|could not obtain lock|canceling statement due to lock", "lock_contention"),
    (r"workers? are busy|no worker|queue (is )?full|overload|too many requests|rate limit", "traffic_surge"),
    (r"cannot start|failed to start|importerror|modulenotfound|syntaxerror|class not found", "crash_loop"),
    (r"no space left|disk (is )?full|read-only file system", "disk_pressure"),
    (r"invalid configuration|config(uration)? error|unknown (setting|option)", "bad_configuration"),
)


class Logs:
    """Errors speak for the service that logs them, unless they name somebody whom it depends on.

    A flood is a volume of `flood` times the usual that is not errors: errors follow the requests.
    """

    name = "logs"

    def __init__(self, own: float = 0.8, named: float = 0.9, flood: float = 8.0, flood_per_s: float = 20.0) -> None:
        self._own = own
        self._named = named
        self._flood = flood
        self._flood_per_s = flood_per_s

    def gather(self, case: Case) -> Sequence[Evidence]:
        by_service: dict[str, list[LogPattern]] = {}
        for pattern in case.logs:
            by_service.setdefault(pattern.service, []).append(pattern)
        during = read(case).during
        found: list[Evidence] = []
        for service, patterns in sorted(by_service.items()):
            found.extend(self._errors(case, service, [s for p in patterns if (s := increase(p, during))]))
            found.extend(self._volume(service, [p for p in patterns if p.severity < ERROR], during))
        return _strongest(found)

    def _errors(self, case: Case, service: str, increase: list[LogErrorIncrease]) -> Iterator[Evidence]:
        for loudest in sorted(increase, key=lambda s: (s.pattern.severity, s.now), reverse=True)[:3]:
            culprit = named(case, service, loudest.pattern.example)
            seen = f"{'new' if loudest.new else 'more'} errors of {service} ({loudest.now:.1f}/s, before"
            seen += f" {loudest.past:.1f}/s): “{_short(loudest.pattern.example)}”"
            numbers = {"past_per_s": loudest.past, "now_per_s": loudest.now}
            if culprit is not None:
                yield Evidence(self.name, culprit, seen, self._named, _cues(loudest.pattern), numbers)
                continue
            weight = self._own * (1.5 if loudest.pattern.severity >= FATAL else 1.0)
            yield Evidence(self.name, service, seen, weight, _cues(loudest.pattern), numbers)

    def _volume(self, service: str, patterns: list[LogPattern], during: np.ndarray) -> Iterator[Evidence]:
        if not patterns or not during.any() or during.all():
            return
        counts = np.sum([p.counts for p in patterns], axis=0)
        past, now = float(np.median(counts[~during])), float(np.median(counts[during]))
        ratio = now / max(past, 1.0)
        if ratio >= self._flood and now >= self._flood_per_s:
            loudest = max(patterns, key=lambda p: float(p.counts[during].sum()))
            yield Evidence(
                self.name,
                service,
                f"{service} logs {now:.0f} lines/s instead of {past:.0f}/s, mostly “{_short(loudest.example)}”",
                3.0,
                {FaultClass.LOG_FLOOD: 6.0},
                {"past_per_s": past, "now_per_s": now, "ratio": ratio},
            )


def _strongest(found: list[Evidence]) -> list[Evidence]:
    """One finding a service and kind: ten callers that complain about the same peer are not ten proofs."""
    best: dict[tuple[str, tuple[str, ...]], Evidence] = {}
    for evidence in found:
        key = (evidence.service, tuple(evidence.classes))
        if key not in best or evidence.weight > best[key].weight:
            best[key] = evidence
    return list(best.values())


def _cues(pattern: LogPattern) -> Mapping[str, float]:
    line = pattern.example.lower()
    found = {kind: 1.5 for words, kind in _CUES if re.search(words, line)}
    if pattern.severity >= FATAL:
        found[FaultClass.CRASH_LOOP] = 2.0
    return found


def _short(line: str, most: int = 140) -> str:
    return line if len(line) <= most else f"{line[: most - 1]}…"
