"""How well lines were grouped under templates, as the literature on log parsing scores it."""

import re
from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

_SPACES = re.compile(r"\s+")
_CONSECUTIVE = re.compile(r"<\*>(?:\.?<\*>)+")


@dataclass(frozen=True, slots=True)
class TemplateScores:
    """Shares, 0 to 1.

    ga: lines in groups that hold exactly the lines of one true group (Zhu et al., "Tools and Benchmarks for Automated
    Log Parsing", ICSE-SEIP 2019). fga: F1 of groups found so against true groups. pa: lines whose template reads as
    the true one. fta: F1 of templates, by text, of which all lines have that very template in truth (all but ga: Jiang
    et al., "A Large-Scale Evaluation for Log Parsing Techniques: How Far Are We?", ISSTA 2024)."""

    ga: float
    fga: float
    pa: float
    fta: float


@dataclass(frozen=True, slots=True)
class Parsed:
    """Per line: events: ids of groups, templates: their text with variables as <*>."""

    events: Sequence[Hashable]
    templates: Sequence[str]


def template_scores(found: Parsed, true: Parsed) -> TemplateScores:
    """Raises ValueError when the numbers of lines differ, or there are none."""
    if not found.events or len(found.events) != len(true.events):
        raise ValueError(f"{len(found.events)} lines against {len(true.events)}")
    ours, theirs = _groups(found.events), _groups(true.events)
    exact = ours & theirs
    texts, true_texts = [comparable(t) for t in found.templates], [comparable(t) for t in true.templates]
    behind: defaultdict[str, set[str]] = defaultdict(set)
    for text, true_text in zip(texts, true_texts, strict=True):
        behind[text].add(true_text)
    right = sum(true_set == {text} for text, true_set in behind.items())
    return TemplateScores(
        ga=sum(map(len, exact)) / len(found.events),
        fga=_f1(len(exact), len(ours), len(theirs)),
        pa=sum(map(str.__eq__, texts, true_texts)) / len(texts),
        fta=_f1(right, len(behind), len(set(true_texts))),
    )


def comparable(template: str) -> str:
    """A template with single spaces and consecutive variables merged; "<*>.<*>" counts as consecutive (Khan et al.,
    "Guidelines for Assessing the Accuracy of Log Message Template Identification Techniques", ICSE 2022)."""
    return _CONSECUTIVE.sub("<*>", _SPACES.sub(" ", template.strip()))


def _groups(events: Sequence[Hashable]) -> set[tuple[int, ...]]:
    lines: defaultdict[Hashable, list[int]] = defaultdict(list)
    for line, event in enumerate(events):
        lines[event].append(line)
    return set(map(tuple, lines.values()))


def _f1(right: int, found: int, true: int) -> float:
    return 2 * right / (found + true)
