"""Who has to have said what before anything runs without a person."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from akeso.domain.detection.anomaly import Alert, AlertStatus, Anomaly, Severity
from akeso.domain.estate.access import AKESO, ANONYMOUS, UNTOLD
from akeso.domain.incident.diagnosis import Diagnosis, Evidence, Hypothesis
from akeso.domain.incident.incident import Incident
from akeso.domain.incident.plan import Step
from akeso.domain.telemetry.batches import SeriesKey
from akeso.domain.telemetry.signal import Signal
from akeso.stages.healing.authorship import doubt, rests_on

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RIGHTS = {"shop": {"cart", "web"}, "payments": {"payment"}, "watch": set[str](), "probe": set[str]()}
RESTART = Step("s1", "restart_service", "cart")


def may_speak(tenant: str, author: str, service: str) -> bool:
    assert tenant == "default"
    return service in RIGHTS.get(author, ())


def anomaly(service: str, **attributes: str) -> Anomaly:
    key = SeriesKey("default", service, "latency", tuple(attributes.items()))
    return Anomaly(f"a-{service}", "default", key, Signal.LATENCY, NOW, NOW, 3.0, 900.0, 20.0, 5.0)


def alert(service: str, author: str) -> Alert:
    firing = AlertStatus.FIRING
    return Alert("default", f"f-{author}", "alertmanager", service, "down", Severity.ERROR, firing, NOW, author=author)


def incident(*anomalies: Anomaly, alerts: tuple[Alert, ...] = (), cause: str = "cart") -> Incident:
    found = Diagnosis((Hypothesis(cause, "crash", 0.97, (Evidence("silence", cause, "is down", 3.0),)),), known=True)
    made = Incident("i1", "default", "cart", "cart is slow", Severity.ERROR, NOW, NOW, NOW)
    return replace(made, anomalies=anomalies, alerts=alerts, diagnosis=found)


def asked(found: Incident, heard: dict[str, set[str]], step: Step = RESTART) -> str:
    return doubt(found, step, heard, may_speak)


def test_what_a_sender_with_the_right_says_is_believed() -> None:
    assert asked(incident(anomaly("cart")), {"cart": {"shop"}}) == ""


@pytest.mark.parametrize("nameless", [ANONYMOUS, UNTOLD])
def test_a_sender_without_a_key_takes_the_worth_of_what_others_say(nameless: str) -> None:
    said = asked(incident(anomaly("cart")), {"cart": {"shop", nameless}})
    assert said == "senders without a key spoke of cart"


def test_an_alert_without_a_key_is_as_little_worth_as_telemetry_without_one() -> None:
    assert asked(incident(anomaly("cart"), alerts=(alert("cart", ANONYMOUS),)), {"cart": {"shop"}})


def test_a_sender_may_not_speak_for_what_its_key_does_not_name() -> None:
    said = asked(incident(anomaly("cart")), {"cart": {"payments"}})
    assert said.startswith("payments may not speak")


def test_two_authors_who_have_nothing_in_common_confirm_each_other() -> None:
    both = incident(anomaly("cart"), alerts=(alert("cart", "probe"),))
    assert asked(both, {"cart": {"watch"}}) == ""
    assert asked(both, {"cart": {"watch", "probe"}})  # the telemetry may be of the one who alerts
    alerts = (alert("cart", "probe"), alert("cart", "watch"))
    assert asked(incident(alerts=alerts), {}) == ""


def test_one_author_does_not_confirm_itself() -> None:
    assert asked(incident(alerts=(alert("cart", "probe"), replace(alert("cart", "probe"), fingerprint="other"))), {})


def test_nobody_confirms_by_speaking_of_something_else() -> None:
    alerts = (alert("cart", "probe"), alert("web", "watch"))
    assert asked(incident(alerts=alerts), {})


def test_a_caller_may_not_have_somebody_elses_service_acted_on() -> None:
    framed = incident(anomaly("cart", peer="payment"), cause="payment")
    step = Step("s1", "restart_service", "payment")
    said = asked(framed, {"cart": {"shop"}, "payment": set()}, step)
    assert said == "nobody who may speak for payment said that anything is wrong there"


def test_what_the_owner_says_as_well_is_believed() -> None:
    framed = incident(anomaly("cart", peer="payment"), anomaly("payment"), cause="payment")
    step = Step("s1", "restart_service", "payment")
    assert asked(framed, {"cart": {"shop"}, "payment": {"payments"}}, step) == ""


def test_silence_of_everybody_is_no_word() -> None:
    assert asked(incident(), {})


def test_what_akeso_fetched_and_measures_of_itself_is_believed() -> None:
    assert asked(incident(anomaly("cart")), {"cart": {AKESO}}) == ""
    own = incident(alerts=(alert("akeso.model", AKESO),), cause="akeso.model")
    own = replace(own, service="akeso.model")
    assert asked(own, {}, Step("s1", "rollback_model", "akeso.model")) == ""


def test_nobody_else_speaks_for_akeso_itself() -> None:
    forged = replace(incident(alerts=(alert("akeso.model", "shop"),), cause="akeso.model"), service="akeso.model")
    assert asked(forged, {}, Step("s1", "rollback_model", "akeso.model"))


def test_a_step_rests_on_its_target_and_on_all_that_the_incident_and_the_findings_name() -> None:
    found = incident(anomaly("web"), alerts=(alert("db", "shop"),))
    assert rests_on(found, Step("s1", "x", "queue")) == {"cart", "web", "db", "queue"}
