"""Log lines to templates: an incremental miner of the Drain family (He et al., "Drain: An Online Log Parsing Approach
with Fixed Depth Tree", ICWS 2017)."""

import json
import re
from dataclasses import dataclass

from akeso.domain.errors import InvalidInput

WILDCARD = "<*>"
_MOST_TOKENS = 64
_MOST_CHARACTERS = 1_024
_MOST_LINES = 4_096
# A run of word characters with a digit in it (numbers, ids, times, addresses, versions), or eight hex letters or more.
# Possessive quantifiers keep it linear on long words.
_VARIABLE = re.compile(r"(?<![\w.:-])(?:[A-Za-z_.:-]*+\d[\w.:-]*+|[a-fA-F]{8,}+(?![\w.:-]))")


def masked(line: str) -> str:
    """The line with what is obviously variable replaced."""
    return _VARIABLE.sub(WILDCARD, line[:_MOST_CHARACTERS])


@dataclass(slots=True)
class Template:
    """tokens: words and wildcards; seen: how many lines; used: the miner's count when it was used last."""

    number: int
    tokens: list[str]
    seen: int = 0
    used: int = 0

    @property
    def text(self) -> str:
        return " ".join(self.tokens)


class TemplateMiner:
    """Groups lines of equal length in words and equal first word whose words agree by at least `similarity` (0..1);
    where they differ, the template gets a wildcard. At most `most` templates; the one unused for longest goes first."""

    def __init__(self, similarity: float = 0.5, most: int = 400) -> None:
        self._similarity, self._most = similarity, most
        self._leaves: dict[tuple[int, str], list[Template]] = {}
        self._templates: dict[int, Template] = {}
        self._lines: dict[str, int] = {}
        self._next = 0
        self._used = 0

    def __len__(self) -> int:
        return len(self._templates)

    def __contains__(self, number: int) -> bool:
        return number in self._templates

    def __getitem__(self, number: int) -> Template:
        return self._templates[number]

    def learn(self, line: str) -> int:
        """The number of the line's template; numbers rise and are never reused."""
        number = self._lines.get(line)
        if number is None or number not in self._templates:
            number = self._learn_shape(masked(line))
            self._remember(line, number)
        self._used += 1
        template = self._templates[number]
        template.seen += 1
        template.used = self._used
        return number

    def snapshot(self) -> str:
        """Everything as JSON; `restored(snapshot())` goes on where this one stands."""
        rows = [[each.number, each.seen, each.used, each.tokens] for each in self._templates.values()]
        state = {"similarity": self._similarity, "most": self._most, "next": self._next, "used": self._used}
        return json.dumps(state | {"templates": rows})

    @classmethod
    def restored(cls, snapshot: str) -> "TemplateMiner":
        """Raises InvalidInput for what is no snapshot."""
        try:
            state = json.loads(snapshot)
            miner = cls(float(state["similarity"]), int(state["most"]))
            miner._next, miner._used = int(state["next"]), int(state["used"])
            for number, seen, used, tokens in state["templates"]:
                miner._add(Template(int(number), [str(token) for token in tokens], int(seen), int(used)))
        except (KeyError, TypeError, ValueError) as exc:
            raise InvalidInput("templates", f"not a snapshot of templates: {exc}") from exc
        return miner

    def _learn_shape(self, shape: str) -> int:
        known = self._lines.get(shape)
        if known is not None and known in self._templates:
            return known
        tokens = shape.split()[:_MOST_TOKENS] or [""]
        template = self._closest(tokens)
        if template is None:
            template = self._open(tokens)
        else:
            template.tokens = [a if a == b else WILDCARD for a, b in zip(template.tokens, tokens, strict=True)]
        self._remember(shape, template.number)
        return template.number

    def _closest(self, tokens: list[str]) -> Template | None:
        leaf = self._leaves.get((len(tokens), tokens[0]), [])
        best = max(leaf, key=lambda each: _agreement(each.tokens, tokens), default=None)
        if best is None or _agreement(best.tokens, tokens) < self._similarity:
            return None
        return best

    def _open(self, tokens: list[str]) -> Template:
        if len(self._templates) >= self._most:
            self._drop(min(self._templates.values(), key=lambda each: each.used))
        template = Template(self._next, tokens)
        self._next += 1
        self._add(template)
        return template

    def _add(self, template: Template) -> None:
        self._templates[template.number] = template
        self._leaves.setdefault((len(template.tokens), template.tokens[0]), []).append(template)

    def _drop(self, template: Template) -> None:
        del self._templates[template.number]
        leaf = self._leaves[len(template.tokens), template.tokens[0]]
        leaf.remove(template)
        if not leaf:
            del self._leaves[len(template.tokens), template.tokens[0]]

    def _remember(self, line: str, number: int) -> None:
        # Repeated shapes come in bursts: starting anew costs less than keeping an order of use.
        if len(self._lines) >= _MOST_LINES:
            self._lines.clear()
        if len(line) <= _MOST_CHARACTERS:
            self._lines[line] = number


def _agreement(template: list[str], tokens: list[str]) -> float:
    """The share of words that agree; a wildcard agrees with a wildcard only, so that templates do not eat all."""
    return sum(a == b for a, b in zip(template, tokens, strict=True)) / len(tokens)
