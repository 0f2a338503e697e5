"""A small disk of its own for the database: ext4 on a loop device where that can be had, else a tmpfs or a folder."""

import subprocess
from pathlib import Path

from akeso.lab.street.folder import StreetFolder

MEGABYTES = 320
USUAL_PLACE = Path("/var/lib/postgresql")
LOOP, MEMORY, PLAIN = "loop", "tmpfs", "folder"


def mount_disk(folder: StreetFolder, own_mounts: bool) -> tuple[str, Path]:
    """Mount it; returns what it is and where. It is gone with the mounts of the street, and covers nothing outside."""
    if own_mounts and USUAL_PLACE.is_dir():
        kind = LOOP if _image(folder) else _memory()
        if kind != PLAIN:
            return kind, USUAL_PLACE
    place = folder.path / "disk"
    place.mkdir()
    return PLAIN, place


def _image(folder: StreetFolder) -> bool:
    image = folder.path / "disk.img"
    with image.open("wb") as file:
        file.truncate(MEGABYTES * 1024 * 1024)
    made = _ran("mkfs.ext4", "-q", "-m", "0", str(image))
    return made and _ran("mount", "-o", "loop", str(image), str(USUAL_PLACE))


def _memory() -> str:
    return MEMORY if _ran("mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(USUAL_PLACE)) else PLAIN


def device_of(mounted: Path) -> str:
    """`major:minor` of the device that is mounted there, as /proc tells it."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[4] == str(mounted):
            return fields[2]
    return ""


def _ran(*command: str) -> bool:
    try:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False
