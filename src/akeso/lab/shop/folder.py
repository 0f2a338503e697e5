"""Where the shop keeps its files, and the facts a second process needs to find it."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from akeso.lab.errors import ShopNotRunning


def write_atomically(path: Path, text: str) -> None:
    """A reader sees the old text or the new one, never a half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)


@dataclass(frozen=True, slots=True)
class Facts:
    """How to reach the parts of a running shop; written once, before anything starts."""

    rpc_url: str
    dsn: str
    valkey_url: str
    flags_url: str
    load_url: str
    akeso_url: str | None
    akeso_key: str | None
    seed: int


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The layout of one shop's folder."""

    path: Path

    @property
    def facts_file(self) -> Path:
        """Present exactly while the folder belongs to a shop."""
        return self.path / "shop.json"

    @property
    def services_file(self) -> Path:
        """What Akeso is told about the shop."""
        return self.path / "services.yaml"

    @property
    def supervisor_file(self) -> Path:
        """The supervisor's configuration."""
        return self.path / "supervisord.conf"

    @property
    def logs(self) -> Path:
        """One file a process."""
        return self.path / "logs"

    def releases(self, service: str) -> Path:
        """Version folders with `current` and `previous`."""
        return self.path / "releases" / service

    def configurations(self, service: str) -> Path:
        """Version folders with `current` and `previous`."""
        return self.path / "config" / service

    def endpoints(self, service: str) -> Path:
        """One file a ready instance."""
        return self.path / "endpoints" / service

    def flag(self, name: str) -> Path:
        """The state of a feature flag."""
        return self.path / "flags" / f"{name}.json"

    def save(self, facts: Facts) -> None:
        """Record the facts for other processes."""
        write_atomically(self.facts_file, json.dumps(asdict(facts), indent=2))

    def facts(self) -> Facts:
        """The facts as saved. Raises ShopNotRunning when there are none."""
        try:
            return Facts(**json.loads(self.facts_file.read_text()))
        except FileNotFoundError as exc:
            raise ShopNotRunning(f"no shop in {self.path}; start one with `akeso lab up`") from exc
