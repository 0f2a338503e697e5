"""Series ids by what stands for a label set on the wire, so that a known series costs a look-up.

Label sets are long, and the series table has each already, so only their hashes are kept: those of Python, 64 bits
keyed by a secret of the process (SipHash; Aumasson & Bernstein 2012). Among the 400,000 that are remembered at most,
two have the same with a chance of one in two hundred million, and no sender can look for them.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field

from akeso.domain.telemetry.series import SeriesTable


@dataclass(slots=True)
class Known:
    """Of one tenant. ids: of plain samples, by the hash of the label set's bytes; parts: of the parts of histograms, by
    this hash and the part; symbols: strings by the number that stands for them in the label sets' bytes, where it
    does."""

    ids: dict[int, int] = field(default_factory=dict)
    parts: dict[Hashable, int] = field(default_factory=dict)
    symbols: dict[str, int] = field(default_factory=dict)

    def forget_series(self) -> None:
        """The label sets mean other series from now on."""
        self.ids.clear()
        self.parts.clear()

    def __len__(self) -> int:
        return len(self.ids) + len(self.parts) + len(self.symbols)


class KnownSeries:
    """The ids of one table. limit: how many are remembered, over all tenants, before the memory starts anew."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._table: SeriesTable | None = None
        self._tenants: dict[str, Known] = {}

    def of(self, table: SeriesTable, tenant: str) -> Known:
        """What is known of a tenant's series in this table."""
        full = sum(map(len, self._tenants.values())) > self._limit
        if table is not self._table or full:
            self._table, self._tenants = table, {}
        return self._tenants.setdefault(tenant, Known())

    def forget(self, tenant: str) -> None:
        """The label sets of a tenant mean other series from now on."""
        self._tenants.pop(tenant, None)
