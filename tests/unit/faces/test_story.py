"""Journal events in words, and an incident as a story."""

import io
from dataclasses import replace
from typing import Any, get_args

import msgspec
import pytest
from rich.console import Console

from akeso.domain.incident.events import (
    AnomaliesAttached,
    DiagnosisMade,
    Entry,
    Event,
    ExplanationGiven,
    IncidentDetected,
)
from akeso.domain.incident.evolution import fold
from akeso.engine.codec import encode_event
from akeso.faces.api.views import entry_view, incident_view
from akeso.faces.cli.story import tell
from akeso.faces.story import describe
from akeso.testing.events import AT, example

KINDS = get_args(Event)
SILENT = {AnomaliesAttached}


def written(event: Event) -> tuple[str, Any]:
    """The event as readers of the API get it."""
    kind, payload = encode_event(event)
    return kind, msgspec.json.decode(payload)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_event_that_says_something_new_has_its_words(kind: type[Event]) -> None:
    text = describe(*written(example(kind, full=True)))
    assert bool(text) == (kind not in SILENT)
    assert "None" not in text


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_event_with_the_least_it_may_hold_can_be_described(kind: type[Event]) -> None:
    text = describe(*written(example(kind, full=False)))
    assert "None" not in text
    assert not text.endswith((":", ": ", "by "))


def test_a_kind_that_this_version_does_not_know_is_passed_over() -> None:
    assert describe("MoonRisen", {}) == ""


def test_a_story_holds_cause_and_time_line_and_takes_no_text_for_markup() -> None:
    detected = replace(example(IncidentDetected, full=True), title="[red]pay")
    entries = [Entry(1, "i1", AT, "healing", detected)]
    examples = [example(kind, full=True) for kind in _COURSE]
    # It explains the first diagnosis.
    examples = [replace(e, diagnosis=1) if isinstance(e, ExplanationGiven) else e for e in examples]
    entries += [Entry(n, "i1", AT, "healing", event) for n, event in enumerate(examples, 2)]
    incident = fold(entries)
    assert incident is not None
    out = io.StringIO()
    told = incident_view(incident) | {"timeline": [entry_view(entry) for entry in entries]}
    tell(Console(file=out, width=100), told)
    story = out.getvalue()
    for part in (
        "i1",
        "[red]pay",
        "cause: text, text, confidence 50%",
        "1. text (text)",
        "onset",
        "diagnosed:",
        "planned:",
        "explained by text (text)",
        "1. text",
        "[text] text (text)",
    ):
        assert part in story, part


_COURSE = [kind for kind in KINDS if kind.__name__ in {"DiagnosisMade", "ExplanationGiven", "PlanMade"}]


def test_views_show_what_to_check_under_its_earlier_name_as_well() -> None:
    made = example(DiagnosisMade, full=True)
    entries = [Entry(1, "i1", AT, "healing", example(IncidentDetected, full=True)), Entry(2, "i1", AT, "healing", made)]
    incident = fold(entries)
    assert incident is not None
    shown, line = incident_view(incident), entry_view(entries[1])["event"]["diagnosis"]
    assert shown["next_looks"] == shown["suggested_checks"] == ["text"]
    assert line["next_looks"] == line["suggested_checks"] == ["text"]
