"""The causal picture of a case: who calls whom, who is wrong in itself, and along which calls it spreads."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

from akeso.domain.estate.topology import Topology
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.offline.drawing.svg import AMBER, BLUE, FAINT, GRID, INK, RED, Page, shortened
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.calls.call_effects import Effect

_BOX = (168.0, 58.0)
_GAP = (74.0, 22.0)
_MOST = 18
_LEFT, _TOP = 24.0, 70.0


def causal_picture(case: Case, diagnosis: Diagnosis) -> str:
    """SVG: callers on the left, callees on the right; arrows point from cause to effect."""
    found = effects(case)
    chosen = relevant(case, diagnosis, found)
    columns = layers(case.topology, chosen)
    places = _placed(columns)
    width = 2 * _LEFT + len(columns) * _BOX[0] + max(0, len(columns) - 1) * _GAP[0]
    height = _TOP + max((len(c) for c in columns), default=1) * (_BOX[1] + _GAP[1]) + 40
    page = Page(max(width, 560), height, "Causes and effects along the calls")
    page.words((_LEFT, 28), "Causes and effects along the calls", size=15, bold=True)
    page.words((_LEFT, 46), _caption(diagnosis), size=11, colour=FAINT)
    guilty = diagnosis.best.service if diagnosis.best is not None else ""
    wrong = frozenset({guilty, *(e.service for e in found.values() if _wrong(e) or _suffers(e))})
    _edges(page, case.topology, places, (wrong, found))
    for service, corner in places.items():
        _node(page, service, corner, (diagnosis, found.get(service)))
    _legend(page, height - 14)
    return page.text()


def relevant(case: Case, diagnosis: Diagnosis, found: Mapping[str, Effect]) -> frozenset[str]:
    """The services worth showing: the suspected, those with symptoms, and what lies between them, at most eighteen."""
    ranked = [h.service for h in diagnosis.hypotheses[:4]]
    hurt = sorted((e.service for e in found.values() if _wrong(e) or _suffers(e)), key=lambda s: -_harm(found[s]))
    complaining = [a.service for a in case.anomalies]
    chosen = list(dict.fromkeys([*ranked, *hurt, *complaining]))[:_MOST]
    around = [e.caller for s in ranked[:1] for e in case.topology.callers(s)]
    around += [e.callee for s in ranked[:1] for e in case.topology.callees(s)]
    return frozenset([*chosen, *around][:_MOST])


def layers(topology: Topology, services: frozenset[str]) -> list[list[str]]:
    """Columns: a service stands right of everyone who calls it, as far as the calls close no circle."""
    depth = dict.fromkeys(sorted(services), 0)
    for _ in range(len(services)):
        moved = False
        for edge in topology.edges:
            if edge.caller in depth and edge.callee in depth and edge.caller != edge.callee:
                wanted = depth[edge.caller] + 1
                if depth[edge.callee] < wanted < len(services):
                    depth[edge.callee], moved = wanted, True
        if not moved:
            break
    used = sorted(set(depth.values()))
    columns = [[s for s in depth if depth[s] == level] for level in used]
    for left, right in pairwise(columns):
        right.sort(key=lambda s: _middle(topology, s, left))
    return columns


def _middle(topology: Topology, service: str, left: Sequence[str]) -> float:
    rows = [left.index(e.caller) for e in topology.callers(service) if e.caller in left]
    return sum(rows) / len(rows) if rows else float(len(left))


def _placed(columns: Sequence[Sequence[str]]) -> dict[str, tuple[float, float]]:
    tallest = max((len(c) for c in columns), default=1)
    step = _BOX[1] + _GAP[1]
    return {
        service: (_LEFT + x * (_BOX[0] + _GAP[0]), _TOP + (y + (tallest - len(column)) / 2) * step)
        for x, column in enumerate(columns)
        for y, service in enumerate(column)
    }


def _edges(
    page: Page,
    topology: Topology,
    places: Mapping[str, tuple[float, float]],
    known: tuple[frozenset[str], Mapping[str, Effect]],
) -> None:
    wrong, found = known
    for edge in topology.edges:
        if edge.caller not in places or edge.callee not in places or edge.caller == edge.callee:
            continue
        caller = found.get(edge.caller)
        carries = edge.callee in wrong and caller is not None and _suffers(caller)
        (x1, y1), (x2, y2) = places[edge.caller], places[edge.callee]
        middle = _BOX[1] / 2
        ends = ((x2, y2 + middle), (x1 + _BOX[0], y1 + middle)) if x2 > x1 else ((x2 + _BOX[0], y2), (x1, y1 + _BOX[1]))
        if carries and not edge.asynchronous:
            page.arrow(*ends, colour=RED, width=2.0)
        else:
            page.line(*ends, colour=GRID, width=1.4)


def _node(page: Page, service: str, corner: tuple[float, float], known: tuple[Diagnosis, Effect | None]) -> None:
    diagnosis, effect = known
    sure = next((h.confidence for h in diagnosis.hypotheses if h.service == service), None)
    best = diagnosis.best is not None and diagnosis.best.service == service
    fill, border = _colours(effect, best)
    page.box(corner, _BOX, fill, border)
    x, y = corner
    page.words((x + 10, y + 20), shortened(service, 22), size=12, bold=True)
    if sure is not None:
        page.words((x + _BOX[0] - 8, y + 20), f"{sure:.0%}", size=11, anchor="end", colour=border)
    page.words((x + 10, y + 36), shortened(_own(effect), 28), size=10.5)
    page.words((x + 10, y + 50), shortened(_passed_on(effect), 28), size=10.5, colour=FAINT)


def _colours(effect: Effect | None, best: bool) -> tuple[str, str]:
    if best:
        return "#fbe9e7", RED
    if effect is not None and _wrong(effect):
        return "#fdf3e0", AMBER
    if effect is not None and _suffers(effect):
        return "#e8f0fa", BLUE
    return "#f7f8f9", GRID


def _own(effect: Effect | None) -> str:
    if effect is None:
        return "not measured"
    if effect.down:
        return f"silent for {effect.silent_s:.0f} s" if effect.silent_s else "no longer there"
    parts = [f"+{effect.own_ms:.0f} ms itself"] if effect.slow_itself else []
    parts += [f"+{effect.own_errors:.0%} errors itself"] if effect.failing_itself else []
    return ", ".join(parts) or ("nothing wrong itself" if _suffers(effect) else "as usual")


def _passed_on(effect: Effect | None) -> str:
    if effect is None or effect.down or not _suffers(effect):
        return ""
    parts = [f"+{effect.slower_ms:.0f} ms"] if effect.slow else []
    parts += [f"+{effect.errors:.0%} errors"] if effect.failing else []
    return f"in all {', '.join(parts)}"


def _legend(page: Page, y: float) -> None:
    entries = (("likeliest cause", RED), ("wrong in itself", AMBER), ("suffers from others", BLUE))
    for number, (text, colour) in enumerate(entries):
        x = _LEFT + 150 * number
        page.box((x, y - 9), (10, 10), colour)
        page.words((x + 16, y), text, size=10.5, colour=INK)


def _caption(diagnosis: Diagnosis) -> str:
    best = diagnosis.best
    if best is None:
        return "no cause was found"
    known = "" if diagnosis.known else "; not sure enough to act"
    return f"{best.fault_class} of {best.service}, probability {best.confidence:.0%}{known}; red arrows: cause → effect"


def _wrong(effect: Effect) -> bool:
    return effect.down or effect.slow_itself or effect.failing_itself


def _suffers(effect: Effect) -> bool:
    return effect.slow or effect.failing


def _harm(effect: Effect) -> float:
    return max(0.0, effect.slower_ms if effect.slower_ms == effect.slower_ms else 0.0) + 1000.0 * effect.errors
