"""Put the previous release of a service back."""

from akeso.domain.plan import Risk
from akeso.domain.service import Bound
from akeso.plugins.targets.versions import VersionSwap


class RollbackRelease(VersionSwap):
    """Exchange `current` and `previous` of the release folder and restart the processes."""

    name = "rollback_release"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.RELEASE.value
    thing = "release"
