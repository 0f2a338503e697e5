"""Words that were retired stand only in the table of earlier names and in the changelog."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from akeso.config.reference import sections
from akeso.domain.renamed import SETTINGS

ROOT = Path(__file__).parents[2]
# Decision records speak of the tree as it was.
EXEMPT = (
    "CHANGELOG.md", "docs/adr/", "docs/settings.md", "src/akeso/domain/renamed.py", "tests/architecture/test_words.py",
    "tests/unit/config/test_renamed_settings.py",
)  # fmt: skip
# Names that nothing else could be called.
NAMES = [
    "alert_purse",
    "AlertPurse",
    "Faculties",
    "make_faculties",
    "Casework",
    "CaseworkOptions",
    "Rehearsal",
    "RehearsalAgent",
    "chronicle",
    "Chronicle",
    "ChronicleAgent",
    "PipelineTallies",
    "Handover",
    "handover_bytes",
    "ToldEdges",
    "told_edges",
    "SymptomSighting",
    "LogSwelling",
    "StilledAction",
    "RaisedRecord",
    "AccountOptions",
    "ADVISERS",
    "once_a_case",
    "holds_off",
    "looked_series",
    "meaning_of",
    "gaps_of",
    "GrpcDoor",
    "http_doors",
    "grpc_door",
    "PatientError",
    "install_brake",
    "score_inward",
    "InwardOrder",
]
# Plain English as well, but no names of classes.
CLASSES = [
    "Purse",
    "Hands",
    "Grounds",
    "Outlet",
    "Around",
    "Workshop",
    "Register",
    "Haul",
    "Keeper",
    "By",
    "Complaint",
    "Wander",
    "Duel",
    "Departure",
    "Swelling",
    "Sighting",
    "Performer",
    "Tallies",
    "Meaning",
    "Patient",
    "Brake",
    "Diary",
]
MODULES = [
    "rising",
    "raised",
    "confirming",
    "restoring",
    "unclosed",
    "meaning",
    "account",
    "inheritance",
    "picture",
    "sightings",
    "complaints",
    "swelling",
    "departures",
    "gaps",
    "alike",
    "tallies",
    "handover",
    "rehearsal",
    "stilled",
    "casework",
    "performer",
    "chronicle",
    "doors",
    "patient",
    "brake",
    "diary",
    "goods",
]
PATTERNS = {
    "name": rf"\b(?:{'|'.join(NAMES)})\b",
    "class": rf"^class (?:{'|'.join(CLASSES)})\b",
    "module": rf"\bakeso(?:\.\w+)+\.(?:{'|'.join(MODULES)})\b|\bakeso\.stages\.features\.records\b",
    # A path in code has what it is an attribute of before it, a setting has not.
    "setting": rf"(?<![\w.])(?:{'|'.join(map(re.escape, SETTINGS))})\b(?! import)",
}


@cache
def texts() -> dict[str, str]:
    """Source, tests and pages."""
    found = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "scripts").rglob("*.sh")]
    found += [file for folder in ("src", "tests") for file in (ROOT / folder).rglob("*.py")]
    names = {str(file.relative_to(ROOT)): file for file in found}
    return {name: file.read_text() for name, file in names.items() if not name.startswith(EXEMPT)}


def found(pattern: str) -> Iterator[str]:
    for name, text in texts().items():
        for match in re.finditer(pattern, text, re.MULTILINE):
            yield f"{name}, line {text.count(chr(10), 0, match.start()) + 1}: {match[0]}"


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_a_retired_name_stands_nowhere(pattern: str) -> None:
    assert list(found(pattern)) == []


def test_no_module_has_a_retired_name() -> None:
    kept = {file.stem: file for file in (ROOT / "src").rglob("*.py") if "worlds" not in file.parts}
    assert {name: str(file) for name, file in kept.items() if name in MODULES} == {}


def test_an_earlier_name_is_no_setting_any_more() -> None:
    assert {entry.key for section in sections() for entry in section.entries}.isdisjoint(SETTINGS)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("name", "ingestion.handover_bytes=1"),
        ("class", "class Purse:\n"),
        ("module", "from akeso.stages.detection.rising import x"),
        ("setting", "`budget.credit` (1)"),
    ],
)
def test_the_patterns_find_what_they_are_for(kind: str, text: str) -> None:
    assert re.search(PATTERNS[kind], text, re.MULTILINE)
