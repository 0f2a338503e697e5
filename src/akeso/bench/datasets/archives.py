"""Data sets that come as archives."""

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from akeso.domain.errors import InvalidInput

ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@contextmanager
def unpacked(data: Path) -> Iterator[Path]:
    """The folder itself; or, where it holds nothing but archives beside single files, or is an archive, a folder with
    what is in them, which is gone afterwards. Raises InvalidInput for a broken archive, or one that reaches outside."""
    archives = _archives(data)
    if not archives:
        yield data
        return
    with TemporaryDirectory(prefix="akeso-data-") as place:
        for archive in archives:
            try:
                with tarfile.open(archive) as found:
                    found.extractall(place, filter="data")
            except (tarfile.TarError, OSError, EOFError) as bad:
                raise InvalidInput("--data", f"{archive} cannot be unpacked: {bad}") from bad
        yield Path(place)


def _archives(data: Path) -> list[Path]:
    if data.is_file():
        return [data] if data.name.endswith(ENDINGS) else []
    if not data.is_dir() or any(each.is_dir() for each in data.iterdir()):
        return []
    return sorted(each for each in data.iterdir() if each.name.endswith(ENDINGS))
