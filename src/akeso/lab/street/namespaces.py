"""Namespaces of its own: a street's loopback, its mounts and its names are nobody else's.

Commands enter them by becoming `unshare` or `nsenter`, which start the same command again inside.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from akeso.lab.shop.running import is_alive
from akeso.lab.street.folder import StreetFolder

MARK = "STREET_NAMESPACES"
NETWORK, MOUNTS = "network", "mounts"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """What this process has of its own."""

    network: bool = False
    mounts: bool = False


def here() -> Namespaces:
    """The namespaces that this process was started in."""
    own = os.environ.get(MARK, "").split(",")
    return Namespaces(NETWORK in own, MOUNTS in own)


def enter_new(*, network: bool) -> None:
    """Start this command again in new namespaces, as far as they can be had; does not return then."""
    if MARK in os.environ:
        return
    wanted = [MOUNTS, *([NETWORK] if network else [])]
    flags = [f"--{'mount' if each == MOUNTS else 'net'}" for each in wanted]
    if not _can(flags):
        os.environ[MARK] = ""
        return
    os.environ[MARK] = ",".join(wanted)
    os.execvp("unshare", ["unshare", *flags, *_again()])


def enter_those_of(folder: StreetFolder) -> None:
    """Start this command again in the namespaces of a running street; does not return then.

    Raises ShopNotRunning when there is no street.
    """
    facts, keeper = folder.facts(), folder.keeper()
    if MARK in os.environ or not (facts.own_network or facts.own_mounts) or keeper is None or not is_alive(keeper):
        return
    flags = [*(["--net"] if facts.own_network else []), *(["--mount"] if facts.own_mounts else [])]
    own = [*([NETWORK] if facts.own_network else []), *([MOUNTS] if facts.own_mounts else [])]
    os.environ[MARK] = ",".join(own)
    os.execvp("nsenter", ["nsenter", "--target", str(keeper), *flags, f"--wd={os.getcwd()}", *_again()])


def raise_loopback() -> None:
    """In a network of its own, even the loopback device is down at first."""
    if here().network:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _can(flags: list[str]) -> bool:
    if os.geteuid() != 0 or not all(shutil.which(each) for each in ("unshare", "nsenter", "ip", "mount")):
        return False
    return subprocess.run(["unshare", *flags, "true"], check=False, capture_output=True).returncode == 0


def _again() -> list[str]:
    return [sys.executable, "-m", "akeso", *sys.argv[1:]]
