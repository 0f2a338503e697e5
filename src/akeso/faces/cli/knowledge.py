"""`akeso knowledge`: the bridging knowledge, with or without a running Akeso."""

import json
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from akeso.composition.files import read_knowledge
from akeso.config.settings import load_settings
from akeso.domain.errors import NotFound
from akeso.domain.estate.knowledge import Knowledge, Layer, Link, Symptom

app = typer.Typer(no_args_is_help=True, help="What machines' faults do to software, and who says so.")
Config = Annotated[Path | None, typer.Option("--config", help="Settings file (default: ./akeso.toml if it exists).")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.command("list")
def list_symptoms(config: Config = None, as_json: Json = False) -> None:
    """List the symptoms, by where they live, with what each may bring about."""
    known = read_knowledge(load_settings(config))
    symptoms = sorted(known.symptoms.values(), key=lambda s: (list(Layer).index(s.layer), s.name))
    if as_json:
        print(json.dumps([_plain(known, symptom) for symptom in symptoms]))
        return
    table = Table("symptom", "layer", "what it is", "brings about", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for symptom in symptoms:
        effects = ", ".join(link.effect for link in known.effects(symptom.name))
        table.add_row(symptom.name, symptom.layer.value, escape(symptom.says), effects)
    Console().print(table)


@app.command()
def explain(symptom: str, config: Config = None, as_json: Json = False) -> None:
    """Explain one symptom: what shows it, what may cause it, what it brings about, and who says so."""
    known = read_knowledge(load_settings(config))
    found = known.symptoms.get(symptom)
    if found is None:
        near = get_close_matches(symptom, known.symptoms, 3)
        raise NotFound(f"there is no symptom {symptom}" + (f"; did you mean {' or '.join(near)}?" if near else ""))
    if as_json:
        print(json.dumps(_plain(known, found)))
        return
    console = Console()
    console.print(f"[bold]{found.name}[/bold] ({found.layer}): {escape(found.says)}", highlight=False)
    console.print(_tree("shown by", _shown_by(found)), highlight=False)
    console.print(_walked("caused by", found.name, known.causes, lambda link: link.cause), highlight=False)
    console.print(_walked("brings about", found.name, known.effects, lambda link: link.effect), highlight=False)


def _shown_by(symptom: Symptom) -> Iterator[str]:
    for cue in symptom.metrics:
        limits = [f"above {cue.above:g}"] if cue.above is not None else []
        limits += [f"below {cue.below:g}"] if cue.below is not None else []
        moves = " or ".join(limits) or f"moves {cue.moves}" + (f" by {cue.by:g}" if cue.by else "")
        yield f"metric {cue.name.pattern} ({moves})"
    yield from (f"log line {words.pattern}" for words in symptom.logs)
    yield from (f"signal {signal.name.lower()}" for signal in sorted(symptom.signals))


def _tree(title: str, lines: Iterator[str]) -> Tree:
    tree = Tree(title)
    for line in lines:
        tree.add(escape(line))
    return tree


def _walked(title: str, start: str, step: Callable[[str], tuple[Link, ...]], end: Callable[[Link], str]) -> Tree:
    tree = Tree(title)
    waiting, told = [(tree, start)], {start}
    for branch, name in waiting:
        for link in step(name):
            text = f"[bold]{end(link)}[/bold]: {escape(link.because)} [dim]({escape(link.source)})[/dim]"
            grown = branch.add(text)
            # What many ways lead to is followed once.
            if end(link) not in told:
                told.add(end(link))
                waiting.append((grown, end(link)))
    return tree


def _plain(known: Knowledge, symptom: Symptom) -> dict[str, Any]:
    return {
        "name": symptom.name,
        "says": symptom.says,
        "layer": symptom.layer.value,
        "fault_class": symptom.fault_class,
        "shown_by": list(_shown_by(symptom)),
        "causes": [_link(link) for link in known.causes(symptom.name)],
        "effects": [_link(link) for link in known.effects(symptom.name)],
    }


def _link(link: Link) -> dict[str, str]:
    return {"cause": link.cause, "effect": link.effect, "because": link.because, "source": link.source}
