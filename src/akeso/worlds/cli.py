"""`akeso world`: simulated worlds in virtual time, and Akeso living in them."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.table import Table

app = typer.Typer(no_args_is_help=True, help="Simulated worlds in virtual time, and Akeso living in them.")

WorldArgument = Annotated[str, typer.Argument(help="A shipped world's name, or a YAML file.")]
SeedOption = Annotated[int, typer.Option(help="What the world's chances are drawn from.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object on standard output.")]
MinutesOption = Annotated[float, typer.Option(min=0.1, help="How long is lived, on the world's clock.")]


@app.command("list")
def list_worlds(as_json: JsonOption = False) -> None:
    """The worlds that ship, what can happen in a world, and who can tell it."""
    from akeso.worlds.dialects.registry import dialects
    from akeso.worlds.discovery import occurrences
    from akeso.worlds.shipped import find_world, shipped

    found = {
        "worlds": {name: find_world(name).name for name in shipped()},
        "happens": sorted(occurrences()),
        "dialects": sorted(dialects()),
    }
    if as_json:
        typer.echo(json.dumps(found))
        return
    for title, things in found.items():
        told = [f"{name}: {text}" for name, text in things.items()] if isinstance(things, dict) else [", ".join(things)]
        typer.echo(f"{title}\n  " + "\n  ".join(told))


@app.command()
def show(world: WorldArgument) -> None:
    """What exists in a world, who calls whom, and what will happen."""
    from akeso.worlds.shipped import find_world

    spec = find_world(world)
    table = Table("service", "kind", "replicas", "calls", box=box.SIMPLE_HEAD, title=spec.name)
    for service in spec.estate.services:
        calls = sorted({call.service for operation in service.operations for call in operation.calls})
        table.add_row(service.name, service.kind, str(service.replicas), ", ".join(calls))
    screen = Console()
    screen.print(table)
    for planned in spec.planned:
        screen.print(f"after {planned.after_s:g} s: {planned.kind} {planned.target or '(by the seed)'}")
    screen.print(f"told by {', '.join(each['dialect'] for each in spec.telling.get('senders', ())) or 'nobody'}")


@app.command()
def run(
    world: WorldArgument,
    minutes: MinutesOption = 20.0,
    warm_up: Annotated[float, typer.Option(min=0, help="Minutes at first that are not scored.")] = 5.0,
    seed: SeedOption = 1,
    journal: Annotated[Path | None, typer.Option(help="Receives every line of the journal.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Let Akeso live in a world, and score what it noticed, said and did."""
    from akeso.faces.cli.up import log_from
    from akeso.worlds.living import Order, live
    from akeso.worlds.opening import open_world
    from akeso.worlds.scoring.score import summary
    from akeso.worlds.shipped import find_world

    log_from("error")
    life = live(open_world(find_world(world), seed), Order(60 * minutes, 60 * warm_up))
    if journal is not None:
        journal.write_bytes(life.journal)
    told = {
        "summary": summary([life.score]),
        "speed": round(life.speed, 1),
        "cpu_s": round(life.cpu_s, 1),
        "world_cpu_s": round(life.world_cpu_s, 1),
        "requests": life.requests,
        "refused": [{"sender": s, "path": p, "status": c, "times": n} for (s, p, c), n in sorted(life.refused.items())],
        **asdict(life.score),
    }
    if as_json:
        typer.echo(json.dumps(told))
    else:
        _tell(told)


@app.command()
def record(
    world: WorldArgument,
    out: Annotated[Path, typer.Option(help="The recording (telemetry.db) to write.")],
    minutes: MinutesOption = 20.0,
    seed: SeedOption = 1,
) -> None:
    """Write what a world's senders send as a recording, for `akeso replay` and others. Akeso does not run."""
    from akeso.worlds.opening import open_world
    from akeso.worlds.recording import recorded
    from akeso.worlds.shipped import find_world

    batches, points = asyncio.run(recorded(open_world(find_world(world), seed), 60 * minutes, out))
    typer.echo(f"{batches:,} batches, {points:,} points: {out}")


@app.command()
def scenarios(
    names: Annotated[list[str] | None, typer.Argument(help="Parts of names, or files; all without any.")] = None,
) -> None:
    """Live through scenarios, and say what must come of them and does not."""
    from akeso.faces.cli.up import log_from
    from akeso.worlds.scenarios.document import load_scenario
    from akeso.worlds.scenarios.judging import judge
    from akeso.worlds.scenarios.library import scenarios as shipped
    from akeso.worlds.scenarios.play import play

    log_from("error")
    wanted = names or [""]
    chosen = {name: each for name, each in shipped().items() if any(part in name for part in wanted)}
    chosen |= {name: load_scenario(Path(name)) for name in wanted if name.endswith(".yaml")}
    unexpected = 0
    for name, scenario in chosen.items():
        broken = judge(scenario, play(scenario))
        expected = bool(scenario.fails_today)
        unexpected += bool(broken) is not expected
        typer.echo(f"{_word(bool(broken), expected=expected)} {name}: {scenario.title}")
        if broken and not expected:
            typer.echo("\n".join(f"  {each}" for each in broken))
    if unexpected:
        raise typer.Exit(1)


def _word(broken: bool, *, expected: bool) -> str:
    if broken:
        return "expected to fail" if expected else "FAILS"
    return "HOLDS NOW" if expected else "holds"


def _tell(told: dict[str, Any]) -> None:
    screen = Console()
    table = Table(
        "fault", "about", "hurt s", "noticed after s", "cause first", "kind", "incidents", box=box.SIMPLE_HEAD
    )
    for fault in told["faults"]:
        delay = f"{fault['delay_s']:.0f}" if fault["delay_s"] is not None else "-"
        row = (fault["kind"], fault["entity"], f"{fault['hurt_s']:.0f}", delay, _yes(fault["first"]))
        table.add_row(*row, _yes(fault["kind_right"]), str(fault["incidents"]))
    screen.print(table)
    _lines(screen, "effects", [f"{e['action']} {e['target']}: {e['word']}" for e in told["effects"]])
    _lines(screen, "about nothing", told["false"])
    _lines(
        screen, "not taken in", [f"{r['sender']} {r['path']}: {r['status']}, {r['times']}x" for r in told["refused"]]
    )
    screen.print(
        f"{told['speed']:g} times real time; {told['cpu_s']:g} s of processor, the world's {told['world_cpu_s']:g}"
    )


def _lines(screen: Console, title: str, lines: Sequence[str]) -> None:
    if lines:
        screen.print(f"{title}: " + "; ".join(lines), highlight=False, markup=False)


def _yes(held: bool) -> str:
    return "yes" if held else "no"
