"""Chains from a machine's fault to what software shows, found in synthetic telemetry."""

from dataclasses import replace

import pytest

from akeso.domain.incident.case import Case
from akeso.domain.telemetry.signal import Signal
from akeso.plugins.discovery import build
from akeso.plugins.evidence.bridging import Bridging
from akeso.plugins.reasoners.deterministic import Deterministic
from akeso.stages.diagnosis.bridging import Chain, chains
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.stages.diagnosis.knowledge_file import shipped_knowledge
from akeso.stages.diagnosis.symptom_matches import matches
from akeso.testing.recorded.cases import Fault, Scene
from akeso.testing.recorded.machines import Gauge, Machinery

KNOWN = shipped_knowledge()
NODE = "node-7"
FLOW = Gauge(NODE, "rack.coolant.flow", 12.0, 3.0, unit="l/min")
HEAT = Gauge(NODE, "hw.temperature", 61.0, 93.0, 1, "Cel", (("hw.type", "cpu"),))
THROTTLES = Gauge(NODE, "node_cpu_core_throttles_total", 0.0, 40.0, 2, "1/s")
SLOW = Scene(Fault("quotes", self_ms=300), during=12)
LEAK = Machinery(SLOW, (FLOW, HEAT, THROTTLES), {"quotes": NODE})


def names(chain: Chain) -> list[str]:
    return [step.symptom.name for step in chain.steps]


def only(case: Case) -> Chain:
    found = chains(case, KNOWN)
    assert len(found) == 1, [names(c) for c in found]
    return found[0]


def test_a_leak_is_followed_from_the_coolant_to_slow_requests() -> None:
    chain = only(LEAK.case())
    head = ["coolant_leak", "overheating", "thermal_throttling", "slow_clock", "slow_instructions", "slow_work"]
    assert names(chain)[:6] == head
    assert (chain.root.service, chain.seen[3].service) == (NODE, "quotes")
    assert chain.inferred == 2
    assert "(processor cores run at a lower frequency than usual)" in chain.words


def test_the_machine_is_the_root_cause_and_its_fault_the_class() -> None:
    best = diagnose(LEAK.case(), list(build("evidence").values())).best
    assert best is not None
    assert (best.service, best.fault_class) == (NODE, "cooling_failure")


def test_without_the_machine_the_service_itself_is_blamed() -> None:
    best = diagnose(SLOW.case(), list(build("evidence").values())).best
    assert best is not None
    assert best.service == "quotes"
    assert Bridging().gather(SLOW.case()) == []


def test_a_machine_that_nobody_slow_stands_on_explains_nothing() -> None:
    assert chains(replace(LEAK, runs_on={"basket": NODE}).case(), KNOWN) == ()


def test_a_shared_host_connects_a_machine_with_what_runs_on_it() -> None:
    here = (("host.name", "m-17"),)
    gauges = tuple(replace(g, attributes=(*g.attributes, *here)) for g in (FLOW, HEAT, THROTTLES))
    runs = Gauge("quotes", "process.threads", 20.0, 20.0, attributes=here)
    together = Machinery(SLOW, (*gauges, runs))
    apart = Machinery(SLOW, (*gauges, replace(runs, attributes=(("host.name", "m-18"),))))
    assert only(together.case()).root.service == NODE
    assert chains(apart.case(), KNOWN) == ()


def test_what_begins_after_its_effect_is_not_its_cause() -> None:
    late = tuple(replace(g, starts=9) for g in (FLOW, HEAT, THROTTLES))
    assert chains(replace(LEAK, gauges=late).case(), KNOWN) == ()


def test_too_many_unseen_steps_are_no_chain() -> None:
    # From the coolant to slow work there are four steps in between.
    assert chains(replace(LEAK, gauges=(FLOW,)).case(), KNOWN) == ()


def test_log_lines_of_the_kernel_are_symptoms_too() -> None:
    logs = {(NODE, "CPU3: Core temperature above threshold, cpu clock throttled (total events = 12)"): 0}
    chain = only(Machinery(SLOW, runs_on={"quotes": NODE}, logs=logs).case())
    assert names(chain)[:2] == ["overheating", "thermal_throttling"]


