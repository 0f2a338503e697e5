"""What every evidence provider has to keep to."""

import numpy as np

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.batches import NANOSECONDS, FeatureMatrix
from akeso.ports.evidence import EvidenceProvider
from akeso.testing.conformance.plugins import says_who_it_is
from akeso.testing.recorded.cases import START, Fault, Scene


class EvidenceConformance:
    """Checks that hold for every evidence provider."""

    def __init__(self, provider: EvidenceProvider) -> None:
        self.provider = provider

    def describes_itself(self) -> None:
        """Its name can stand in the settings and beside its findings."""
        assert isinstance(self.provider, EvidenceProvider)
        says_who_it_is(self.provider)

    def finds_nothing_where_there_is_nothing(self) -> None:
        """Of a case without any telemetry it says nothing, and does not break."""
        nothing = FeatureMatrix((), np.empty(0, np.uint8), np.empty(0, np.int64), np.empty((0, 0)))
        assert not list(self.provider.gather(Case("acme", START, START + 60 * NANOSECONDS, nothing)))

    def says_the_same_of_the_same_case(self) -> None:
        """Pure: neither a clock nor chance nor what it saw before has a say."""
        for case in self._cases():
            assert list(self.provider.gather(case)) == list(self.provider.gather(case))

    def signs_what_it_says(self) -> None:
        """Each finding carries its name, a service and a sentence for people."""
        for case in self._cases():
            for finding in self.provider.gather(case):
                assert finding.provider == self.provider.name
                assert finding.service
                assert finding.statement

    def _cases(self) -> tuple[Case, ...]:
        return tuple(Scene(fault).case() for fault in (Fault("quotes", self_ms=300), Fault("quotes", errors=0.5)))
