"""Whether what came of a scenario is what must come of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from akeso.domain.incident.incident import Incident
from akeso.worlds.scenarios.document import AnswerIs, Condition, EffectIs, IncidentIs, Scenario
from akeso.worlds.scenarios.outcome import Outcome
from akeso.worlds.scenarios.scripted import Effect
from akeso.worlds.scenarios.timing import written

_MICROSECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Broken:
    """A condition that does not hold. wanted: as the file has it; found: what there was instead."""

    wanted: str
    found: str

    def __str__(self) -> str:
        return f"{self.wanted}\n    but: {self.found}"


def judge(scenario: Scenario, outcome: Outcome) -> list[Broken]:
    """What does not hold, in the order of the file."""
    return [*_judged("must", scenario.must, outcome), *_judged("must not", scenario.must_not, outcome)]


def _judged(word: str, conditions: Sequence[Condition], outcome: Outcome) -> Iterator[Broken]:
    for condition in conditions:
        count = _count(condition, outcome)
        at_least, exactly = word == "must" and condition.count is None, condition.count or 0
        if not (count >= 1 if at_least else count == exactly):
            wanted = condition.model_dump(exclude_defaults=True, exclude={"after", "within", "by"})
            yield Broken(f"{word}: {wanted}{_when(condition)}", f"there are {count}; {_seen(condition, outcome)}")


def _count(condition: Condition, outcome: Outcome) -> int:
    if condition.incident is not None:
        return sum(_fits(condition.incident, each, outcome) for each in _opened(condition, outcome))
    if condition.effect is not None:
        return sum(_is(condition.effect, each) for each in _done(condition, outcome))
    assert condition.answer is not None
    return int(_answers(condition.answer, outcome))


def _opened(condition: Condition, outcome: Outcome) -> list[Incident]:
    """The incidents that opened in the time that is meant."""
    found = outcome.incidents(condition.by)
    return [each for each in found if _in_time(condition, outcome.since_start(_ns(each)))]


def _done(condition: Condition, outcome: Outcome) -> list[Effect]:
    return [
        each for each in outcome.effects if _in_time(condition, outcome.since_start(each.at)) and not each.taken_back
    ]


def _in_time(condition: Condition, passed: int) -> bool:
    latest = passed if condition.within is None else condition.after + condition.within
    latest = latest if condition.by is None or condition.incident else min(latest, condition.by)
    return condition.after <= passed <= latest


def _fits(wanted: IncidentIs, incident: Incident, outcome: Outcome) -> bool:
    first = next(iter(incident.diagnosis.hypotheses), None) if incident.diagnosis else None
    fits = (
        _one_of(wanted.about, incident.service),
        set(wanted.services) <= incident.services,
        _one_of(wanted.cause, first.service if first else ""),
        _one_of(wanted.kind, first.fault_class if first else ""),
        _says(wanted.title, incident.title),
        _says(wanted.why, incident.why),
        _says(wanted.says, outcome.shown.get(incident.id, "")),
        _one_of(wanted.status, incident.status.value),
        wanted.alerts is None or wanted.alerts == len(incident.alerts),
    )
    return all(fits)


def _is(wanted: EffectIs, effect: Effect) -> bool:
    return _one_of(wanted.action, effect.action) and _one_of(wanted.target, effect.target)


def _answers(wanted: AnswerIs, outcome: Outcome) -> bool:
    reply = outcome.reply(wanted.to)
    return (wanted.status is None or wanted.status == reply.status) and _says(wanted.says, reply.body.decode())


def _one_of(wanted: Sequence[str], found: str) -> bool:
    return not wanted or found in wanted


def _says(words: Sequence[str], text: str) -> bool:
    return all(word.lower() in text.lower() for word in words)


def _when(condition: Condition) -> str:
    times = {"after": condition.after or None, "within": condition.within, "by": condition.by}
    return "".join(f", {name} {written(at)}" for name, at in times.items() if at is not None)


def _seen(condition: Condition, outcome: Outcome) -> str:
    if condition.answer is not None:
        reply = outcome.reply(condition.answer.to)
        return f"{reply.status} {reply.body.decode()[:300]}"
    if condition.effect is not None:
        return "; ".join(_effect_in_words(each, outcome) for each in outcome.effects) or "nothing was done"
    return "; ".join(in_words(each, outcome) for each in outcome.incidents(condition.by)) or "there is no incident"


def in_words(incident: Incident, outcome: Outcome) -> str:
    """One incident in a line."""
    at = written(outcome.since_start(_ns(incident)) // 10**9 * 10**9)
    first = next(iter(incident.diagnosis.hypotheses), None) if incident.diagnosis else None
    cause = f", cause {first.service} ({first.fault_class}, {first.confidence:.2f})" if first else ""
    alerts = f", {len(incident.alerts)} alerts" if incident.alerts else ""
    return f"at {at} about {incident.service} “{incident.title}”{cause}{alerts}, {incident.status.value} {incident.why}"


def _effect_in_words(effect: Effect, outcome: Outcome) -> str:
    back = " taken back" if effect.taken_back else ""
    return f"{effect.action} {effect.target}{back} at {written(outcome.since_start(effect.at) // 10**9 * 10**9)}"


def _ns(incident: Incident) -> int:
    return round(incident.detected_at.timestamp() * 1e6) * _MICROSECONDS
