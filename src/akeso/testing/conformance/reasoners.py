"""What every reasoner has to keep to."""

from akeso.domain.incident.diagnosis import Diagnosis
from akeso.domain.incident.explanation import Explanation
from akeso.plugins.discovery import build
from akeso.ports.reasoner import Consulting, Reasoner
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.testing.conformance.plugins import says_who_it_is
from akeso.testing.recorded.cases import Fault, Scene


class ReasonerConformance:
    """Checks that hold for every reasoner, also for one that asks others and was never connected to them."""

    def __init__(self, reasoner: Reasoner) -> None:
        self.reasoner = reasoner

    def describes_itself(self) -> None:
        """Its name can stand in the settings."""
        assert isinstance(self.reasoner, Reasoner)
        says_who_it_is(self.reasoner)

    async def explains_what_was_found(self) -> None:
        """Words that name the root cause, signed, with claims that say something."""
        if isinstance(self.reasoner, Consulting):
            return
        case = Scene(Fault("quotes", self_ms=300)).case()
        diagnosis = diagnose(case, list(build("evidence").values()))
        said = await self.reasoner.explain(case, diagnosis)
        assert said.reasoner == self.reasoner.name
        assert diagnosis.best is not None
        assert diagnosis.best.service in said.text
        assert all(claim.text for claim in said.claims)

    async def says_something_where_nothing_was_found(self) -> None:
        """An empty diagnosis has words as well."""
        if isinstance(self.reasoner, Consulting):
            return
        case = Scene(Fault("quotes", self_ms=300)).case()
        said = await self.reasoner.explain(case, Diagnosis((), known=False))
        assert isinstance(said, Explanation)
        assert said.text

    async def can_be_closed(self) -> None:
        """Also when it was never used, and twice."""
        if isinstance(self.reasoner, Consulting):
            await self.reasoner.close()
            await self.reasoner.close()
