from pathlib import Path

import pytest

from akeso.config.playbook_file import load_playbooks, parse
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.diagnosis import FaultClass
from akeso.plugins.discovery import build

BOOK = "mine.yaml: playbooks[0]"
GOOD = """
playbooks:
  - name: cool-down
    when: {fault_classes: {cpu_saturation: 0.5}, signals: [cpu]}
    steps: [{action: restart, binding: process, parameters: {grace: 5}}]
    undo: none
    risk: high
    cost: 0.2
"""


def test_a_playbook_is_read_with_its_defaults() -> None:
    (book,) = parse(GOOD, "mine.yaml")
    assert book.steps[0].target == "root_cause"
    assert dict(book.steps[0].parameters) == {"grace": "5"}
    assert book.when.fault_classes["cpu_saturation"] == 0.5
    assert book.verify_within.total_seconds() == 30.0
    assert not book.undoes


@pytest.mark.parametrize(
    ("before", "after", "field", "reason"),
    [
        ("name: cool-down", "title: cool-down", "mine.yaml: playbooks[0].title", "not permitted"),
        ("- name: cool-down\n    when", "- when", "mine.yaml: playbooks[0].name", "required"),
        ("cpu_saturation: 0.5", "cpu_saturation: 5", f"{BOOK}.when.fault_classes.cpu_saturation", "equal to 1"),
        ("{cpu_saturation: 0.5}", "{}", "mine.yaml: playbooks[0].when.fault_classes", "at least 1"),
        ("signals: [cpu]", "signals: [smell]", "mine.yaml: playbooks[0].when.signals[0]", "is none of"),
        ("risk: high", "risk: mad", "mine.yaml: playbooks[0].risk", "is none of none, low, medium, high"),
        ("undo: none", "undo: maybe", "mine.yaml: playbooks[0].undo", "'none' or 'automatic'"),
        ("cost: 0.2", "cost: cheap", "mine.yaml: playbooks[0].cost", "number"),
        ("cost: 0.2", "cost: true", "mine.yaml: playbooks[0].cost", "number"),
        ("cost: 0.2", "cost: .nan", "mine.yaml: playbooks[0].cost", "number"),
        ("{action: restart,", "{", "mine.yaml: playbooks[0].steps[0].action", "required"),
        ("cost: 0.2", "preconditions: [{moon: full}]", f"{BOOK}.preconditions[0].moon", "not permitted"),
        ("cost: 0.2", "preconditions: [{}]", "mine.yaml: playbooks[0].preconditions[0]", "exactly one of"),
        ("cost: 0.2", "preconditions: [{external: 1}]", f"{BOOK}.preconditions[0].external", "boolean"),
        ("cost: 0.2", "cost: -1", f"{BOOK}.cost", "greater than or equal to 0"),
        ("cost: 0.2", "verification: {within_seconds: 0}", f"{BOOK}.verification.within_seconds", "equal to 1"),
        ("{grace: 5}", '{grace: ""}', f"{BOOK}.steps[0].parameters.grace", "at least 1 character"),
        ("playbooks:", "playbook:", "mine.yaml: playbook", "not permitted"),
        ("playbooks:", "playbooks: [", "mine.yaml", "is no YAML"),
    ],
)  # fmt: skip
def test_an_error_names_file_field_and_reason(before: str, after: str, field: str, reason: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parse(GOOD.replace(before, after), "mine.yaml")
    assert caught.value.field == field
    assert reason in caught.value.reason


def test_a_name_may_stand_once_only() -> None:
    with pytest.raises(InvalidSettings, match="cool-down is used twice"):
        parse(GOOD + GOOD.replace("playbooks:\n", "").lstrip("\n"), "mine.yaml")


def test_a_teams_playbook_replaces_the_shipped_one_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(GOOD.replace("cool-down", "restart"))
    ours = {b.name: b for b in load_playbooks(tmp_path)}
    shipped = {b.name: b for b in load_playbooks()}
    assert ours.keys() == shipped.keys()
    assert ours["restart"] != shipped["restart"]


def test_a_folder_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings):
        load_playbooks(tmp_path / "nowhere")


def test_shipped_playbooks_name_actions_that_exist_and_promise_undo_only_where_there_is_one() -> None:
    actions = build("actions")
    for book in load_playbooks():
        for step in book.steps:
            assert step.action in actions, book.name
            assert actions[step.action].binding in {step.binding, ""}, book.name
            assert actions[step.action].risk <= book.risk, book.name
            assert not book.undoes or actions[step.action].reversible, book.name


def test_shipped_playbooks_cover_every_class_that_can_be_healed() -> None:
    covered = {kind for book in load_playbooks() for kind in book.when.fault_classes}
    classes = {v for k, v in vars(FaultClass).items() if k.isupper()}
    # A full disk and a slow network are told to people: no action that ships can heal them.
    assert classes - covered == {FaultClass.DISK_PRESSURE, FaultClass.NETWORK_DELAY}
