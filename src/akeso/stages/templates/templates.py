"""Log lines to templates: incremental, with one setting for every system, in bounded memory.

Masking (`masking.py`) takes what is variable by its looks. What stays are words, and of those the miner finds the
variable ones as Drain does (He et al., "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017) among
lines of equal length and first word. But where Drain joins what is alike by a share, here a place must prove to be
variable (`wording.py`), as different statements differ in single words, too."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from operator import ne

from akeso.domain.errors import InvalidInput
from akeso.stages.templates.masking import WILDCARD, Token, is_word, masked, shapes, tokens
from akeso.stages.templates.wording import PROVEN, are_variable, is_keyword, is_variable, reluctance

__all__ = ["WILDCARD", "Template", "TemplateMiner", "masked"]

_MOST_SHAPES = 4_096
_MOST_NAMES = 1_000
# A flood of free text shall not make each line a comparison with all before.
_MOST_COMPARED = 128
_DIGIT = re.compile(r"\d")
_OPENING = (["("], ["["], ["{"])
# At so many places at once names may vary.
_MOST_PLACES = 4


@dataclass(slots=True)
class Template:
    """tokens: words, punctuation and wildcards; shown: the same as they read; seen: how many lines; used: the miner's
    count when it was used last; opened: places of words that proved to be variable, with some of the words; text: as a
    person reads it; is_guess: whether the text shows digits that may still turn out to vary."""

    number: int
    tokens: list[str]
    shown: list[str]
    seen: int = 0
    used: int = 0
    opened: dict[int, set[str]] = field(default_factory=dict)
    text: str = ""
    is_guess: bool = False

    def __post_init__(self) -> None:
        self._reword()

    def fits(self, words: Sequence[str]) -> bool:
        """Whether a line of such words belongs here; as many words as this has."""
        places = enumerate(zip(self.tokens, words, strict=True))
        return all(mine == other or self._accepts(place, other) for place, (mine, other) in places)

    def take(self, found: Sequence[Token]) -> bool:
        """Take in a line that fits; whether that taught a word, after which others may fit that did not."""
        news = False
        for place, words in self.opened.items():
            word = found[place].word
            if len(words) < PROVEN and word not in words and word != WILDCARD:
                words.add(word)
                news = True
        self._show([token.shown for token in found])
        return news

    def absorb(self, other: "Template", places: Sequence[int]) -> None:
        """Become one with a template that differs at these places, which are variable from now on."""
        for place in {*places, *other.opened}:
            known = self.opened.setdefault(place, set())
            known |= other.opened.get(place, set()) | {self.tokens[place], other.tokens[place]} - {WILDCARD}
            self.opened[place] = set(sorted(known)[:PROVEN])
            self.tokens[place] = WILDCARD
        self.seen, self.used = self.seen + other.seen, max(self.used, other.used)
        self._show(other.shown)

    def differing(self, other: "Template", most: int) -> list[int] | None:
        """Places where templates of one length differ and neither takes the other's word; None if more than `most`."""
        if sum(map(ne, self.tokens, other.tokens)) > most + len(self.opened) + len(other.opened):
            return None
        places: list[int] = []
        for place, (mine, others) in enumerate(zip(self.tokens, other.tokens, strict=True)):
            if mine != others and not self._accepts(place, others) and not other._accepts(place, mine):
                places.append(place)
        return places if len(places) <= most else None

    def _accepts(self, place: int, word: str) -> bool:
        known = self.opened.get(place)
        return known is not None and (word in known or len(known) >= reluctance(word))

    def _show(self, shown: Sequence[str]) -> None:
        pairs = enumerate(zip(self.shown, shown, strict=True))
        new = [mine if mine == other and place not in self.opened else _hole(mine) for place, (mine, other) in pairs]
        if new != self.shown:
            self.shown = new
            self._reword()

    def _reword(self) -> None:
        self.text = "".join(self.shown).strip()
        self.is_guess = _DIGIT.search(self.text) is not None


