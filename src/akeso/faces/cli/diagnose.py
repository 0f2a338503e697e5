"""`akeso diagnose`: an offline look at recorded telemetry, by the same stages that run live. Changes nothing."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from akeso.composition.files import read_knowledge
from akeso.composition.healing import reasoning_parts
from akeso.config.service_file import load_services
from akeso.config.settings import Settings, load_settings
from akeso.config.topology_file import load_topology
from akeso.domain.errors import InvalidInput
from akeso.domain.estate.service import Services
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.domain.telemetry.times import instant_of
from akeso.offline.casefiles.asked import Asked, Found, parse_range
from akeso.offline.casefiles.reading import cases
from akeso.offline.casefiles.table import calls
from akeso.offline.drawing.causal import causal_picture
from akeso.offline.drawing.evidence import evidence_picture
from akeso.plugins.reasoners._refutation.worker import require
from akeso.plugins.reasoners.refuting import Refuting

MOST = 10  # incidents that are told of one recording


def diagnose_command(  # noqa: PLR0913, PLR0917 - each is an option of the command
    source: Annotated[
        Path | None, typer.Option("--from", help="telemetry.db, OTLP or other JSON lines, CSV, or a folder with one.")
    ] = None,
    span: Annotated[str, typer.Option("--range", help="Time of the fault: FROM/TO, as ISO 8601 or -15m/now.")] = "",
    number: Annotated[int, typer.Option("--incident", min=0, help="Only this one of those found (from 1).")] = 0,
    past: Annotated[float, typer.Option(min=0.1, help="Minutes before the onset to compare with.")] = 10.0,
    graph: Annotated[Path | None, typer.Option(help="Calls: topology.yaml or a CSV with caller,callee.")] = None,
    services: Annotated[Path | None, typer.Option(help="services.yaml")] = None,
    refute: Annotated[bool, typer.Option("--refute", help="Try to refute the claimed effect with DoWhy.")] = False,
    out: Annotated[Path | None, typer.Option(help="Receives diagnosis.json and the pictures (SVG).")] = None,
    config: Annotated[Path | None, typer.Option(help="Settings file (default: ./akeso.toml if it exists).")] = None,
    data: Annotated[Path | None, typer.Option(help="Akeso's data folder, where --from is not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the cause in recorded telemetry, with evidence, confidence and pictures. Nothing is changed or acted on."""
    settings = load_settings(config, {"data": str(data)} if data else {})
    if source is None and not span:
        raise InvalidInput("--from", "say where to look (--from FILE) or when, in Akeso's own store (--range FROM/TO)")
    team = services or settings.services
    asked = Asked(
        source=source or settings.data,
        span=parse_range(span, datetime.now(UTC)) if span else None,
        past=timedelta(minutes=past),
        services=load_services(team) if team else Services(),
        edges=(calls(graph) if graph else ()) + (load_topology(settings.topology) if settings.topology else ()),
        tenant=settings.tenant,
    )
    told = asyncio.run(_declared(asked, settings, number, refute=refute))
    report = {"incidents": [_view(each) for each in told]}
    if out is not None:
        _write(out, told, report)
    if as_json:
        print(json.dumps(report))
    else:
        for each in told:
            _tell(Console(), each)


@dataclass(frozen=True, slots=True)
class _Told:
    """What is told of an incident. refutation: what became of the attempts, when they were asked for."""

    number: int
    found: Found
    diagnosis: Diagnosis
    refutation: tuple[str, ...] = ()


async def _declared(asked: Asked, settings: Settings, number: int, *, refute: bool) -> list[_Told]:
    if refute:
        require()
    think = reasoning_parts(settings, read_knowledge(settings)).diagnose
    told = [_Told(name, each, think(each.case)) for name, each in _chosen(await cases(asked, settings), number)]
    return [await _refuted(each) for each in told] if refute else told


async def _refuted(told: _Told) -> _Told:
    reasoner = Refuting()
    try:
        claims = await reasoner.tested(told.found.case, told.diagnosis)
    finally:
        await reasoner.close()
    return replace(told, refutation=tuple(claim.text for claim in claims))


def _chosen(found: Sequence[Found], number: int) -> list[tuple[int, Found]]:
    numbered = list(enumerate(found, 1))
    if not number:
        return numbered[:MOST]
    if number > len(found):
        raise InvalidInput("--incident", f"there are {len(found)}")
    return [numbered[number - 1]]


def _view(told: _Told) -> dict[str, Any]:
    found, diagnosis = told.found, told.diagnosis
    onset = instant_of(found.case.onset)
    return {
        "incident": told.number,
        "title": found.title,
        "onset": onset.isoformat().replace("+00:00", "Z"),
        "known": diagnosis.known,
        "explanation": diagnosis.explanation,
        "suggested_checks": list(diagnosis.suggested_checks),
        "grounds": dict(diagnosis.grounds),
        "refutation": list(told.refutation),
        "hypotheses": [_hypothesis(h) for h in diagnosis.hypotheses],
    }


def _hypothesis(h: Hypothesis) -> Mapping[str, Any]:
    evidence = [
        {"provider": e.provider, "statement": e.statement, "weight": round(e.weight, 4), "numbers": dict(e.numbers)}
        for e in h.evidence
    ]
    return {
        "service": h.service,
        "fault_class": h.fault_class,
        "confidence": round(h.confidence, 4),
        "cause": {"kind": h.cause.kind.value, "first": h.cause.first, "then": h.cause.then} if h.cause else None,
        "evidence": evidence,
    }


def _write(out: Path, told: Sequence[_Told], report: Mapping[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    (out / "diagnosis.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    for each in told:
        causes, evidence = (draw(each.found.case, each.diagnosis) for draw in (causal_picture, evidence_picture))
        (out / f"incident-{each.number}-causes.svg").write_text(causes, encoding="utf-8")
        (out / f"incident-{each.number}-evidence.svg").write_text(evidence, encoding="utf-8")


def _tell(console: Console, told: _Told) -> None:
    found, diagnosis = told.found, told.diagnosis
    onset = instant_of(found.case.onset)
    title = f"[bold]{told.number}. {escape(found.title)}[/bold], since {onset:%Y-%m-%d %H:%M:%S} UTC"
    console.print(title, highlight=False)
    table = Table("", "service", "class of fault", "probability", "the most telling evidence", pad_edge=False)
    for rank, h in enumerate(diagnosis.hypotheses[:5], 1):
        table.add_row(str(rank), escape(h.service), h.fault_class, f"{h.confidence:.0%}", escape(_first(h)))
    console.print(table)
    if diagnosis.best is not None and diagnosis.best.cause is not None:
        console.print(f"  in it: {escape(str(diagnosis.best.cause))}", highlight=False)
    for number, finding in enumerate(diagnosis.hypotheses[0].evidence[:8] if diagnosis.hypotheses else (), 1):
        said = f"  {number}. {escape(finding.statement)} [dim]({finding.provider}, {finding.weight:+.1f})[/dim]"
        console.print(said, highlight=False)
    if not diagnosis.known:
        console.print("  The cause is [bold]unknown[/bold]. Look next:")
    for look in diagnosis.suggested_checks:
        console.print(f"  - {escape(look)}", highlight=False)
    for line in told.refutation:
        console.print(f"  refutation: {escape(line)}", highlight=False)
    console.print()


def _first(hypothesis: Hypothesis) -> str:
    return next((e.statement for e in hypothesis.evidence if e.weight > 0), "")
