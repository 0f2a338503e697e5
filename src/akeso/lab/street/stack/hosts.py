"""Names of machines: in mounts of its own the street has a hosts file of its own, and asks nobody else."""

import subprocess
from pathlib import Path

from akeso.lab.shop.folder import write_atomically
from akeso.lab.street.folder import StreetFolder

NAMES = ("db", "cache", "queue", "catalog", "loans", "web")
LOOPBACK = "127.0.0.1"


def host_of(name: str, own_mounts: bool) -> str:
    """What a machine is called in everybody's settings."""
    return f"{name}.internal" if own_mounts else LOOPBACK


def name_machines(folder: StreetFolder) -> None:
    """Lay the street's hosts file over the machine's; only in mounts of its own."""
    internal = " ".join(f"{name}.internal" for name in NAMES)
    _cover(folder.path / "hosts", Path("/etc/hosts"), f"{LOOPBACK} localhost {internal}\n")
    _cover(folder.path / "nsswitch.conf", Path("/etc/nsswitch.conf"), "hosts: files\npasswd: files\ngroup: files\n")


def _cover(file: Path, over: Path, text: str) -> None:
    write_atomically(file, text)
    subprocess.run(["mount", "--bind", str(file), str(over)], check=True)
