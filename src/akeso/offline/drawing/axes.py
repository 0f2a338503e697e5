"""A rectangle with axes: data to pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

from akeso.offline.drawing.svg import FAINT, GRID, INK, Page


@dataclass(frozen=True, slots=True)
class Axes:
    """corner, size: of the plotting area; x, y: (least, most) of the data; a data point maps to a pixel by `at`."""

    corner: tuple[float, float]
    size: tuple[float, float]
    x: tuple[float, float] = (0.0, 1.0)
    y: tuple[float, float] = (0.0, 1.0)

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The pixel of a data point; what lies outside is drawn at the edge."""
        return self.corner[0] + self.size[0] * _share(x, self.x), self.corner[1] + self.size[1] * (
            1 - _share(y, self.y)
        )

    def draw(self, page: Page, title: str, labels: tuple[str, str], ticks: Sequence[float] = ()) -> None:
        """Frame, title, and the same ticks on both axes."""
        left, top = self.corner
        width, height = self.size
        page.words((left, top - 12), title, size=13, bold=True)
        for tick in ticks:
            (px, _), (_, py) = self.at(tick, self.y[0]), self.at(self.x[0], tick)
            if self.x[0] <= tick <= self.x[1]:
                page.line((px, top), (px, top + height), GRID)
                page.words((px, top + height + 16), f"{tick:g}", size=11, anchor="middle", colour=FAINT)
            if self.y[0] <= tick <= self.y[1]:
                page.line((left, py), (left + width, py), GRID)
                page.words((left - 6, py + 4), f"{tick:g}", size=11, anchor="end", colour=FAINT)
        page.line((left, top + height), (left + width, top + height), INK)
        page.line((left, top), (left, top + height), INK)
        page.words((left + width / 2, top + height + 34), labels[0], anchor="middle", colour=FAINT)
        page.words((left, top + height + 34), labels[1], colour=FAINT, size=11)


def _share(value: float, span: tuple[float, float]) -> float:
    low, high = span
    return min(1.0, max(0.0, (value - low) / (high - low))) if high > low else 0.5
