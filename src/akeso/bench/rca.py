"""`akeso bench rca`: root causes found by the production diagnosis with its shipped defaults."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.datasets import nezha, petshop
from akeso.bench.datasets.archives import unpacked
from akeso.bench.datasets.labelled import LabelledCase
from akeso.bench.scores.rca_scores import brier, calibration_error
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.diagnosis import Diagnosis
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.diagnose import diagnose

_SETS = (petshop, nezha)


class Ranked(NamedTuple):
    """One place of a ranking. metric: the inner cause in the set's words."""

    service: str
    metric: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A diagnosed case. truth: the node that was the cause, "" where nothing was wrong; known: sure enough to act;
    inner: the first place, counted from 0, with the true inner cause in the true service, None when there is none or
    the set does not tell it."""

    case: str
    truth: str
    known: bool
    ranked: tuple[Ranked, ...]
    cause: str = ""
    inner: int | None = None

    def found_in(self, first: int) -> bool:
        return self.truth in {place.service for place in self.ranked[:first]}

    def inner_in(self, first: int) -> bool:
        return self.inner is not None and self.inner < first

    def as_told(self) -> dict[str, object]:
        """What stands in the file: enough to score it and to fit a calibration on it."""
        return {
            "case": self.case,
            "ranked": [place._asdict() for place in self.ranked],
            "known": self.known,
            "correct": self.found_in(1),
        }


def rca(
    data: Annotated[
        Path, typer.Option(help="The folder, or archive, of a set: PetShop or Nezha; which, it finds out.")
    ],
    out: Annotated[Path, typer.Option(help="Receives rankings.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Root causes: recall of the faulty node and its inner cause, restraint on normal data, honest probabilities."""
    with unpacked(data) as folder:
        found = [_verdict(case) for case in _cases(folder)]
    faults, calm = [v for v in found if v.truth], [v for v in found if not v.truth]
    out.mkdir(parents=True, exist_ok=True)
    (out / "rankings.json").write_text(json.dumps([v.as_told() for v in faults], indent=1), encoding="utf-8")
    report = _report(faults, calm)
    if as_json:
        print(json.dumps(report | {"verdicts": [_judged(v) for v in found]}))
    else:
        Console().print(_table(faults, report))


def _cases(data: Path) -> Iterator[LabelledCase]:
    known = 0
    for each in _SETS:
        for case in each.labelled(data):
            known += 1
            yield case
    if not known:
        wanted = ", or ".join(each.LOOKED_FOR for each in _SETS)
        raise InvalidInput("--data", f"no set of root causes in {data}: looked for {wanted}")


def _verdict(labelled: LabelledCase) -> Verdict:
    diagnosis: Diagnosis = diagnose(labelled.case, tuple(build("evidence").values()))
    ranked = tuple(Ranked(h.service, labelled.named(h), round(h.confidence, 4)) for h in diagnosis.hypotheses)
    inner = (i for i, place in enumerate(ranked) if _right(labelled, place))
    return Verdict(labelled.name, labelled.service, diagnosis.known, ranked, labelled.cause, next(inner, None))


def _right(labelled: LabelledCase, place: Ranked) -> bool:
    return bool(labelled.cause) and place.service == labelled.service and labelled.agree(place.metric, labelled.cause)


def _judged(verdict: Verdict) -> dict[str, object]:
    """correct: nothing is known of what is well, and of a fault the service is right."""
    first = verdict.ranked[0].confidence if verdict.ranked else 0.0
    return {
        "case": verdict.case,
        "fault": bool(verdict.truth),
        "confidence": first,
        "known": verdict.known,
        "correct": verdict.found_in(1) if verdict.truth else not verdict.known,
    }


def _report(faults: list[Verdict], calm: list[Verdict]) -> dict[str, object]:
    said = [(v.ranked[0].confidence, v.found_in(1)) for v in faults if v.ranked]
    known, told = [v for v in faults if v.known], [v for v in faults if v.cause]
    recall = {f"top{k}": _share([v.found_in(k) for v in faults]) for k in (1, 3, 5)}
    inner = {f"inner_top{k}": _share([v.inner_in(k) for v in told]) for k in (1, 3, 5)} if told else {}
    return {
        "cases": len(faults),
        **recall,
        **inner,
        "known": _share([v.known for v in faults]),
        "top1_when_known": _share([v.found_in(1) for v in known]),
        "normal_cases": len(calm),
        "specificity": _share([not v.known for v in calm]),
        "expected_calibration_error": calibration_error(said),
        "brier": brier(said),
    }


def _share(hits: list[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None


def _table(faults: list[Verdict], report: Mapping[str, object]) -> Table:
    table = Table("case", "root cause", "first", "in it", "confidence", "rank", caption=_caption(report))
    for verdict in faults:
        names = [place.service for place in verdict.ranked]
        rank = str(names.index(verdict.truth) + 1) if verdict.truth in names else "-"
        best = verdict.ranked[0] if verdict.ranked else Ranked("-", "", 0.0)
        table.add_row(verdict.case, verdict.truth, best.service, best.metric, f"{best.confidence:.2f}", rank)
    return table


def _caption(report: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in report.items())
