"""Put the previous release of a service back."""

from typing import ClassVar

from akeso.domain.estate.service import Binding, Bound
from akeso.domain.incident.plan import Risk
from akeso.targets.versions import VersionSwap


class RollbackRelease(VersionSwap):
    """Exchange `current` and `previous` of the release folder and restart the processes."""

    name = "rollback_release"
    reversible = True
    risk = Risk.MEDIUM
    binding = Bound.RELEASE.value
    example_binding: ClassVar[Binding] = {"kind": "directory", "path": "/nonexistent/release"}
    change_kind = ("rollback", "deploy")
    thing = "release"
