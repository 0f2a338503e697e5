from xml.etree import ElementTree

from akeso.domain.incident.diagnosis import Diagnosis, Evidence, Hypothesis
from akeso.offline.drawing.causal import causal_picture, layers, relevant
from akeso.offline.drawing.evidence import evidence_picture
from akeso.offline.drawing.reliability import reliability_picture
from akeso.offline.drawing.svg import legible
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.calls.blame_propagation import effects
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.diagnosis.reliability import reliability
from akeso.testing.recorded.cases import Fault, Scene

SICK = Scene(Fault("quotes", self_ms=300)).case()
DIAGNOSIS = diagnose(SICK, tuple(build("evidence").values()))


def _texts(svg: str) -> str:
    return " ".join(ElementTree.fromstring(svg).itertext())


def test_the_causes_show_the_guilty_and_those_who_suffer() -> None:
    svg = causal_picture(SICK, DIAGNOSIS)
    words = _texts(svg)
    assert "quotes" in words
    assert "buy" in words
    assert 'marker-end="url(#head)"' in svg


def test_a_callee_stands_right_of_its_caller() -> None:
    chosen = relevant(SICK, DIAGNOSIS, effects(SICK))
    columns = layers(SICK.topology, chosen)
    place = {service: number for number, column in enumerate(columns) for service in column}
    assert place["web"] < place["buy"] < place["quotes"]


def test_the_evidence_stands_with_its_weight_and_the_series_behind_it() -> None:
    svg = evidence_picture(SICK, DIAGNOSIS)
    assert DIAGNOSIS.hypotheses[0].evidence[0].statement[:40] in _texts(svg)
    assert "<polyline" in svg


def test_words_from_outside_cannot_break_a_picture() -> None:
    nasty = '</text><script>alert("x")</script>\x00\ud800'
    finding = Evidence("logs", nasty, f"a line: “{nasty}”", 1.0)
    svg = evidence_picture(SICK, Diagnosis((Hypothesis(nasty, "unknown", 0.5, (finding,)),), known=True))
    assert "<script" not in svg
    ElementTree.fromstring(svg)
    assert "\x00" not in legible(nasty)


def test_a_diagnosis_without_an_answer_is_drawn_too() -> None:
    nothing = Diagnosis((), known=False)
    assert "no cause was found" in _texts(causal_picture(SICK, nothing))
    ElementTree.fromstring(evidence_picture(SICK, nothing))


def test_reliability_is_drawn_with_its_counts() -> None:
    said = [(0.95, True)] * 30 + [(0.3, False)] * 7
    words = _texts(reliability_picture("Honest?", reliability(said), said, {"brier": 0.01}))
    assert "30" in words
    assert "brier 0.01" in words
