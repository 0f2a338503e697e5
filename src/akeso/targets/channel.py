"""What notifiers that write into a channel of people have in common: their options, and a message in plain words."""

from dataclasses import dataclass

from akeso.domain.detection.anomaly import Severity
from akeso.domain.errors import InvalidInput
from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.notice import headline, notice_of

# Red, amber, blue and green as the page has them.
_COLOURS = {Severity.CRITICAL: 0xB3261E, Severity.ERROR: 0xB3261E, Severity.WARNING: 0xB26A00, Severity.INFO: 0x1F6FB2}
_OVER = 0x2E7D32


@dataclass(frozen=True, slots=True)
class ChannelMessage:
    """line: what to read first; facts: name and value of what else is to be known; link: to the incident's page, "" if
    nobody said where the console is; colour: 0xRRGGBB; ends: whether the incident is over with it."""

    line: str
    facts: tuple[tuple[str, str], ...]
    link: str
    colour: int
    ends: bool


def message_of(incident: Incident, entry: Entry, console: str) -> ChannelMessage:
    """What to write of an event. console: the address of Akeso's page, as the readers reach it; "" if they cannot."""
    notice = notice_of(entry.event)
    ends = notice is not None and notice.ends
    facts = {
        "Service": incident.service,
        "Severity": incident.severity.name.lower(),
        "Status": incident.status.value,
        "Incident": incident.id,
    }
    if incident.attention.acknowledged_by and not ends:
        facts["Acknowledged by"] = incident.attention.acknowledged_by
    link = f"{console.rstrip('/')}/#incident={incident.id}" if console else ""
    colour = _OVER if ends else _COLOURS.get(incident.severity, _COLOURS[Severity.INFO])
    return ChannelMessage(headline(incident, entry.event), tuple(facts.items()), link, colour, ends)


def http_address(option: str, url: str) -> str:
    """An address of http or https. Raises InvalidInput naming the option."""
    if not url.startswith(("http://", "https://")):
        raise InvalidInput(option, f"an http or https address is wanted, not {url!r}")
    return url


def severity_of(option: str, name: str) -> Severity:
    """A severity by its name. Raises InvalidInput naming the option."""
    if name.upper() not in Severity.__members__:
        raise InvalidInput(option, f"{name} is none of {', '.join(each.lower() for each in Severity.__members__)}")
    return Severity[name.upper()]


def given(option: str, value: str) -> str:
    """A text that must be there. Raises InvalidInput naming the option."""
    if not value:
        raise InvalidInput(option, "is missing")
    return value
