"""What was held back, told in one message."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from akeso.domain.incident.events import Entry
from akeso.domain.incident.incident import Incident

Waiting = tuple[Incident, Entry]
_NAMED = 5


def newest_each(held: Sequence[Waiting]) -> list[Waiting]:
    """The newest of each incident's, oldest first: what came before it is said by it."""
    newest = {incident.id: (incident, entry) for incident, entry in sorted(held, key=lambda each: each[1].sequence)}
    return sorted(newest.values(), key=lambda each: each[1].sequence)


def summary(held: Sequence[Waiting]) -> Waiting:
    """One notice that stands for all of `held` (one at least): of the worst incident that is not over, the newest of
    these, with the others named behind its title."""
    each = newest_each(held)
    lead, entry = max(each, key=lambda w: (not w[0].status.over, w[0].severity, w[1].sequence))
    others = [incident for incident, _ in each if incident.id != lead.id]
    if not others:
        return lead, entry
    return replace(lead, title=f"{lead.title} [{_counted(others)} held back meanwhile: {_named(others)}]"), entry


def _counted(others: Sequence[Incident]) -> str:
    over = sum(incident.status.over for incident in others)
    more = f"{len(others)} more"
    return f"{more}, {over} of them over," if over else more


def _named(others: Sequence[Incident]) -> str:
    services = Counter(incident.service for incident in others)
    named = [name if count == 1 else f"{name} ({count})" for name, count in services.most_common(_NAMED)]
    return ", ".join(named) + (" …" if len(services) > _NAMED else "")
