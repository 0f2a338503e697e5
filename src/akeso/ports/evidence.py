"""Evidence providers: the parts of a diagnosis."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence


@runtime_checkable
class EvidenceProvider(Protocol):
    """Looks at a case from one side. Pure: the same case gives the same findings; nothing found is empty."""

    name: str

    def gather(self, case: Case) -> Sequence[Evidence]: ...
