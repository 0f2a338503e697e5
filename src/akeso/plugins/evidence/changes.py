"""Evidence from changes: most incidents begin with somebody changing something."""

from collections.abc import Iterator, Sequence
from math import exp

from akeso.domain.estate.changes import standing
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.domain.telemetry.batches import NANOSECONDS, Change
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Effect

_STARTS_WITHIN_S = 10.0
_WORDS = {"deploy": "was deployed", "config": "got a new configuration", "flag": "had a flag changed"}


class Changes:
    """A change of a service shortly before the onset speaks for that service, the more the closer it is.

    A change of a service that shows nothing itself says little. `fade_s`: the time in which the suspicion falls to a
    third; `window_s`: what is older counts for nothing.
    """

    name = "changes"

    def __init__(self, weight: float = 2.4, fade_s: float = 45.0, window_s: float = 600.0) -> None:
        self._weight = weight
        self._fade_s = fade_s
        self._window_s = window_s

    def gather(self, case: Case) -> Sequence[Evidence]:
        latest: dict[str, tuple[float, Change]] = {}
        for before, change in self._recent(case):
            if before <= latest.get(change.service, (before, change))[0]:
                latest[change.service] = (before, change)
        return [self._finding(case, before, change) for before, change in latest.values()]

    def _recent(self, case: Case) -> Iterator[tuple[float, Change]]:
        """Changes that still stand, with the seconds from each to the onset."""
        for change in standing(c for c in case.changes if c.at.timestamp() <= case.now / NANOSECONDS):
            before = case.onset / NANOSECONDS - change.at.timestamp()
            if change.kind in _WORDS and before <= self._window_s:
                yield before, change

    def _finding(self, case: Case, before: float, change: Change) -> Evidence:
        # A change is reported when it is done; its effect may show some seconds earlier.
        near = exp(-max(0.0, before) / self._fade_s) * (1.0 if before > -8.0 else 0.5)
        effect = effects(case).get(change.service)
        hurt = effect is None or effect.down or effect.slow_itself or effect.failing_itself
        when = f"{before:.0f} s before" if before >= 0 else f"{-before:.0f} s after"
        return Evidence(
            self.name,
            change.service,
            f"{change.service} {_WORDS[change.kind]} ({change.version or 'version not told'}) {when} the onset"
            + ("" if hurt else ", but shows nothing wrong itself"),
            self._weight * near * (1.0 if hurt else 0.15),
            _classes(change.kind, before, near, effect),
            {"before_s": before, "nearness": near},
        )


def _classes(kind: str, before: float, near: float, effect: Effect | None) -> dict[str, float]:
    # Who served for a while after the deploy does start: a later end is a crash and no crash loop.
    starts = exp(-max(0.0, before) / _STARTS_WITHIN_S)
    if kind != "deploy":
        return {FaultClass.BAD_CONFIGURATION: 6.0 * near, FaultClass.CRASH: -2.0 * near}
    if effect is not None and effect.down:
        return {
            FaultClass.CRASH_LOOP: 5.0 * starts,
            FaultClass.BAD_RELEASE: 1.5 * near,
            FaultClass.CRASH: -2.0 * starts,
        }
    return {FaultClass.BAD_RELEASE: 6.0 * near}
