"""People's words on diagnoses become lines: what was seen, what was found, and how good that was."""

from akeso.domain.detection.anomaly import Severity
from akeso.domain.incident import events as e
from akeso.domain.incident.diagnosis import Diagnosis, Evidence, Hypothesis
from akeso.faces.feedback_dataset import dataset
from akeso.testing.events import AT


def test_each_word_is_a_line_on_the_diagnosis_that_stood_when_it_was_said() -> None:
    seen = e.IncidentDetected("t", "cart", "cart: slow", Severity.ERROR, AT)
    first = Diagnosis((Hypothesis("cart", "crash", 0.5, (Evidence("logs", "cart", "it exited", 1.0),)),), known=True)
    second = Diagnosis((Hypothesis("db", "disk_full", 0.9),), known=True)
    told: tuple[e.Event, ...] = (
        seen, e.AnalysisStarted(), e.FeedbackGiven("ann", True), e.DiagnosisMade(first),
        e.FeedbackGiven("ann", False, "db"), e.AnalysisStarted(), e.DiagnosisMade(second), e.FeedbackGiven("ann", True),
    )  # fmt: skip
    lines = list(dataset(e.Entry(n, "i1", AT, "test", event) for n, event in enumerate(told, 1)))
    assert lines == [
        {"prompt": "cart: slow", "diagnosis": "cart: crash (50%)\nit exited", "human_rating": 0},
        {"prompt": "cart: slow", "diagnosis": "db: disk_full (90%)", "human_rating": 1},
    ]
