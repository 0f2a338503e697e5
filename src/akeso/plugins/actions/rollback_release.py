"""Put the previous release of a service back."""

from akeso.domain.estate.service import Bound
from akeso.domain.incident.plan import Risk
from akeso.targets.versions import VersionSwap


class RollbackRelease(VersionSwap):
    """Exchange `current` and `previous` of the release folder and restart the processes."""

    name = "rollback_release"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.RELEASE.value
    thing = "release"
