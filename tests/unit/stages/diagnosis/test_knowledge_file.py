"""Knowledge files: what ships is sound, and whatever is wrong in a team's own is refused by file and field."""

from itertools import pairwise
from pathlib import Path

import pytest

from akeso.domain.errors import InvalidSettings
from akeso.domain.estate.knowledge import Knowledge, Layer
from akeso.stages.diagnosis.knowledge_file import load_knowledge, shipped_knowledge

OWN = """
symptoms:
  door_open:
    says: the rack's door is open
    layer: physical
    metrics: [{name: 'rack\\.door', above: 0.5}]
  overheating:
    says: it is hot in our hall
    layer: physical
links:
  - {cause: door_open, effect: overheating, because: cold air escapes, source: our facility handbook}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "own.yaml"
    path.write_text(text)
    return path


def refused(folder: Path, text: str) -> InvalidSettings:
    with pytest.raises(InvalidSettings) as refusal:
        load_knowledge(written(folder, text))
    return refusal.value


def test_every_shipped_symptom_is_observed_somehow_and_linked_and_every_link_has_a_source() -> None:
    known = shipped_knowledge()
    linked = {link.cause for link in known.links} | {link.effect for link in known.links}
    assert linked == known.symptoms.keys()
    assert [s.name for s in known.symptoms.values() if not (s.metrics or s.logs or s.signals)] == []
    assert [link for link in known.links if len(link.source) < 8 or len(link.because) < 8] == []
    assert len(known.links) == len({(link.cause, link.effect) for link in known.links})


def test_every_shipped_fault_of_a_machine_reaches_software() -> None:
    known = shipped_knowledge()

    def reaches(name: str) -> bool:
        symptom = known.symptoms[name]
        return symptom.layer is Layer.SOFTWARE or any(reaches(link.effect) for link in known.effects(name))

    assert [name for name in known.symptoms if not reaches(name)] == []


def test_a_coolant_leak_leads_to_long_lock_times() -> None:
    known: Knowledge = shipped_knowledge()
    path = ["coolant_leak", "overheating", "thermal_throttling", "slow_clock", "slow_instructions", "long_lock_times"]
    for cause, effect in pairwise(path):
        assert effect in {link.effect for link in known.effects(cause)}


def test_a_file_adds_symptoms_and_links_and_replaces_those_of_the_same_name(tmp_path: Path) -> None:
    known = load_knowledge(written(tmp_path, OWN))
    assert known.symptoms["overheating"].says == "it is hot in our hall"
    assert {link.cause for link in known.causes("overheating")} >= {"door_open", "coolant_leak"}
    assert known.symptoms.keys() > shipped_knowledge().symptoms.keys()


def test_a_folder_is_read_file_by_file(tmp_path: Path) -> None:
    written(tmp_path, OWN)
    (tmp_path / "second.yaml").write_text(
        "links: [{cause: door_open, effect: fan_failure, because: dust gets in, source: our facility handbook}]"
    )
    assert {link.effect for link in load_knowledge(tmp_path).effects("door_open")} == {"overheating", "fan_failure"}


def test_a_circle_is_refused_and_shown(tmp_path: Path) -> None:
    text = "links: [{cause: slow_work, effect: coolant_leak, because: it is not, source: nobody}]"
    refusal = refused(tmp_path, text)
    assert refusal.field == "own.yaml: links"
    assert "coolant_leak → overheating" in refusal.reason
    assert refusal.reason.endswith("slow_work → coolant_leak")


@pytest.mark.parametrize(
    ("text", "field", "reason"),
    [
        ("links: [{cause: slow_wrok, effect: backlog, because: b, source: s}]", "links.0.cause", "slow_wrok"),
        ("links: [{cause: slow_work, effect: bakclog, because: b, source: s}]", "links.0.effect", "bakclog"),
        ("links: [{cause: slow_work, effect: backlog, because: b}]", "links.0.source", "required"),
        ("symptoms: {x: {says: y, layer: spiritual}}", "symptoms.x.layer", "physical"),
        ("symptoms: {x: {says: y, layer: host, signals: [latnecy]}}", "symptoms.x.signals.0", "latency"),
        ("symptoms: {x: {says: y, layer: host, logs: ['(']}}", "symptoms.x.logs.0", "regular expression"),
        ("symptoms: {x: {says: y, layer: host, metrics: [{nmae: z}]}}", "symptoms.x.metrics.0.name", "required"),
        ("symptoms: {x: {says: y, layer: host, sayz: z}}", "symptoms.x.sayz", "not permitted"),
        ("symptoms: [", "own.yaml", "is no YAML"),
        ("- a\n- b", "own.yaml", "valid"),
    ],
)
def test_what_is_wrong_is_refused_by_file_and_field(tmp_path: Path, text: str, field: str, reason: str) -> None:
    refusal = refused(tmp_path, text)
    assert refusal.field.startswith("own.yaml")
    assert refusal.field.endswith(field)
    assert reason in refusal.reason


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"absent\.yaml"):
        load_knowledge(tmp_path / "absent.yaml")
