"""PromQL's instant vector selectors. https://prometheus.io/docs/prometheus/latest/querying/basics/#instant-vector-selectors"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from akeso.domain.errors import InvalidInput

_WHOLE = re.compile(r"\s*([A-Za-z_:][\w:]*)?\s*(?:\{(.*)\})?\s*", re.DOTALL)
_MATCHER = re.compile(r"\s*([A-Za-z_]\w*)\s*(=~|!~|!=|=)\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')\s*(?:,|$)")


@dataclass(frozen=True, slots=True)
class Selector:
    """(label, operator, value or pattern) that all have to hold."""

    matchers: tuple[tuple[str, str, str], ...]

    def takes(self, labels: Mapping[str, str]) -> bool:
        """Whether a series is meant."""
        return all(_holds(labels.get(label, ""), how, value) for label, how, value in self.matchers)


def selector(query: str) -> Selector:
    """Read a selector. Raises InvalidInput."""
    whole = _WHOLE.fullmatch(query)
    if whole is None or not (whole[1] or whole[2]):
        raise InvalidInput("query", f"{query!r} is no selector; more of PromQL is not understood here")
    matchers = [("__name__", "=", whole[1])] if whole[1] else []
    place, text = 0, whole[2] or ""
    while place < len(text.rstrip()):
        found = _MATCHER.match(text, place)
        if found is None:
            raise InvalidInput("query", f"{text[place:]!r} is no matcher")
        matchers.append((found[1], found[2], re.sub(r"\\(.)", r"\1", found[3][1:-1])))
        place = found.end()
    return Selector(tuple(matchers))


def _holds(told: str, how: str, value: str) -> bool:
    match how:
        case "=":
            return told == value
        case "!=":
            return told != value
        case "=~":
            return re.fullmatch(value, told) is not None
        case _:
            return re.fullmatch(value, told) is None
