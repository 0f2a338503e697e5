"""Put the previous configuration of a service back."""

from typing import ClassVar

from akeso.domain.estate.service import Binding, Bound
from akeso.domain.incident.plan import Risk
from akeso.targets.versions import VersionSwap


class RevertConfiguration(VersionSwap):
    """Exchange `current` and `previous` of the configuration folder and restart the processes."""

    name = "revert_configuration"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.CONFIGURATION.value
    example_binding: ClassVar[Binding] = {"kind": "directory", "path": "/nonexistent/configuration"}
    change_kind = ("revert", "config")
    thing = "configuration"
