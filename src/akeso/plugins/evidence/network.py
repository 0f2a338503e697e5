"""Evidence from the ways between services: whose network is slow."""

from collections.abc import Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import CauseKind, Evidence, FaultClass, InnerCause
from akeso.domain.telemetry.signal import NETWORK_DELAY
from akeso.stages.diagnosis.calls.network_latency import NetworkDelay, network_delays
from akeso.stages.diagnosis.service_signs import starved
from akeso.stages.diagnosis.symptoms import read

_CAUSE = InnerCause(CauseKind.METRIC, NETWORK_DELAY)
_MUCH_LESS = 0.75
_CALLS, _SURE = 6.0, 8.0  # from which nothing is left to chance


class Network:
    """The service on whose every way requests newly lie for long has a slow network; one with such a way among many
    quick ones only calls it, or is called by it."""

    name = "network"

    def __init__(self, weight: float = 6.5, acquits: float = 3.0) -> None:
        self._weight = weight
        self._acquits = acquits

    def gather(self, case: Case) -> Sequence[Evidence]:
        found = network_delays(case)
        wide = [gap for gap in found if gap.wide]
        likely = {name: _likely(name, found) for name in sorted({n for gap in wide for n in (gap.caller, gap.callee)})}
        best, symptoms = max(likely.values(), default=0.0), read(case)
        # Without processor time nobody takes what has arrived.
        return [
            self._finding(name, how, best, [gap for gap in wide if name in {gap.caller, gap.callee}])
            for name, how in likely.items()
            if starved(symptoms, name) is None
        ]

    def _finding(self, service: str, likely: float, best: float, wide: list[NetworkDelay]) -> Evidence:
        worst = max(wide, key=lambda gap: gap.risen_ms)
        said = f"requests between {worst.caller} and {worst.callee} lie {worst.now_ms:.0f} ms on the way"
        said += f" instead of {worst.past_ms:.0f} ms, and so they do on {len(wide)} ways to and from {service}"
        numbers = {"past_ms": worst.past_ms, "now_ms": worst.now_ms, "ways": float(len(wide))}
        if likely < _MUCH_LESS * best:
            return Evidence(self.name, service, f"{said}, but another explains more", -self._acquits, {}, numbers)
        sure = min(1.0, sum(gap.calls for gap in wide) / _CALLS) * min(1.0, worst.sure / _SURE)
        weight = self._weight * likely * sure
        classes = {FaultClass.NETWORK_DELAY: 0.8 * weight}
        return Evidence(self.name, service, said, weight, classes, numbers, cause=_CAUSE)


def _likely(service: str, found: Sequence[NetworkDelay]) -> float:
    """The share of its ways that are slow, to it and from it alike, and less when there are slow ones elsewhere."""
    mine = [gap.wide for gap in found if service in {gap.caller, gap.callee}]
    everywhere = sum(gap.wide for gap in found)
    return sum(mine) / len(mine) * (0.4 + 0.6 * sum(mine) / everywhere)
