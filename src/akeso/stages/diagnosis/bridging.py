"""Chains that lead from what a machine suffers to what software shows, through symptoms that a case really shows.

A chain's steps are ordered by cause: each seen symptom stands where its cause stands, or on a service that calls
(stands on) it, or on one that shares a host, rack or node with it; and it did not begin earlier. Between two seen
symptoms a few may be unseen: not everything is measured.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from akeso.domain.estate.knowledge import Knowledge, Layer, Link, Symptom
from akeso.domain.incident.case import Case
from akeso.stages.diagnosis.case_cache import cached_per_case
from akeso.stages.diagnosis.symptom_matches import SymptomMatch, matches
from akeso.stages.diagnosis.symptoms import read

_UNSEEN = 2  # so many steps in a row may be missing
_EARLY_SLOTS = 3.0  # an onset is known no better
_PLACES = frozenset(
    {
        "host", "host.name", "host.id", "hostname", "node", "node.name", "nodename", "k8s.node.name", "instance",
        "rack", "chassis", "machine",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Step:
    """One symptom of a chain. sighting: None when only inferred; link: from the step before, None for the first."""

    symptom: Symptom
    match: SymptomMatch | None
    link: Link | None


@dataclass(frozen=True, slots=True)
class Chain:
    """Cause first. The first and the last step are seen."""

    steps: tuple[Step, ...]

    @property
    def root(self) -> SymptomMatch:
        assert self.steps[0].match is not None
        return self.steps[0].match

    @property
    def end(self) -> SymptomMatch:
        assert self.steps[-1].match is not None
        return self.steps[-1].match

    @property
    def seen(self) -> tuple[SymptomMatch, ...]:
        return tuple(step.match for step in self.steps if step.match is not None)

    @property
    def of_machines(self) -> int:
        """How many symptoms of machines are seen."""
        return sum(s.symptom.layer is not Layer.SOFTWARE for s in self.seen)

    @property
    def first_effect(self) -> SymptomMatch:
        """The first symptom that software shows."""
        return next(s for s in self.seen if s.symptom.layer is Layer.SOFTWARE)

    @property
    def inferred(self) -> int:
        return len(self.steps) - len(self.seen)

    @property
    def words(self) -> str:
        """“coolant is being lost → … → requests take more time”; what is only inferred stands in brackets."""
        return " → ".join(s.symptom.says if s.match else f"({s.symptom.says})" for s in self.steps)


def chains(case: Case, knowledge: Knowledge) -> tuple[Chain, ...]:
    """The best chain from each first cause that is not itself explained: from physics or the host to software, with no
    more symptoms inferred than seen of machines; the longest first. (Computed once a case.)"""
    kept = _kept(case)
    if knowledge not in kept:
        kept[knowledge] = _chains(case, knowledge)
    return kept[knowledge]


@cached_per_case
def _kept(case: Case) -> dict[Knowledge, tuple[Chain, ...]]:
    del case
    return {}


def _chains(case: Case, knowledge: Knowledge) -> tuple[Chain, ...]:
    search = _Search(case, knowledge, matches(case, knowledge))
    found = [search.best(first) for first in search.first_causes()]
    telling = [c for c in found if c.end.symptom.layer is Layer.SOFTWARE and c.inferred <= c.of_machines]
    return tuple(sorted(telling, key=lambda c: (-len(c.seen), c.inferred, c.root.symptom.name, c.root.service)))


class _Search:
    """Depth first over the knowledge, remembering the best continuation of every sighting."""

    def __init__(self, case: Case, knowledge: Knowledge, seen: tuple[SymptomMatch, ...]) -> None:
        self._case, self._knowledge = case, knowledge
        self._slack_s = _EARLY_SLOTS * read(case).slot_s
        self._seen: dict[str, list[SymptomMatch]] = {}
        for match in seen:
            self._seen.setdefault(match.symptom.name, []).append(match)
        self._all = seen
        self._places = _places(case)
        self._best: dict[tuple[str, str], Chain] = {}

    def first_causes(self) -> Iterator[SymptomMatch]:
        """Symptoms of machines that no other seen symptom explains."""
        explained = {(t.symptom.name, t.service) for s in self._all for _, t in self._next(s)}
        for match in self._all:
            own = (match.symptom.name, match.service)
            if match.symptom.layer is not Layer.SOFTWARE and own not in explained:
                yield match

    def best(self, start: SymptomMatch) -> Chain:
        """The continuation with the most seen and the fewest inferred steps."""
        place = (start.symptom.name, start.service)
        if place not in self._best:
            alone = Chain((Step(start.symptom, start, None),))
            longer = [self._joined(alone, path, self.best(target)) for path, target in self._next(start)]
            self._best[place] = max([alone, *longer], key=lambda c: (len(c.seen), -c.inferred, _at_home(c)))
        return self._best[place]

    def _joined(self, first: Chain, path: tuple[Link, ...], rest: Chain) -> Chain:
        between = [Step(self._knowledge.symptoms[link.effect], None, link) for link in path[:-1]]
        entered = Step(rest.root.symptom, rest.root, path[-1])
        return Chain((*first.steps, *between, entered, *rest.steps[1:]))

    def _next(self, start: SymptomMatch) -> Iterator[tuple[tuple[Link, ...], SymptomMatch]]:
        """The nearest seen effects, and the links that lead to each."""
        paths: list[tuple[Link, ...]] = [(link,) for link in self._knowledge.effects(start.symptom.name)]
        while paths:
            path = paths.pop(0)
            reached = [t for t in self._seen.get(path[-1].effect, ()) if self._follows(start, t)]
            if reached:
                yield from ((path, target) for target in reached)
            elif len(path) <= _UNSEEN:
                paths.extend((*path, link) for link in self._knowledge.effects(path[-1].effect))

    def _follows(self, cause: SymptomMatch, effect: SymptomMatch) -> bool:
        if effect.starts_s < cause.starts_s - self._slack_s:
            return False
        below, above = cause.service, effect.service
        called = any(edge.caller == above for edge in self._case.topology.callers(below))
        return below == above or called or self._share_a_place(below, above)

    def _share_a_place(self, one: str, other: str) -> bool:
        return bool(self._places.get(one, frozenset()) & self._places.get(other, frozenset()))


def _at_home(chain: Chain) -> tuple[int, float]:
    return sum(s.service == chain.root.service for s in chain.seen), sum(s.size for s in chain.seen)


def _places(case: Case) -> Mapping[str, frozenset[str]]:
    """Service → the hosts, nodes and racks that its series name; a service is a place itself."""
    found: dict[str, set[str]] = {}
    for key in case.features.keys:
        named = found.setdefault(key.service, {key.service})
        # An exporter's port is no part of its host's name.
        named.update(value.partition(":")[0] for name, value in key.attributes if name in _PLACES)
    return {service: frozenset(named) for service, named in found.items()}
