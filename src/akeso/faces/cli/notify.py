"""`akeso notify …`: are the rules right, does a channel work, and who would be told."""

import asyncio
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from akeso.composition.files import read_services
from akeso.composition.notification import make_notifiers, read_routes
from akeso.config.settings import Settings, load_settings
from akeso.domain.detection.anomaly import Alert, AlertStatus, Severity
from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.incident.events import Entry, Event, IncidentDetected
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.person_events import CloseReason, IncidentClosed
from akeso.faces.cli.questions import pair
from akeso.faces.plain_text import plain
from akeso.stages.notification.prospect import prospects
from akeso.stages.notification.rules import Rules
from akeso.targets.channel import severity_of

app = typer.Typer(no_args_is_help=True)
Config = Annotated[Path | None, typer.Option(help="Settings file.")]


@app.command()
def check(config: Config = None) -> None:
    """Read notifiers and rules as a start would; exit code 2 with the field and the reason when one is wrong."""
    settings = load_settings(config)
    rules = _rules(settings)
    print(f"channels: {', '.join(rules.channels) or 'none: nobody is told of anything'}")
    print(f"routes: {len(rules.routes)}, chains: {len(rules.chains)}, rotations: {len(rules.rotations)}")
    if unused := sorted(set(rules.channels) - _reached(rules)):
        print(f"never told: {', '.join(unused)}")


@app.command("test")
def try_channel(channel: str, config: Config = None) -> None:
    """Tell one channel of an incident that is none, and that it is over."""
    settings = load_settings(config)
    notifiers = make_notifiers(settings)
    if channel not in notifiers:
        raise NotFound(f"there is no notifier {channel}; there are {', '.join(notifiers) or 'none'}")
    incident = _incident(settings.tenant, "akeso-test", Severity.CRITICAL, datetime.now(UTC))
    closed = IncidentClosed("akeso notify test", CloseReason.OTHER, "this was only a test")

    async def tell() -> None:
        for sequence, event in enumerate((_detected(incident), closed), 1):
            await notifiers[channel].notify(incident, Entry(sequence, incident.id, incident.onset, "test", event))

    asyncio.run(tell())
    print(f"{channel} took both notices of {incident.id}; look whether they arrived")


@app.command()
def route(
    service: Annotated[str, typer.Option(help="The service that an incident is about.")],
    severity: Annotated[str, typer.Option(help="info, warning, error or critical.")] = "error",
    tenant: Annotated[str, typer.Option(help="Default: the tenant of the settings.")] = "",
    label: Annotated[list[str] | None, typer.Option(help="name=value that an alert of it carries.")] = None,
    at: Annotated[str, typer.Option(help="When it opens, in ISO 8601 with a zone; default: now.")] = "",
    config: Config = None,
) -> None:
    """Say who would be told if an incident opened, and who next if nobody answered."""
    settings = load_settings(config)
    incident = _incident(tenant or settings.tenant, service, severity_of("severity", severity), _instant(at))
    incident = replace(incident, alerts=_alerts(incident, label or []))
    entry = Entry(1, incident.id, incident.onset, "test", _detected(incident))
    found = prospects(_rules(settings), read_services(settings), incident, entry)
    for each in found:
        held = f" (after the quiet hours {each.held})" if each.held else ""
        print(plain(f"{each.at.isoformat()}  {', '.join(each.channels) or 'nobody'}: {each.because}{held}"))
    if not found:
        print("nobody is told")


def _rules(settings: Settings) -> Rules:
    make_notifiers(settings)
    return read_routes(settings)


def _reached(rules: Rules) -> set[str]:
    """The channels that some rule names, by themselves or through people."""
    targets = {*rules.otherwise, *(t for r in rules.routes for t in r.tell)}
    targets |= {t for chain in rules.chains.values() for step in chain.steps for t in step}
    targets |= {p for r in rules.rotations.values() for p in (*r.people, *(o.who for o in r.overrides))}
    return {channel for target in targets for channel in rules.people.get(target, (target,))}


def _incident(tenant: str, service: str, severity: Severity, at: datetime) -> Incident:
    title = f"Only a test of who is told, about {service}"
    return Incident(f"test-{secrets.token_hex(3)}", tenant, service, title, severity, at, at, at)


def _detected(incident: Incident) -> Event:
    return IncidentDetected(incident.tenant, incident.service, incident.title, incident.severity, incident.onset)


def _alerts(incident: Incident, labels: list[str]) -> tuple[Alert, ...]:
    carried = tuple(sorted(pair("label", text) for text in labels))
    firing = Alert(
        incident.tenant, "test", "test", incident.service, incident.title, incident.severity, AlertStatus.FIRING,
        incident.onset, labels=carried,
    )  # fmt: skip
    return (firing,) if carried else ()


def _instant(text: str) -> datetime:
    if not text:
        return datetime.now(UTC)
    try:
        at = datetime.fromisoformat(text)
    except ValueError as bad:
        raise InvalidInput("at", f"{text} is no instant in ISO 8601") from bad
    if at.tzinfo is None:
        raise InvalidInput("at", f"{text} has no time zone")
    return at
