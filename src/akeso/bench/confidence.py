"""`akeso bench confidence`: is the confidence of a diagnosis a probability? Cross-validated over all known cases."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from akeso.bench.corpus import documents, lab, minutes, shop
from akeso.bench.corpus.known import Answer, Known, answers
from akeso.domain.errors import InvalidInput
from akeso.offline.drawing.reliability import reliability_picture
from akeso.stages.diagnosis.calibrate import (
    Fit,
    Judged,
    by_grounds,
    cross_validated,
    fit,
    isotonic,
    platt,
    unchanged,
)
from akeso.stages.diagnosis.calibration_file import written
from akeso.stages.diagnosis.confidence import FITTED, Calibration
from akeso.stages.diagnosis.reliability import (
    Said,
    brier,
    calibration_error,
    log_loss,
    reliability,
    selective_accuracy,
    unavoidable_error,
)

METHODS: Mapping[str, Fit] = {
    "softmax share (unfitted)": unchanged(),
    "logistic on the share": platt("odds"),
    "isotonic on the share": isotonic("odds"),
    "logistic on all grounds": by_grounds(FITTED),
}
CHOSEN = "logistic on all grounds"
FOLDS = 10


def confidence(
    data: Annotated[Path, typer.Option(help="A set, or a folder of sets: PetShop, Nezha, OpenSRE.")],
    out: Annotated[Path, typer.Option(help="Receives confidence.json, cases.json and reliability.svg.")],
    lab_runs: Annotated[list[Path] | None, typer.Option("--lab", help="Folder of `akeso lab run --out`.")] = None,
    fitted: Annotated[Path | None, typer.Option("--fit", help="Write a scale fitted to all these cases here.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Honesty of the confidence: calibration error, Brier score, accuracy of the surest, by groups left out."""
    found = list(answers(_cases(data, lab_runs or [])))
    if not found:
        raise InvalidInput("--data", f"no cases with a known cause in {data}")
    out.mkdir(parents=True, exist_ok=True)
    report, said = _report(found)
    (out / "confidence.json").write_text(json.dumps(report, indent=1), encoding="utf-8")
    (out / "cases.json").write_text(json.dumps(_lines(found, said), indent=0), encoding="utf-8")
    (out / "reliability.svg").write_text(_picture(said, report), encoding="utf-8")
    if fitted is not None:
        _write_scale(fitted, found, report, lab_runs or [])
    if as_json:
        print(json.dumps(report))
    else:
        Console().print(_sets_table(report), _methods_table(report))


def _cases(data: Path, runs: Sequence[Path]) -> Iterator[Known]:
    for folder in (data, *sorted(child for child in data.iterdir() if child.is_dir())):
        yield from shop.cases(folder)
        yield from documents.cases(folder)
        yield from minutes.cases(folder)
    for run in runs:
        yield from lab.cases(run)


def _report(found: Sequence[Answer]) -> tuple[dict[str, Any], list[tuple[Judged, float]]]:
    cases = [a.judged for a in found if a.judged is not None]
    by_method = {name: cross_validated(cases, method, FOLDS) for name, method in METHODS.items()}
    recorded = {a.known.name for a in found if not a.known.derived}
    report: dict[str, Any] = {
        "cases": len(cases),
        "groups": len({case.group for case in cases}),
        "sets": {name: _set(found, name) for name in dict.fromkeys(a.known.set for a in found)},
        "shipped": {"all": scores([(a.said, a.judged.right) for a in found if a.judged is not None])},
        "cross_validated": {},
    }
    report["shipped"]["recorded"] = scores(
        [(a.said, a.judged.right) for a in found if a.judged is not None and not a.known.derived]
    )
    for name, said in by_method.items():
        report["cross_validated"][name] = {
            "all": scores(_pairs(said)),
            "recorded": scores(_pairs([(c, p) for c, p in said if c.case in recorded])),
        }
    report["reliability"] = _bins(_pairs(by_method[CHOSEN]))
    return report, by_method[CHOSEN]