def test_a_line_that_was_always_there_is_no_symptom() -> None:
    logs = {(NODE, "CPU3: Core temperature above threshold"): -SLOW.past}
    assert chains(Machinery(SLOW, runs_on={"quotes": NODE}, logs=logs).case(), KNOWN) == ()


@pytest.mark.parametrize(
    ("gauge", "first", "fault", "last"),
    [
        (Gauge("db-1", "system.disk.io_time", 0.05, 0.9), "io_latency", Fault("records", locks=5.0), "long_lock_times"),
        (Gauge("db-1", "node_timex_offset_seconds", 0.0, 42.0), "clock_drift", Fault("quotes", errors=0.4), ""),
        (Gauge("db-1", "DCGM_FI_DEV_POWER_VIOLATION", 0.0, 9.0), "power_capping", Fault("quotes", self_ms=300), ""),
        (Gauge("db-1", "node_pressure_memory_waiting_seconds_total", 0.0, 0.6), "memory_pressure",
         Fault("quotes", self_ms=300), "slow_work"),
        (Gauge("db-1", "node_netstat_Tcp_RetransSegs", 1.0, 90.0), "retransmits",
         Fault("buy", call_ms={"quotes": 400.0}), "slow_calls"),
        (Gauge("db-1", "system.cpu.utilization", 0.0, 0.4, attributes=(("cpu.mode", "steal"),)), "noisy_neighbour",
         Fault("quotes", self_ms=300), "slow_work"),
    ],
)  # fmt: skip
def test_faults_of_machines_are_sighted_by_the_names_exporters_give_them(
    gauge: Gauge, first: str, fault: Fault, last: str
) -> None:
    case = Machinery(Scene(fault, during=12), (gauge,), {fault.service: "db-1"}).case()
    assert first in {s.symptom.name for s in matches(case, KNOWN) if s.service == "db-1"}
    if last:
        found = [names(c) for c in chains(case, KNOWN) if c.root.symptom.name == first]
        assert last in {name for path in found for name in path}, found


def test_a_calm_case_has_no_chain_and_no_sighting_of_a_machine() -> None:
    calm = Machinery(Scene(during=12), tuple(replace(g, after=g.before) for g in (FLOW, HEAT)), {"quotes": NODE})
    assert chains(calm.case(), KNOWN) == ()
    assert [s for s in matches(calm.case(), KNOWN) if s.service == NODE] == []


def test_the_evidence_speaks_for_the_machine_and_against_the_service_at_its_end() -> None:
    found = {e.service: e for e in Bridging().gather(LEAK.case())}
    assert found[NODE].weight > 2.0
    assert "rack.coolant.flow of node-7 went from 12" in found[NODE].statement
    assert min(e.weight for e in found.values()) < 0


async def test_the_deterministic_text_tells_the_chain_link_by_link_with_its_sources() -> None:
    case = LEAK.case()
    said = await Deterministic().explain(case, diagnose(case, list(build("evidence").values())))
    lines = said.text.splitlines()
    start = lines.index("From the machine to the software:")
    assert "coolant is being lost or is not pumped round: rack.coolant.flow of node-7" in lines[start + 1]
    assert "therefore (heat is no longer carried away)" in lines[start + 2]
    assert any("ASHRAE" in c.source for claim in said.claims for c in claim.citations)
    numbers = [int(line.split(".")[0]) for line in lines if line[0].isdigit()]
    assert numbers == list(range(1, len(said.claims) + 1))


async def test_the_deterministic_text_tells_who_suffers_and_what_speaks_against() -> None:
    case = SLOW.case()
    said = await Deterministic().explain(case, diagnose(case, list(build("evidence").values())))
    assert "How it spread:" in said.text
    assert any(claim.text.startswith("buy calls quotes, which costs it") for claim in said.claims)
    assert all(claim.citations for claim in said.claims)


def test_signals_of_knowledge_are_those_that_akeso_derives() -> None:
    used = {signal for symptom in KNOWN.symptoms.values() for signal in symptom.signals}
    assert {Signal.LATENCY, Signal.LOCKS, Signal.ERRORS, Signal.BACKLOG} <= used
