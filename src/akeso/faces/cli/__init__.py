"""The command `akeso`. Commands are loaded when they are called, so that `--help` and short commands answer at once."""

import importlib
import sys
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import typer

from akeso import __version__
from akeso.domain.errors import AkesoError

# Command → (module, attribute, one line of help). A Typer app as attribute makes a group, a function a command.
COMMANDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "up": ("akeso.faces.cli.up", "up", "Run Akeso: take in telemetry, detect, diagnose, heal."),
        "demo": ("akeso.faces.cli.demo", "demo", "Break a small shop three times and watch Akeso heal it."),
        "lab": ("akeso.lab.cli", "app", "A small real shop of processes with real faults, and its scorer."),
        "world": ("akeso.worlds.cli", "app", "Simulated worlds in virtual time, and Akeso living in them."),
        "incidents": ("akeso.faces.cli.incidents", "incidents", "List incidents."),
        "show": ("akeso.faces.cli.incidents", "show", "Show one incident: cause, evidence, actions, time-line."),
        "incident": (
            "akeso.faces.cli.attention",
            "incident",
            "Acknowledge, assign, comment, close, merge an incident …",
        ),
        "alerts": ("akeso.faces.cli.attention", "alerts", "List the alerts that came, and what became of them."),
        "silences": ("akeso.faces.cli.attention", "silences", "Silences: list, add, lift."),
        "notify": ("akeso.faces.cli.notify", "app", "Who is told: check the rules, try a channel, ask who would be."),
        "rejections": ("akeso.faces.cli.attention", "rejections", "What people said no to: list, lift."),
        "pending": ("akeso.faces.cli.approvals", "pending", "List the actions that wait for a person."),
        "approve": ("akeso.faces.cli.approvals", "approve", "Approve an action (dry run unless --execute)."),
        "reject": ("akeso.faces.cli.approvals", "reject", "Reject an action."),
        "suspend": ("akeso.faces.cli.approvals", "suspend", "Stop every effect at once."),
        "resume": ("akeso.faces.cli.approvals", "resume", "Allow effects again."),
        "reload": ("akeso.faces.cli.approvals", "reload", "Read services, playbooks and policies again."),
        "models": ("akeso.faces.cli.models", "app", "Versions of the detection model: list, compare, train, promote."),
        "detect": ("akeso.faces.cli.detect", "app", "Detection: alert budgets, and the thresholds that follow."),
        "slo": ("akeso.faces.cli.detect", "slo", "Show what is left of the error budgets."),
        "feedback": ("akeso.faces.cli.models", "feedback", "Say whether a service was anomalous at a time."),
        "audit": ("akeso.faces.cli.audit", "app", "Verify and read the journal."),
        "diagnose": ("akeso.faces.cli.diagnose", "diagnose_command", "Find the cause in recorded telemetry."),
        "learn": ("akeso.faces.cli.learn", "app", "What Akeso's own incidents teach: fit the confidence to them."),
        "replay": ("akeso.faces.cli.replay", "replay", "Run recorded telemetry through Akeso, without effects."),
        "telemetry": ("akeso.faces.cli.telemetry", "app", "Ask about stored telemetry, and export it."),
        "heard": ("akeso.faces.cli.heard", "heard", "Show who is heard, how often, and what is not understood."),
        "keys": ("akeso.faces.cli.keys", "app", "API keys and their roles."),
        "knowledge": ("akeso.faces.cli.knowledge", "app", "What machines' faults do to software, and who says so."),
        "doctor": ("akeso.faces.cli.doctor", "doctor", "Check settings, files, extras and reachability."),
        "init": ("akeso.faces.cli.init", "init", "Write the default settings, playbooks and policies to edit."),
        "bench": ("akeso.bench.cli", "app", "Measure Akeso."),
    }
)


def build(wanted: str | None) -> typer.Typer:
    """The whole command line, with only the command `wanted` really loaded; the others stand there for the help."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Akeso: detects, diagnoses, heals, verifies and learns.",
    )
    app.callback()(_options)
    for name, (module, attribute, text) in COMMANDS.items():
        target = getattr(importlib.import_module(module), attribute) if name == wanted else _not_loaded
        if isinstance(target, typer.Typer):
            app.add_typer(target, name=name, help=text)
        else:
            app.command(name, help=text)(target)
    return app


def main() -> None:
    """Entry point: errors of Akeso's own tree become one line on standard error and exit code 2."""
    wanted = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    try:
        build(wanted)()
    except AkesoError as error:
        print(f"akeso: {error}", file=sys.stderr)
        raise SystemExit(2) from error


def _tell_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_tell_version, help="Print the version.")
    ] = False,
) -> None:
    del version


def _not_loaded() -> None:
    raise AssertionError("only the command that was asked for can run")