class TemplateMiner:
    """Finds the templates of a stream of lines. At most `most` templates; the one unused for longest goes first."""

    def __init__(self, most: int = 1_000) -> None:
        self._most = most
        self._leaves: dict[tuple[int, str], list[Template]] = {}
        self._templates: dict[int, Template] = {}
        self._shapes: dict[str, Template] = {}
        self._merged: dict[int, int] = {}
        self._names: dict[str, None] = {}
        self._next = 0
        self._used = 0

    def __len__(self) -> int:
        return len(self._templates)

    def __contains__(self, number: int) -> bool:
        return number in self._templates

    def __getitem__(self, number: int) -> Template:
        return self._templates[number]

    def learn(self, line: str) -> int:
        """The number of the line's template. Numbers rise and are never reused; when templates turn out to be one, it
        goes on under the lowest of their numbers."""
        return self.learn_all((line,))[0]

    def learn_all(self, lines: Sequence[str]) -> list[int]:
        """What `learn` says of one line after the other."""
        numbers = []
        for line, shaped in zip(lines, shapes(lines), strict=True):
            template = self._shapes.get(shaped)
            if template is None:
                template = self._placed(tokens(line))
                self._remember(shaped, template)
            elif template.is_guess and not template.seen & (template.seen - 1):
                # Each time it has doubled, other numbers are looked for in what it shows.
                template.take(tokens(line))
            self._used += 1
            template.seen += 1
            template.used = self._used
            numbers.append(template.number)
        return numbers

    def current(self, number: int) -> int | None:
        """The number under which a template goes on that `learn` once gave; None if it was forgotten."""
        number = self._merged.get(number, number)
        return number if number in self._templates else None

    def snapshot(self) -> str:
        """Everything as JSON; `restored(snapshot())` goes on where this one stands."""
        rows = [
            [t.number, t.seen, t.used, t.tokens, t.shown, [[place, sorted(words)] for place, words in t.opened.items()]]
            for t in self._templates.values()
        ]
        state = {"most": self._most, "next": self._next, "used": self._used, "names": list(self._names)}
        return json.dumps(state | {"merged": list(self._merged.items()), "templates": rows})

    @classmethod
    def restored(cls, snapshot: str) -> "TemplateMiner":
        """Raises InvalidInput for what is no snapshot."""
        try:
            state = json.loads(snapshot)
            miner = cls(int(state["most"]))
            miner._next, miner._used = int(state["next"]), int(state["used"])
            miner._names = dict.fromkeys(map(str, state["names"]))
            miner._merged = {int(old): int(new) for old, new in state["merged"]}
            for number, seen, used, words, shown, opened in state["templates"]:
                places = {int(place): set(map(str, known)) for place, known in opened}
                template = Template(int(number), list(words), list(shown), int(seen), int(used), places)
                miner._add(template)
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as exc:
            raise InvalidInput("templates", f"not a snapshot of templates: {exc}") from exc
        return miner

    def _placed(self, found: list[Token]) -> Template:
        words = [token.word for token in found]
        fitting = [each for each in self._leaf(words) if each.tokens == words or (each.opened and each.fits(words))]
        if fitting:
            # The narrowest, so that the answer does not depend on what was asked before.
            template = min(fitting, key=lambda each: len(each.opened))
            if not template.take(found):
                return template
            self._forget_shapes(self._leaf(words))
            return self._settled(template)
        return self._settled(self._open(words, [token.shown for token in found]))

    def _settled(self, template: Template) -> Template:
        """Joined with those that it proves to be one with; then so are others that share its values."""
        waiting = [template]
        while waiting:
            each = waiting.pop()
            if self._templates.get(each.number) is not each:
                continue
            news = self._joined(each)
            if news:
                waiting += [t for t in self._templates.values() if not news.isdisjoint(t.tokens)]
        return self._templates[self._merged.get(template.number, template.number)]

    def _joined(self, template: Template) -> set[str]:
        """Join one with all that it can be joined with; the words that were not known as values before."""
        news: set[str] = set()
        while joint := next(self._joints(template), None):
            others, places = joint
            group = [template, *others]
            values = {each.tokens[place] for each in group for place in places} - {WILDCARD}
            news |= {value for value in values if value not in self._names and not is_keyword(value)}
            template = self._merge(group, places)
            self._name(news)
        return news

    def _joints(self, template: Template) -> Iterator[tuple[list[Template], tuple[int, ...]]]:
        """Templates that are one with this, and the places that are variable then; the clearest first."""
        alike: defaultdict[tuple[int, ...], list[Template]] = defaultdict(list)
        for other in self._leaf(template.tokens)[-_MOST_COMPARED:]:
            differing = None if other is template else template.differing(other, most=_MOST_PLACES)
            if differing is not None:
                alike[tuple(differing)].append(other)
        for places in sorted(alike, key=len):
            others = [each for part, group in alike.items() if set(part) <= set(places) for each in group]
            if not places or _vary([template, *others], places, self._names):
                yield others, places

    def _merge(self, group: list[Template], places: tuple[int, ...]) -> Template:
        first, *rest = sorted(group, key=lambda each: each.number)
        self._forget_shapes(self._leaf(first.tokens))
        for other in rest:
            first.absorb(other, places)
            self._drop(other)
            self._merged |= {old: first.number for old, new in self._merged.items() if new == other.number}
            self._merged[other.number] = first.number
        while len(self._merged) > 4 * self._most:
            del self._merged[next(iter(self._merged))]
        return first

    def _name(self, words: set[str]) -> None:
        self._names |= dict.fromkeys(sorted(words))
        while len(self._names) > _MOST_NAMES:
            del self._names[next(iter(self._names))]

    def _open(self, words: list[str], shown: list[str]) -> Template:
        if len(self._templates) >= self._most:
            for oldest in nsmallest(1 + self._most // 50, self._templates.values(), key=lambda each: each.used):
                self._drop(oldest)
            self._shapes.clear()
        template = Template(self._next, words, shown)
        self._next += 1
        self._add(template)
        return template

    def _leaf(self, words: Sequence[str]) -> list[Template]:
        return self._leaves.get((len(words), words[0]), [])

    def _add(self, template: Template) -> None:
        self._templates[template.number] = template
        self._leaves.setdefault((len(template.tokens), template.tokens[0]), []).append(template)

    def _drop(self, template: Template) -> None:
        del self._templates[template.number]
        place = len(template.tokens), template.tokens[0]
        leaf = self._leaves[place]
        leaf.remove(template)
        if not leaf:
            del self._leaves[place]

    def _forget_shapes(self, leaf: Sequence[Template]) -> None:
        # Shapes of a lost template are placed anew, and some of its neighbours may fit better now.
        numbers = {each.number for each in leaf}
        self._shapes = {shaped: each for shaped, each in self._shapes.items() if each.number not in numbers}

    def _remember(self, shaped: str, template: Template) -> None:
        # Repeated shapes come in bursts: starting anew costs less than keeping an order of use.
        if len(self._shapes) >= _MOST_SHAPES:
            self._shapes.clear()
        self._shapes[shaped] = template


def _vary(group: Sequence[Template], places: tuple[int, ...], names: dict[str, None]) -> bool:
    """Whether all these places, where templates that are equal otherwise differ, are variable."""
    first = group[0]
    # The first word tells the statement, unless it stands in brackets.
    if not any(is_word(word) for word in first.tokens[: places[0]]) and first.tokens[: places[0]][-1:] not in _OPENING:
        return False
    constants = sum(is_word(word) for place, word in enumerate(first.tokens) if place not in places)
    values = [{each.tokens[place] for each in group} for place in places]
    if any(not is_word(word) and word != WILDCARD for words in values for word in words):
        return False
    before = [first.tokens[place - 1] for place in places]
    if len(places) == 1:
        return is_variable(values[0], before[0], names, constants)
    return constants > len(places) and all(map(are_variable, values, before))


def _hole(shown: str) -> str:
    return (" " if shown[:1].isspace() else "") + WILDCARD
