"""A slow disk: the kernel lets the database's processes write only so often to the device of its data."""

from pathlib import Path

from akeso.lab.errors import ShopError
from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.disk import device_of
from akeso.lab.street.stack.signals import tree
from akeso.lab.street.stack.street import Street

GROUPS = Path("/sys/fs/cgroup/blkio")


async def slow_down(street: Street, writes_a_second: int) -> None:
    """Until `speed_up`. Raises ShopError where the kernel does not do it."""
    (server,) = await street.supervisor.running("postgres")
    group = _group(street.folder)
    try:
        group.mkdir(exist_ok=True)
        device = device_of(Path(street.facts.disk_place))
        (group / "blkio.throttle.write_iops_device").write_text(f"{device} {writes_a_second}")
        for pid in tree(server.pid):
            (group / "cgroup.procs").write_text(str(pid))
    except OSError as exc:
        raise ShopError(f"the disk cannot be slowed down here: {exc}") from exc


def speed_up(folder: StreetFolder) -> None:
    """The disk is as fast as it is; nothing is left of the limit."""
    group = _group(folder)
    if not group.exists():
        return
    for pid in (group / "cgroup.procs").read_text().split():
        try:
            (GROUPS / "cgroup.procs").write_text(pid)
        except ProcessLookupError:
            continue
    group.rmdir()


def is_slow(folder: StreetFolder) -> bool:
    """Whether there is a limit."""
    return _group(folder).exists()


def _group(folder: StreetFolder) -> Path:
    return GROUPS / f"akeso-street-{folder.keeper()}"
