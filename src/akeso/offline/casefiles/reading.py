"""Whatever somebody points at → cases. What a file is, is told by what it holds."""

from pathlib import Path

from akeso.adapters.telemetry.recording import Stretch
from akeso.composition.recordings import Recording
from akeso.config.settings import Settings
from akeso.domain.errors import InvalidInput, NotFound
from akeso.domain.telemetry.series import SeriesTable
from akeso.offline.casefiles import incidents, table
from akeso.offline.casefiles.asked import Asked, Found
from akeso.offline.casefiles.rerun import detecting

_TABLE, _STORE = "metrics.csv", "telemetry.db"
_RECORDED = (b"S", b"{")  # how a database, and a line of JSON, begins


async def cases(asked: Asked, settings: Settings) -> list[Found]:
    """The cases in a telemetry database, lines of JSON, a table, or a folder with one of them in it."""
    path, options = _file(asked.source), detecting(settings, asked.services)
    if _first_byte(path) in _RECORDED and path.suffix != ".csv":
        series = SeriesTable()
        recording = Recording(path, _stretch(asked))
        return _checked(await incidents.found_in(recording.batches(series, settings), series, asked, options))
    return _checked(table.found_in(path, asked, options))


def _stretch(asked: Asked) -> Stretch:
    if asked.span is None:
        return Stretch()
    return Stretch(max(0, asked.span.start - int(asked.past.total_seconds() * 1e9)), asked.span.end)


def _file(source: Path) -> Path:
    if source.is_dir():
        for name in (_STORE, f"akeso/{_STORE}", _TABLE):
            if (source / name).exists():
                return source / name
        raise NotFound(f"{source} holds neither {_STORE} nor {_TABLE}")
    if not source.exists():
        raise NotFound(f"there is no {source}")
    return source


def _first_byte(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096).lstrip()[:1]


def _checked(found: list[Found]) -> list[Found]:
    if not found:
        raise InvalidInput("--range", "the detectors find no incident here: say when it was, as FROM/TO")
    if not any(len(each.case.features.times) for each in found):
        raise InvalidInput("--range", "there is no telemetry in that time")
    return found
