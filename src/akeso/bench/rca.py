"""`akeso bench rca`: root causes found by the production diagnosis with its shipped defaults."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console
from rich.table import Table

from akeso.bench import petshop
from akeso.bench.rca_scores import brier, calibration_error
from akeso.domain.case import Case
from akeso.domain.diagnosis import Diagnosis, FaultClass, Hypothesis
from akeso.domain.errors import InvalidInput
from akeso.plugins.discovery import build
from akeso.stages.diagnose import diagnose
from akeso.stages.symptoms import read

_METRICS: Mapping[str, str] = {FaultClass.LATENCY_DEGRADATION: "latency", FaultClass.ERROR_BURST: "availability"}


class Ranked(NamedTuple):
    """One place of a ranking."""

    service: str
    metric: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Verdict:
    """A diagnosed case. truth: the node that was the cause, "" where nothing was wrong; known: sure enough to act."""

    case: str
    truth: str
    known: bool
    ranked: tuple[Ranked, ...]

    def found_in(self, first: int) -> bool:
        return self.truth in {place.service for place in self.ranked[:first]}


def rca(
    data: Annotated[Path, typer.Option(help="PetShop: <scenario>/<split>/issue_*, <scenario>/noissue, graph.csv.")],
    out: Annotated[Path, typer.Option(help="Receives rankings.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Root causes: recall of the faulty node, restraint on normal data, honesty of the probabilities."""
    found = petshop.scenarios(data)
    if not found:
        raise InvalidInput("--data", f"no set of root causes in {data}: looked for {petshop.CASES}")
    faults = [verdict for scenario in found for verdict in _faults(data, scenario)]
    calm = [verdict for scenario in found for verdict in _calm(data, scenario)]
    out.mkdir(parents=True, exist_ok=True)
    rankings = [{"case": v.case, "ranked": [place._asdict() for place in v.ranked]} for v in faults]
    (out / "rankings.json").write_text(json.dumps(rankings, indent=1), encoding="utf-8")
    report = _report(faults, calm)
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(faults, report))


def _faults(data: Path, scenario: petshop.Scenario) -> Iterator[Verdict]:
    for target in sorted(scenario.folder.glob("*/issue_*/target.json")):
        case, truth = scenario.case(target.parent)
        yield _verdict(str(target.parent.relative_to(data)), truth, case)


def _calm(data: Path, scenario: petshop.Scenario) -> Iterator[Verdict]:
    name = scenario.folder.relative_to(data)
    return (_verdict(f"{name}/noissue@{at:.0f}", "", case) for at, case in scenario.calm())


def _verdict(name: str, truth: str, case: Case) -> Verdict:
    diagnosis: Diagnosis = diagnose(case, tuple(build("evidence").values()))
    ranked = tuple(Ranked(h.service, _metric(case, h), round(h.confidence, 4)) for h in diagnosis.hypotheses)
    return Verdict(name, truth, diagnosis.known, ranked)


def _metric(case: Case, hypothesis: Hypothesis) -> str:
    """What the set calls the metric that tells of the fault: by its class, else the one that departed most."""
    if (named := _METRICS.get(hypothesis.fault_class)) is not None:
        return named
    furthest = max(read(case).of(hypothesis.service), key=lambda d: abs(d.size), default=None)
    return petshop.metric_of(furthest.key) if furthest is not None else ""


def _report(faults: list[Verdict], calm: list[Verdict]) -> dict[str, object]:
    said = [(v.ranked[0].confidence, v.found_in(1)) for v in faults if v.ranked]
    known = [v for v in faults if v.known]
    return {
        "cases": len(faults),
        "top1": _share([v.found_in(1) for v in faults]),
        "top3": _share([v.found_in(3) for v in faults]),
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
    table = Table("case", "root cause", "first", "confidence", "rank", caption=_caption(report))
    for verdict in faults:
        names = [place.service for place in verdict.ranked]
        rank = str(names.index(verdict.truth) + 1) if verdict.truth in names else "-"
        best = verdict.ranked[0] if verdict.ranked else Ranked("-", "", 0.0)
        table.add_row(verdict.case, verdict.truth, best.service, f"{best.confidence:.2f}", rank)
    return table


def _caption(report: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {value}" for name, value in report.items())
