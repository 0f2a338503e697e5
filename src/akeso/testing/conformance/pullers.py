"""What every puller has to keep to."""

import time
from contextlib import suppress

from akeso.domain.errors import Unavailable
from akeso.domain.telemetry.series import SeriesTable
from akeso.ports.puller import Puller, PullRequest
from akeso.testing.conformance.plugins import says_who_it_is

REQUEST = PullRequest("acme", 1_700_000_000_000_000_000, 1_700_000_060_000_000_000)


class PullerConformance:
    """Checks that hold for every puller; a test calls each with one whose address nobody listens on."""

    limit_s = 30.0

    def __init__(self, puller: Puller) -> None:
        self.puller = puller

    def describes_itself(self) -> None:
        """Its name can stand in the settings."""
        assert isinstance(self.puller, Puller)
        says_who_it_is(self.puller)

    async def says_that_nobody_answers(self) -> None:
        """Raises Unavailable, as often as it is asked and in time, and interns nothing."""
        table = SeriesTable()
        for _ in range(2):
            began = time.monotonic()
            found: object = None
            with suppress(Unavailable):
                found = await self.puller.pull(REQUEST, table)
            assert found is None, f"{self.puller.name} found something where nobody answers"
            assert time.monotonic() - began < self.limit_s
        assert not len(table)

    async def can_be_closed(self) -> None:
        """Also when it was never used, and twice."""
        await self.puller.close()
        await self.puller.close()