def _set(found: Sequence[Answer], name: str) -> dict[str, Any]:
    own = [a for a in found if a.known.set == name]
    judged = [a.judged for a in own if a.judged is not None]
    said = [(a.said, a.judged.right) for a in own if a.judged is not None]
    return {
        "cases": len(own),
        "derived": any(a.known.derived for a in own),
        "named": len(judged),
        "right": _share([case.right for case in judged]),
        "known": _share([a.sure for a in own]),
        "right_when_known": _share([a.judged.right for a in own if a.sure and a.judged is not None]),
        "mean_confidence": round(float(np.mean([p for p, _ in said])), 4) if said else None,
        "calibration_error": calibration_error(said),
        "brier": brier(said),
    }


def scores(said: Said) -> dict[str, Any]:
    """Everything that is said of a list of probabilities and outcomes."""
    return {
        "cases": len(said),
        "right": _share([came for _, came in said]),
        "calibration_error": calibration_error(said),
        "calibration_error_by_chance": unavoidable_error(said, np.random.default_rng(0)),
        "brier": brier(said),
        "log_loss": log_loss(said),
        "selective_accuracy": dict(selective_accuracy(said)),
    }


def _write_scale(path: Path, found: Sequence[Answer], report: Mapping[str, Any], runs: Sequence[Path]) -> None:
    cases = [a.judged for a in found if a.judged is not None]
    scale = fit(cases, FITTED)
    source = "akeso bench confidence --data DATA" + " --lab RUN" * len(runs) + " --fit calibration.json"
    named = Calibration(scale.intercept, scale.weights, scale.floor, scale.ceiling, scale.version, source)
    about = {
        "cases": {name: told["named"] for name, told in report["sets"].items()},
        "groups": report["groups"],
        "cross_validated": report["cross_validated"][CHOSEN],
        "reliability": report["reliability"],
    }
    path.write_text(written(named, about), encoding="utf-8")


def _pairs(said: Sequence[tuple[Judged, float]]) -> list[tuple[float, bool]]:
    return [(p, case.right) for case, p in said]


def _bins(said: Said) -> list[dict[str, Any]]:
    return [
        {
            "from": b.low,
            "to": b.high,
            "cases": b.cases,
            "said": b.said,
            "came_true": b.came,
            "interval": [b.least, b.most],
        }
        for b in reliability(said)
    ]


def _lines(found: Sequence[Answer], said: Sequence[tuple[Judged, float]]) -> list[dict[str, Any]]:
    validated = {(case.set, case.case): p for case, p in said}
    return [
        {
            "set": a.known.set,
            "case": a.known.name,
            "group": a.known.group,
            "right": a.judged.right if a.judged else None,
            "shipped": round(a.said, 4),
            "cross_validated": round(validated[a.known.set, a.known.name], 4) if a.judged else None,
            "grounds": {name: round(value, 4) for name, value in a.judged.grounds.items()} if a.judged else {},
        }
        for a in found
    ]


def _picture(said: Sequence[tuple[Judged, float]], report: Mapping[str, Any]) -> str:
    told = report["cross_validated"][CHOSEN]["all"]
    shown = {name: told[name] for name in ("cases", "calibration_error", "brier")}
    title = f"Confidence of a diagnosis, cross-validated over {report['groups']} groups of cases"
    return reliability_picture(title, reliability(_pairs(said)), _pairs(said), shown)


def _share(hits: Sequence[bool]) -> float | None:
    return round(sum(hits) / len(hits), 4) if hits else None


def _sets_table(report: Mapping[str, Any]) -> Table:
    columns = ("cases", "right", "known", "right_when_known", "mean_confidence", "calibration_error", "brier")
    table = Table("set", *columns, caption="with the shipped scale")
    for name, told in report["sets"].items():
        table.add_row(f"{name}{' (derived)' if told['derived'] else ''}", *(str(told[column]) for column in columns))
    return table


def _methods_table(report: Mapping[str, Any]) -> Table:
    table = Table("scale", "over", "ECE", "by chance", "Brier", "log loss", "right at 50 / 70 / 90 / 100 %")
    rows = [("shipped as it is", report["shipped"]), *report["cross_validated"].items()]
    for name, by_kind in rows:
        for kind, told in by_kind.items():
            numbers = (told["calibration_error"], told["calibration_error_by_chance"], told["brier"], told["log_loss"])
            surest = " / ".join(str(share) for share in told["selective_accuracy"].values())
            table.add_row(name, f"{kind} ({told['cases']})", *map(str, numbers), surest)
    return table
