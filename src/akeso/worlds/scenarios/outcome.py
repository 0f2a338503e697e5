"""What came of a scenario, as conditions look at it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from akeso.domain.errors import InvalidInput
from akeso.domain.incident.events import Entry
from akeso.domain.incident.evolution import fold
from akeso.domain.incident.incident import Incident
from akeso.worlds.running.door import Reply
from akeso.worlds.scenarios.scripted import Effect
from akeso.worlds.scenarios.timing import moment


@dataclass(frozen=True, slots=True)
class Outcome:
    """start: ns; entries: the journal; effects: what was done in the world; replies: by the name of the request; shown:
    what the API shows of each incident at the end, time-line included, as text; refused: requests that were not taken
    in, in words; journal: as bytes, for comparing runs."""

    start: int
    entries: Sequence[Entry]
    effects: Sequence[Effect]
    replies: Mapping[str, Reply]
    shown: Mapping[str, str]
    refused: Sequence[str]
    journal: bytes

    def incidents(self, by: int | None = None) -> list[Incident]:
        """All incidents as they stood `by` (ns after the start; at the end when None), oldest first."""
        until = None if by is None else moment(self.start + by)
        lines: dict[str, list[Entry]] = {}
        for entry in self.entries:
            if entry.incident and (until is None or entry.at <= until):
                lines.setdefault(entry.incident, []).append(entry)
        return [incident for each in lines.values() if (incident := fold(each)) is not None]

    def reply(self, name: str) -> Reply:
        """Raises InvalidInput when nothing of that name was asked."""
        if name not in self.replies:
            raise InvalidInput("answer.to", f"nothing called {name} was asked")
        return self.replies[name]

    def since_start(self, instant: int) -> int:
        """ns since the epoch → ns since the start."""
        return instant - self.start
