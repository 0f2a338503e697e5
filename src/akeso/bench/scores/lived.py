"""Scores of lived worlds, as the benches of worlds report them."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

from akeso.worlds.scoring.score import summary
from akeso.worlds.trials import Tried

_COLUMNS = ("runs", "faults", "noticed", "cause_first", "kind_right", "delay_s_median", "false_incidents_a_day")


def report(results: Sequence[Tried], groups: Mapping[str, Callable[[Tried], str]]) -> dict[str, Any]:
    """All together, and by each of `groups` (name → what a result belongs to)."""
    found: dict[str, Any] = {"all": _both(results)}
    for name, of in groups.items():
        members = sorted({of(each) for each in results}, key=_in_order)
        found[name] = {member: _both([each for each in results if of(each) == member]) for member in members}
    return found


def hand_over(found: Mapping[str, Any], results: Sequence[Tried], out: Path, name: str, *, as_json: bool) -> None:
    """Write `<name>.json` with every run into `out`, and tell the rest."""
    out.mkdir(parents=True, exist_ok=True)
    runs = [{**asdict(each), "trial": {**asdict(each.trial), "telling": each.trial.told}} for each in results]
    (out / f"{name}.json").write_text(json.dumps({**found, "trials": runs}, indent=1) + "\n")
    if as_json:
        typer.echo(json.dumps(found))
        return
    for group, members in found.items():
        Console().print(_table(group, {"": members} if group == "all" else members))


def _both(results: Sequence[Tried]) -> dict[str, Any]:
    faults = sum(each.baseline["faults"] for each in results)
    hours = sum(each.score.hours for each in results)
    counts = {name: sum(each.baseline[name] for each in results) for name in ("noticed", "cause_first", "false")}
    baseline = {
        "faults": faults,
        "noticed": round(counts["noticed"] / faults, 3) if faults else None,
        "cause_first": round(counts["cause_first"] / faults, 3) if faults else None,
        "false_incidents_a_day": round(24 * counts["false"] / hours, 1) if hours else None,
    }
    speeds = sorted(each.speed for each in results)
    speed = round(speeds[len(speeds) // 2], 1) if speeds else None
    refused = sum(each.refused for each in results)
    scores = summary(each.score for each in results)
    return {**scores, "z_scores": baseline, "speed_median": speed, "refused": refused}


def _in_order(member: str) -> tuple[float, str]:
    number = member.removesuffix(" s")
    return (float(number), "") if number.replace(".", "", 1).isdecimal() else (float("inf"), member)


def _table(title: str, members: Mapping[str, Mapping[str, Any]]) -> Table:
    table = Table(title, *(name.replace("_", " ") for name in _COLUMNS), "effects", "z: first", box=box.SIMPLE_HEAD)
    for member, scores in members.items():
        words = " ".join(f"{count} {word}" for word, count in scores["effects"].items() if count) or "-"
        row = [str(scores[name]) if scores[name] is not None else "-" for name in _COLUMNS]
        table.add_row(member, *row, words, str(scores["z_scores"]["cause_first"]))
    return table
