"""Where the street keeps its files, and the facts that another process needs to find it."""

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from akeso.lab.errors import ShopError, ShopNotRunning
from akeso.lab.shop.folder import write_atomically
from akeso.lab.shop.versions import Versions


@dataclass(frozen=True, slots=True)
class Facts:
    """How to reach the parts of a street; written once, before anything starts.

    ports: by name, see akeso.lab.street.stack.ports. way: how Akeso is told. own_network, own_mounts: whether it lives
    in such namespaces of its own. disk, disk_place: what the database stands on, and where that is mounted.
    akeso_url: None when nobody is told.
    """

    ports: Mapping[str, int]
    way: str
    own_network: bool
    own_mounts: bool
    disk: str
    disk_place: str
    seed: int
    akeso_url: str | None
    akeso_key: str | None


@dataclass(frozen=True, slots=True)
class StreetFolder:
    """The layout of one street's folder."""

    path: Path

    @property
    def facts_file(self) -> Path:
        """Present exactly while the folder belongs to a street."""
        return self.path / "street.json"

    @property
    def services_file(self) -> Path:
        """What Akeso is told about the street's services."""
        return self.path / "services.yaml"

    @property
    def supervisor_file(self) -> Path:
        """The supervisor's configuration."""
        return self.path / "supervisord.conf"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.path / "logs"

    @property
    def certificates(self) -> Path:
        """Keys and certificates of the inner gateway."""
        return self.path / "certificates"

    def releases(self, service: str) -> Versions:
        """Code of a service: version folders with `current` and `previous`."""
        return Versions(self.path / "releases" / service)

    def configurations(self, service: str) -> Versions:
        """Settings of a service: version folders with `current` and `previous`."""
        return Versions(self.path / "config" / service)

    def at(self, name: str) -> Path:
        """A folder of one server, made if it is missing."""
        place = self.path / name
        place.mkdir(exist_ok=True)
        return place

    def save(self, facts: Facts) -> None:
        """Record the facts for other processes."""
        write_atomically(self.facts_file, json.dumps(asdict(facts), indent=2))

    def facts(self) -> Facts:
        """The facts as saved. Raises ShopNotRunning when there are none, ShopError for those of another version."""
        try:
            return Facts(**json.loads(self.facts_file.read_text()))
        except FileNotFoundError as exc:
            raise ShopNotRunning(f"no street in {self.path}; start one with `akeso lab street up`") from exc
        except (TypeError, ValueError) as exc:
            raise ShopError(f"{self.facts_file} is of another version of the street; delete its folder") from exc

    def keeper(self) -> int | None:
        """The process id of the supervisor, whose namespaces are the street's; None when it never ran."""
        try:
            return int((self.path / "supervisord.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None


def default_street() -> StreetFolder:
    """Where this user's street is unless told otherwise."""
    return StreetFolder(Path(tempfile.gettempdir()) / f"akeso-street-{os.getuid()}")
