"""The reliability of a confidence as a picture: what was said against what came true, and what is gained by silence."""

from collections.abc import Mapping, Sequence
from math import sqrt

from akeso.offline.drawing.axes import Axes
from akeso.offline.drawing.svg import BLUE, FAINT, GREEN, RED, Page
from akeso.stages.diagnosis.reliability import Bin, Said, selective_accuracy

_TICKS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_COVERAGES = tuple(i / 50 for i in range(1, 51))


def reliability_picture(title: str, bins: Sequence[Bin], said: Said, scores: Mapping[str, object]) -> str:
    """SVG of two charts side by side, and the scores below."""
    page = Page(860, 440, title)
    page.words((20, 26), title, size=15, bold=True)
    _diagram(page, Axes((60, 70), (330, 280)), bins)
    _silence(page, Axes((490, 70), (330, 280), y=(0.5, 1.0)), said)
    page.words((20, 424), ", ".join(f"{name} {value}" for name, value in scores.items()), size=11, colour=FAINT)
    return page.text()


def _diagram(page: Page, axes: Axes, bins: Sequence[Bin]) -> None:
    axes.draw(page, "Came true", ("probability that was said", ""), _TICKS)
    page.line(axes.at(0, 0), axes.at(1, 1), FAINT)
    most = max((b.cases for b in bins), default=1)
    for b in bins:
        page.line(axes.at(b.said, b.least), axes.at(b.said, b.most), BLUE, 1.5)
        page.dot(axes.at(b.said, b.came), 2.5 + 6.0 * sqrt(b.cases / most), BLUE)
        x, y = axes.at(b.said, b.came)
        page.words((x + 12, y + 14), str(b.cases), size=10, colour=FAINT)


def _silence(page: Page, axes: Axes, said: Said) -> None:
    axes.draw(
        page,
        "Right among the surest",
        ("share of cases that are answered", ""),
        (0.0, 0.2, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
    )
    page.line(axes.at(0, 0.95), axes.at(1, 0.95), RED)
    page.words((axes.at(0, 0.95)[0] + 6, axes.at(0, 0.95)[1] + 14), "95 %", size=10, colour=RED)
    if said:
        shares = [next(iter(selective_accuracy(said, (c,)).values())) for c in _COVERAGES]
        page.path([axes.at(c, share) for c, share in zip(_COVERAGES, shares, strict=True)], GREEN, 2.0)
