"""Put the previous configuration of a service back."""

from akeso.domain.estate.service import Bound
from akeso.domain.incident.plan import Risk
from akeso.targets.versions import VersionSwap


class RevertConfiguration(VersionSwap):
    """Exchange `current` and `previous` of the configuration folder and restart the processes."""

    name = "revert_configuration"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.CONFIGURATION.value
    thing = "configuration"
