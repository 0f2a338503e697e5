"""`akeso bench incidents`: is it an incident, of what category and why, by the production diagnosis without an LLM."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from akeso.bench.datasets.incident_documents import Picture, read_case
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import UNKNOWN, FaultClass, Hypothesis
from akeso.plugins.discovery import build
from akeso.plugins.evidence.database import FAILOVER, MAINTENANCE, REPLICATION_LAG
from akeso.plugins.evidence.platform import CAPACITY, NODE_FAILURE
from akeso.stages.diagnosis.diagnose import diagnose

HEALTHY = "healthy"
_CATEGORIES: Mapping[str, str] = {
    FaultClass.BAD_CONFIGURATION: "configuration_error",
    FaultClass.BAD_RELEASE: "configuration_error",
    FaultClass.ERROR_BURST: "code_defect",
    FaultClass.CRASH: "code_defect",
    FaultClass.CRASH_LOOP: "code_defect",
    FaultClass.SLOW_DEPENDENCY: "dependency_failure",
    NODE_FAILURE: "infrastructure",
    FAILOVER: "infrastructure",
    **dict.fromkeys(
        (
            FaultClass.CPU_SATURATION,
            FaultClass.MEMORY_LEAK,
            FaultClass.LOCK_CONTENTION,
            FaultClass.CONNECTION_POOL_EXHAUSTION,
            FaultClass.QUEUE_BACKLOG,
            FaultClass.TRAFFIC_SURGE,
            FaultClass.DISK_PRESSURE,
            REPLICATION_LAG,
            MAINTENANCE,
            CAPACITY,
        ),
        "resource_exhaustion",
    ),
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a case. verdict: incident, healthy or unknown."""

    case: str
    verdict: str
    category: str
    root_cause: str
    evidence: tuple[str, ...]
    confidence: float


@dataclass(frozen=True, slots=True)
class Marks:
    """How a verdict compares with the answer."""

    category: bool
    healthy: bool
    required: bool
    forbidden: bool


def incidents(
    data: Annotated[Path, typer.Option(help="OpenSRE: <group>/<case> with alert.json, telemetry and answer.yml.")],
    out: Annotated[Path, typer.Option(help="Receives verdicts.json.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Verdicts on alerts: category, keywords, restraint where nothing is wrong."""
    folders = sorted(path.parent for path in data.glob("*/*/alert.json"))
    if not folders:
        raise InvalidInput("--data", f"no incidents in {data}: looked for */*/alert.json")
    verdicts = [verdict_on(str(folder.relative_to(data)), folder) for folder in folders]
    out.mkdir(parents=True, exist_ok=True)
    (out / "verdicts.json").write_text(json.dumps([asdict(v) for v in verdicts], indent=1), encoding="utf-8")
    marks = [marked(v, f / "answer.yml") for v, f in zip(verdicts, folders, strict=True) if (f / "answer.yml").exists()]
    report = _report(verdicts, marks)
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_table(verdicts, report))


def verdict_on(name: str, folder: Path) -> Verdict:
    """The production diagnosis of one alert."""
    case, picture = read_case(folder, json.loads((folder / "alert.json").read_text(encoding="utf-8")))
    diagnosis = diagnose(case, tuple(build("evidence").values()))
    best = diagnosis.best
    if best is not None and diagnosis.known and best.fault_class != UNKNOWN:
        return _incident(name, case, best)
    return _nothing(name, case, picture)


def _incident(name: str, case: Case, best: Hypothesis) -> Verdict:
    # What speaks for the class first, then the rest: both belong to the explanation.
    first = sorted(best.evidence, key=lambda e: -e.classes.get(best.fault_class, 0.0))
    said = tuple(e.statement for e in first if e.provider not in {"alerts", "deviation", "onset"})
    category = category_of(best)
    users = [p.example for p in case.logs if p.example.startswith("most of the load")]
    text = f"{best.fault_class} of {best.service}. " + ". ".join([*said, *users])
    return Verdict(name, "incident", category, text, said, round(best.confidence, 4))


def category_of(hypothesis: Hypothesis) -> str:
    """What the set calls the class of fault."""
    return _CATEGORIES.get(hypothesis.fault_class, UNKNOWN)


def _nothing(name: str, case: Case, picture: Picture) -> Verdict:
    """Healthy if something was looked at and nothing was wrong, or if no alert fires; else unknown."""
    seen = (*picture.well, *picture.history)
    measured = sum(not key.attributes for key in picture.points)
    if not seen or picture.alarmed or (case.alerts and len(picture.well) < measured):
        return Verdict(name, "unknown", UNKNOWN, "nothing was found that explains the alert", seen, 0.0)
    text = "no failure goes on: all that is measured is within normal bounds. " + ". ".join(picture.history)
    return Verdict(name, HEALTHY, HEALTHY, text, seen, 0.9 if not case.alerts else 0.7)


def marked(verdict: Verdict, answer: Path) -> Marks:
    """A verdict against an answer.yml; words count in any case of letters."""
    told: Mapping[str, Any] = yaml.safe_load(answer.read_text(encoding="utf-8"))
    text = " ".join((verdict.root_cause, *verdict.evidence)).lower()
    return Marks(
        category=verdict.category == told["root_cause_category"],
        healthy=told["root_cause_category"] == HEALTHY,
        required=all(word.lower() in text for word in told.get("required_keywords") or ()),
        forbidden=not any(word.lower() in text for word in told.get("forbidden_keywords") or ()),
    )


def _report(verdicts: list[Verdict], marks: list[Marks]) -> dict[str, object]:
    healthy = [mark for mark in marks if mark.healthy]
    return {
        "cases": len(verdicts),
        "category": _share([m.category for m in marks]),
        "restraint": _share([m.category for m in healthy]),
        "required_keywords": _share([m.required for m in marks]),
        "forbidden_absent": _share([m.forbidden for m in marks]),
    }


def _share(hits: list[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None


def _table(verdicts: list[Verdict], report: Mapping[str, object]) -> Table:
    table = Table("case", "verdict", "category", "confidence", caption=", ".join(f"{k} {v}" for k, v in report.items()))
    for verdict in verdicts:
        table.add_row(verdict.case, verdict.verdict, verdict.category, f"{verdict.confidence:.2f}")
    return table
