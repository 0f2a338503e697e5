"""The evidence of a diagnosis as a picture: what speaks for and against the first answers, and the series behind it."""

from collections.abc import Sequence
from math import isfinite

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Diagnosis, Evidence, Hypothesis
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.offline.drawing.axes import Axes
from akeso.offline.drawing.svg import BLUE, FAINT, GREEN, GRID, INK, RED, Page, shortened
from akeso.stages.diagnosis.symptoms import SeriesDeviation, Symptoms, read

_WIDTH = 980.0
_ROW, _HEAD = 22.0, 34.0
_BARS = (150.0, 150.0)  # left end and half width, in pixels
_MOST_FINDINGS, _MOST_SERIES = 7, 6
_CHART = (280.0, 96.0)
_PAST_SLOTS = 120  # of the past that a chart shows


def evidence_picture(case: Case, diagnosis: Diagnosis) -> str:
    """SVG: bars of log-odds for the three likeliest causes, then the series that left their past furthest."""
    shown = [(h, _weighty(h)) for h in diagnosis.hypotheses[:3]]
    symptoms = read(case)
    series = strongest(symptoms, [h.service for h, _ in shown])
    bars = sum(_HEAD + _ROW * max(1, len(found)) for _, found in shown)
    rows = (len(series) + 2) // 3
    page = Page(_WIDTH, 70 + bars + 40 + rows * (_CHART[1] + 62), "Evidence")
    page.words((20, 28), "Evidence", size=15, bold=True)
    page.words((20, 46), "log-odds that this service is the cause: green for, red against", size=11, colour=FAINT)
    top = 66.0
    most = max((abs(e.weight) for _, found in shown for e in found), default=1.0)
    for hypothesis, found in shown:
        top = _bars(page, top, (hypothesis, found), most)
    for number, deviation in enumerate(series):
        corner = (34.0 + (number % 3) * (_CHART[0] + 36), top + 46 + (number // 3) * (_CHART[1] + 62))
        _chart(page, corner, symptoms, (deviation, case.onset))
    return page.text()


def strongest(symptoms: Symptoms, services: Sequence[str]) -> list[SeriesDeviation]:
    """The series that departed most: first two of each of these services, then of any other."""
    first = [d for s in services for d in _by_size(symptoms.of(s))[:2]]
    rest = _by_size([d for s in symptoms.services for d in symptoms.of(s)])
    chosen = {d.index: d for d in (*first, *rest) if abs(d.size) > 1.0 and isfinite(d.past)}
    return list(chosen.values())[:_MOST_SERIES]


def _by_size(deviations: Sequence[SeriesDeviation]) -> list[SeriesDeviation]:
    return sorted(deviations, key=lambda d: -abs(d.size))


def _weighty(hypothesis: Hypothesis) -> list[Evidence]:
    return [e for e in hypothesis.evidence if e.weight or e.classes][:_MOST_FINDINGS]


def _bars(page: Page, top: float, told: tuple[Hypothesis, Sequence[Evidence]], most: float) -> float:
    hypothesis, found = told
    title = f"{hypothesis.service}: {hypothesis.fault_class}, {hypothesis.confidence:.0%}"
    page.words((20, top + 16), title, size=13, bold=True)
    zero = _BARS[0] + _BARS[1] / 2
    for row, finding in enumerate(found):
        y = top + _HEAD - 8 + row * _ROW
        length = finding.weight / most * (_BARS[1] / 2)
        page.words((_BARS[0] - 12, y + 13), finding.provider, size=11, anchor="end", colour=FAINT)
        page.box((min(zero, zero + length), y + 3), (abs(length), _ROW - 8), GREEN if finding.weight > 0 else RED)
        page.words((_BARS[0] + _BARS[1] + 14, y + 13), shortened(_said(finding), 118), size=11)
    bottom = top + _HEAD + _ROW * max(1, len(found))
    page.line((zero, top + _HEAD - 8), (zero, bottom - 10), GRID)
    return bottom


def _said(finding: Evidence) -> str:
    return f"{finding.weight:+.1f}  {finding.statement}"


def _chart(page: Page, corner: tuple[float, float], symptoms: Symptoms, shown: tuple[SeriesDeviation, int]) -> None:
    deviation, onset = shown
    recent = max(0, int((symptoms.matrix.times <= onset).sum()) - _PAST_SLOTS)
    values, times = symptoms.values(deviation)[recent:], symptoms.matrix.times[recent:]
    known = np.isfinite(values)
    if not known.any():
        return
    low, high = float(values[known].min()), float(values[known].max())
    span = (float(times[0]), float(times[-1]))
    axes = Axes(corner, _CHART, span, (min(low, 0.0) if low < 0.3 * high else low, high))
    left, top = corner
    page.words((left, top - 8), shortened(_name(deviation), 46), size=11, bold=True)
    band = (
        axes.at(span[0], deviation.past + deviation.spread)[1],
        axes.at(span[0], deviation.past - deviation.spread)[1],
    )
    page.box((left, band[0]), (_CHART[0], max(1.0, band[1] - band[0])), "#e9f3ec")
    page.path([axes.at(float(t), float(v)) for t, v in zip(times[known], values[known], strict=True)], BLUE, 1.2)
    at = axes.at(float(onset), low)[0]
    page.line((at, top), (at, top + _CHART[1]), RED)
    page.line((left, top + _CHART[1]), (left + _CHART[0], top + _CHART[1]), INK)
    seconds = (span[1] - onset) / NANOSECONDS
    page.words((left, top + _CHART[1] + 14), f"usual {deviation.past:.3g}, now {deviation.level:.3g}", size=10)
    page.words((left + _CHART[0], top + _CHART[1] + 14), f"+{seconds:.0f} s", size=10, anchor="end", colour=FAINT)


def _name(deviation: SeriesDeviation) -> str:
    key = deviation.key
    about = ", ".join(value for _, value in key.attributes[:2])
    metric = key.metric.removeprefix("akeso.") + (f" {key.stat}" if key.stat else "")
    return f"{key.service} {metric}" + (f" ({about})" if about else "") + (f" [{key.unit}]" if key.unit else "")
