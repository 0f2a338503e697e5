"""What a diagnosis stands on, how sure it says to be, and what it asks to look at next."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp
from pathlib import Path

import pytest

from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.case import Case
from akeso.domain.incident.diagnosis import Evidence
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.calibration_file import load_calibration, shipped, written
from akeso.stages.diagnosis.confidence import GROUNDS, Calibration
from akeso.stages.diagnosis.diagnose import DiagnoseOptions, diagnose
from akeso.testing.recorded.cases import Fault, Scene

PROVIDERS = tuple(build("evidence").values())
SICK = Scene(Fault("quotes", self_ms=300)).case()


@dataclass
class Says:
    evidence: tuple[Evidence, ...]
    name: str = "says"

    def gather(self, case: Case) -> Sequence[Evidence]:
        del case
        return self.evidence


def _finding(service: str, weight: float, provider: str = "says", **classes: float) -> Evidence:
    return Evidence(provider, service, f"something about {service}", weight, classes)


def test_the_grounds_are_what_was_found() -> None:
    says = Says((_finding("quotes", 3.0, "a", crash=2.0), _finding("quotes", -1.0, "b"), _finding("basket", 1.5)))
    options = DiagnoseOptions(temperature=1.0, suspected=0.0, unknown_bias=1.0)
    grounds = diagnose(SICK, [says], options).grounds
    assert grounds["support"] == pytest.approx(3.0**0.5)
    assert grounds["tie"] == pytest.approx(exp(-0.5))
    assert grounds["against"] == 1.0
    assert grounds["kinds"] == 1.0
    assert grounds["named"] == 2.0
    assert grounds["margin"] == pytest.approx(0.5)
    assert set(grounds) == set(GROUNDS)


def test_grounds_stay_within_their_limits_whatever_a_provider_says() -> None:
    grounds = diagnose(SICK, [Says((_finding("quotes", 1e6),))]).grounds
    assert all(low <= grounds[name] <= high for name, (low, high) in GROUNDS.items())


def test_the_scale_changes_how_sure_and_never_who() -> None:
    meek = Calibration(-1.0, {"odds": 0.1})
    bold = Calibration(3.0, {"odds": 1.0})
    one, other = (diagnose(SICK, PROVIDERS, None, scale) for scale in (meek, bold))
    assert [h.service for h in one.hypotheses] == [h.service for h in other.hypotheses]
    assert not one.known
    assert other.known
    assert one.hypotheses[0].confidence < 0.5 < other.hypotheses[0].confidence


def test_of_two_answers_alike_none_is_likelier_than_not() -> None:
    says = Says((_finding("quotes", 9.0), _finding("basket", 9.0)))
    diagnosis = diagnose(SICK, [says], DiagnoseOptions(suspected=0.0), Calibration(9.0, {"support": 1.0}))
    assert diagnosis.hypotheses[0].confidence < 0.5
    assert not diagnosis.known


def test_who_is_less_likely_than_something_else_is_not_known() -> None:
    weak = Says((_finding("quotes", 0.5),))
    diagnosis = diagnose(SICK, [weak], DiagnoseOptions(suspected=0.0), Calibration(9.0, {"support": 1.0}))
    assert diagnosis.hypotheses[0].confidence < 0.5


def test_who_does_not_know_says_what_to_look_at() -> None:
    meek = Calibration(-2.0, {"odds": 0.1})
    dark = replace(SICK, logs=(), changes=())
    looks = diagnose(dark, PROVIDERS, None, meek).suggested_checks
    assert any("log lines" in look for look in looks)
    assert any("change" in look for look in looks)
    assert any(look.startswith("Look next at quotes") for look in looks)
    assert diagnose(dark, PROVIDERS, None, Calibration(9.0, {"odds": 0.0})).suggested_checks == ()


def test_rivals_that_call_each_other_are_told_apart_by_their_waiting() -> None:
    says = Says((_finding("buy", 3.0), _finding("quotes", 3.0)))
    looks = diagnose(SICK, [says], None, Calibration(-2.0, {"odds": 0.1})).suggested_checks
    assert any("buy calls quotes" in look for look in looks)


def test_the_shipped_scale_is_whole_and_says_where_it_comes_from() -> None:
    scale = shipped()
    assert scale.weights
    assert scale.source
    assert scale.probability(dict.fromkeys(GROUNDS, 0.0)) < 0.5


def test_a_scale_survives_its_file(tmp_path: Path) -> None:
    scale = Calibration(0.25, {"odds": 0.5, "support": 0.125}, 0.02, 0.98, 1, "a test")
    (tmp_path / "c.json").write_text(written(scale, {"cases": 3}))
    assert load_calibration(tmp_path / "c.json") == scale


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"version": 2}, "version"),
        ({"intercept": "much"}, "intercept"),
        ({"weights": {}}, "weights"),
        ({"weights": {"mood": 1.0}}, "weights.mood"),
        ({"weights": {"odds": None}}, "odds"),
        ({"weights": {"odds": True}}, "odds"),
        ({"floor": 0.9, "ceiling": 0.1}, "floor"),
        ({"ceiling": 1.0}, "ceiling"),
    ],
)
def test_a_wrong_file_is_refused_by_its_field(tmp_path: Path, change: dict[str, object], named: str) -> None:
    told = json.loads(written(Calibration(0.0, {"odds": 1.0}), {})) | change
    (tmp_path / "c.json").write_text(json.dumps(told))
    with pytest.raises(InvalidSettings, match=named):
        load_calibration(tmp_path / "c.json")


def test_no_file_and_no_json_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be read"):
        load_calibration(tmp_path / "none.json")
    for text in ("{", "[]"):
        (tmp_path / "c.json").write_text(text)
        with pytest.raises(InvalidSettings, match=r"JSON|object"):
            load_calibration(tmp_path / "c.json")
