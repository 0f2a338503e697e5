"""A data set may come as an archive."""

import io
import tarfile
from pathlib import Path

import pytest

from akeso.bench.datasets.archives import unpacked
from akeso.domain.errors import InvalidInput


def archive(path: Path, name: str, text: str) -> Path:
    with tarfile.open(path, "w:xz") as made:
        about = tarfile.TarInfo(name)
        about.size = len(text)
        made.addfile(about, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("whole_folder", [True, False])
def test_what_is_in_an_archive_is_there_for_a_while(tmp_path: Path, *, whole_folder: bool) -> None:
    file = archive(tmp_path / "set.tar.xz", "set/list.json", "[]")
    with unpacked(tmp_path if whole_folder else file) as folder:
        found = folder / "set" / "list.json"
        assert found.read_text() == "[]"
    assert not found.exists()
    assert file.exists()


def test_a_folder_with_folders_is_the_set_itself(tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    archive(tmp_path / "other.tar.xz", "x", "")
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path


def test_an_archive_that_is_broken_or_reaches_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.tar.xz").write_bytes(b"no archive")
    with pytest.raises(InvalidInput, match="cannot be unpacked"), unpacked(tmp_path):
        pass
    archive(tmp_path / "set.tar.xz", "../outside", "x")
    with pytest.raises(InvalidInput, match="cannot be unpacked"), unpacked(tmp_path):
        pass
