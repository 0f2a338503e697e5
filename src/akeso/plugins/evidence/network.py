"""Evidence from the ways between services: whose network is slow."""

from collections.abc import Sequence

from akeso.domain.case import Case
from akeso.domain.diagnosis import CauseKind, Evidence, FaultClass, InnerCause
from akeso.domain.signal import NETWORK_DELAY
from akeso.stages.gaps import Gap, gaps
from akeso.stages.inheritance import starved
from akeso.stages.symptoms import read

_CAUSE = InnerCause(CauseKind.METRIC, NETWORK_DELAY)


class Network:
    """The service on whose every way requests newly lie for long has a slow network; one with such a way among many
    quick ones only calls it, or is called by it."""

    name = "network"

    def __init__(self, weight: float = 5.0, acquits: float = 2.0) -> None:
        self._weight = weight
        self._acquits = acquits

    def gather(self, case: Case) -> Sequence[Evidence]:
        found = gaps(case.traces, case.onset)
        wide = [gap for gap in found if gap.wide]
        touched = sorted({name for gap in wide for name in (gap.caller, gap.callee)})
        shares = {name: _share(name, found) for name in touched}
        most = max(shares.values(), default=0.0)
        symptoms = read(case)
        busy = {name for name in touched if starved(symptoms, name) is not None}
        return [
            self._finding(name, shares[name], [g for g in wide if name in {g.caller, g.callee}], most)
            for name in touched
            # Without processor time nobody takes what has arrived.
            if name not in busy
        ]

    def _finding(self, service: str, share: float, wide: list[Gap], most: float) -> Evidence:
        worst = max(wide, key=lambda gap: gap.risen_ms)
        said = f"requests between {worst.caller} and {worst.callee} lie {worst.now_ms:.0f} ms on the way"
        said += f" instead of {worst.past_ms:.0f} ms; so it is on {share:.0%} of the calls to and from {service}"
        numbers = {"past_ms": worst.past_ms, "now_ms": worst.now_ms, "share": share}
        if share < 0.75 * most:
            return Evidence(self.name, service, said, -self._acquits, {}, numbers)
        sure = min(1.0, sum(gap.calls for gap in wide) / 6.0) * min(1.0, worst.sure / 8.0)
        weight = self._weight * share * sure
        return Evidence(
            self.name, service, said, weight, {FaultClass.NETWORK_DELAY: 0.8 * weight}, numbers, cause=_CAUSE
        )


def _share(service: str, found: Sequence[Gap]) -> float:
    """The share of ways that are slow, those to it and those from it alike."""
    mine = [gap for gap in found if service in {gap.caller, gap.callee}]
    return sum(gap.wide for gap in mine) / len(mine)
