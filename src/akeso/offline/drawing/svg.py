"""A page of SVG: lines, boxes, dots, words. Coordinates in pixels from the upper left."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

INK, FAINT, GRID = "#1f2933", "#7b8794", "#d9dee4"
BLUE, RED, GREEN, AMBER = "#2563a8", "#c0392b", "#2e8b57", "#c98a12"
_FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif"
_ILLEGAL = {code: None for code in range(32) if code not in {9, 10, 13}}


@dataclass(slots=True)
class Page:
    """A drawing that grows. title: read out by screen readers."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def line(self, start: tuple[float, float], end: tuple[float, float], colour: str = INK, width: float = 1.0) -> None:
        (x1, y1), (x2, y2) = start, end
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
            f' stroke-width="{width:g}"/>'
        )

    def arrow(
        self, start: tuple[float, float], end: tuple[float, float], colour: str = INK, width: float = 1.2
    ) -> None:
        """A line with a head at its end."""
        (x1, y1), (x2, y2) = start, end
        self.parts.append(
            f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"'
            f' stroke-width="{width:g}" marker-end="url(#head)"/>'
        )

    def path(self, points: Sequence[tuple[float, float]], colour: str, width: float = 1.5) -> None:
        """A line through points."""
        through = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{through}" fill="none" stroke="{colour}" stroke-width="{width:g}"/>')

    def box(self, corner: tuple[float, float], size: tuple[float, float], fill: str, border: str = "none") -> None:
        (x, y), (w, h) = corner, size
        self.parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, w):.1f}" height="{max(0.0, h):.1f}" rx="3"'
            f' fill="{fill}" stroke="{border}"/>'
        )

    def dot(self, centre: tuple[float, float], radius: float, fill: str) -> None:
        self.parts.append(f'<circle cx="{centre[0]:.1f}" cy="{centre[1]:.1f}" r="{radius:.1f}" fill="{fill}"/>')

    def words(
        self,
        at: tuple[float, float],
        text: str,
        *,
        size: float = 12.0,
        anchor: str = "start",
        colour: str = INK,
        bold: bool = False,
    ) -> None:
        """One line of text; `at` is its base line's start, middle or end (anchor)."""
        weight = ' font-weight="600"' if bold else ""
        self.parts.append(
            f'<text x="{at[0]:.1f}" y="{at[1]:.1f}" font-size="{size:g}" text-anchor={quoteattr(anchor)}'
            f' fill="{colour}"{weight}>{legible(text)}</text>'
        )

    def text(self) -> str:
        """The whole as SVG."""
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{self.width:g}" height="{self.height:g}"'
            f' viewBox="0 0 {self.width:g} {self.height:g}" font-family="{_FONT}" role="img">'
            f"<title>{legible(self.title)}</title>"
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"'
            ' orient="auto-start-reverse"><path d="M0,0 L8,4 L0,8 z" fill="context-stroke"/></marker></defs>'
            f'<rect width="{self.width:g}" height="{self.height:g}" fill="#ffffff"/>'
        )
        return head + "\n".join(self.parts) + "</svg>\n"


def legible(text: str) -> str:
    """Text as XML: log lines and names come from outside and may hold anything."""
    return escape(text.translate(_ILLEGAL).encode("utf-8", "replace").decode())


def shortened(text: str, most: int) -> str:
    """At most so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
