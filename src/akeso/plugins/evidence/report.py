"""Evidence from a person who opened the incident by hand."""

from collections.abc import Sequence

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence


class Reported:
    """Somebody looked and named a service. That outweighs “unknown”, but not telemetry that points elsewhere.

    alone: its weight where nothing at all is measured, so that there is nothing else to go by.
    """

    name = "report"

    def __init__(self, named: float = 2.0, alone: float = 4.4) -> None:
        self._named = named
        self._alone = alone

    def gather(self, case: Case) -> Sequence[Evidence]:
        if case.report is None:
            return []
        said = f"a person reported “{case.report.title}” on {case.report.service}"
        return [Evidence(self.name, case.report.service, said, self._named if case.features.keys else self._alone)]
