"""The claim of a diagnosis, and the process that tries to refute it: in time, late, dead or talking nonsense."""

import asyncio
import sys
from datetime import timedelta

import numpy as np
import pytest

from akeso.causal.effect import Effect, NotEstimable, Trial, by_regression
from akeso.domain.errors import InvalidSettings
from akeso.domain.incident.diagnosis import Diagnosis, Hypothesis
from akeso.plugins.discovery import build
from akeso.plugins.reasoners._refutation import worker as module
from akeso.plugins.reasoners._refutation.worker import Worker, WorkerOptions, require
from akeso.plugins.reasoners.refuting import Refuting
from akeso.stages.diagnosis.causal_claim import Claimed, claim_of
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.testing.recorded.cases import Fault, Scene

SICK = Scene(Fault("quotes", self_ms=300), during=12).case()
DIAGNOSIS = diagnose(SICK, tuple(build("evidence").values()))
TRIAL = Trial(np.arange(30.0), np.arange(30.0) * 2.0, np.zeros((30, 0)))
TICK = timedelta(seconds=0.4)

_GREETS = "import sys, time; print('{\"ready\": true}', flush=True)\n"
ANSWERS = _GREETS + (
    "for line in sys.stdin:\n"
    '    print(\'{"estimate": 2.0, "attempts": [{"attempt": "placebo", "mean": 0.0, "p": 0.4, "holds": true}]}\','
    " flush=True)\n"
)
HANGS = _GREETS + "sys.stdin.readline()\ntime.sleep(600)\n"
DIES = _GREETS + "sys.stdin.readline()\nsys.exit(3)\n"
BABBLES = _GREETS + "sys.stdin.readline()\nprint('what?', flush=True)\ntime.sleep(600)\n"
COMPLAINS = _GREETS + 'sys.stdin.readline()\nprint(\'{"error": "KeyError: 0"}\', flush=True)\ntime.sleep(600)\n'


def worker(script: str, within: timedelta = timedelta(seconds=20)) -> Worker:
    return Worker(WorkerOptions(within=within, command=(sys.executable, "-c", script)))


def test_the_claim_is_that_the_cause_makes_those_slower_who_wait_for_it() -> None:
    claimed = claim_of(SICK, DIAGNOSIS)
    assert isinstance(claimed, Claimed)
    assert claimed.cause.service == "quotes"
    assert claimed.effect.service in SICK.topology.upstream("quotes")
    assert {key.service for key in claimed.controlled} == {"quotes", claimed.effect.service}
    effect = by_regression(claimed.trial, lags=10)
    assert isinstance(effect, Effect)
    assert effect.low > 0.0


def test_a_cause_that_is_not_measured_is_tested_by_what_its_callers_see() -> None:
    case = Scene(Fault("charge", call_ms={"acquirer": 900}), during=12).case()
    claimed = claim_of(case, diagnose(case, tuple(build("evidence").values())))
    assert isinstance(claimed, Claimed)
    assert ("peer", "acquirer") in claimed.cause.attributes


@pytest.mark.parametrize(
    ("diagnosis", "why"),
    [
        (Diagnosis((), known=False), "no cause"),
        (Diagnosis((Hypothesis("basket", "unknown", 0.5),), known=True), "no series shows"),
        (Diagnosis((Hypothesis("web", "unknown", 0.5),), known=True), "nobody who waits"),
    ],
)
def test_where_there_is_nothing_to_test_it_is_said_why(diagnosis: Diagnosis, why: str) -> None:
    found = claim_of(SICK, diagnosis)
    assert isinstance(found, NotEstimable)
    assert why in found.why


async def test_an_answer_in_time_is_given_and_the_process_stays_warm() -> None:
    asked = worker(ANSWERS)
    try:
        for _ in range(2):
            found = await asked.refute(TRIAL)
            assert not isinstance(found, NotEstimable)
            assert [(each.attempt, each.holds) for each in found] == [("placebo", True)]
        first = asked.pid
        await asked.refute(TRIAL)
        assert asked.pid == first
    finally:
        await asked.close()
    assert asked.pid is None


async def test_a_process_that_hangs_is_killed_and_meanwhile_the_loop_goes_on() -> None:
    asked = worker(HANGS, TICK)
    asking = asyncio.ensure_future(asked.refute(TRIAL))
    turns = 0
    while not asking.done():
        turns += 1
        await asyncio.sleep(0.005)
    found = asking.result()
    assert isinstance(found, NotEstimable)
    assert "no answer within 0.4 s" in found.why
    assert asked.pid is None
    assert turns > 10
    # The next trial gets a process of its own.
    again = await asked.refute(TRIAL)
    assert isinstance(again, NotEstimable)


@pytest.mark.parametrize(("script", "why"), [(DIES, "it ended"), (BABBLES, "failed"), (COMPLAINS, "KeyError")])
async def test_a_process_that_fails_is_told_of(script: str, why: str) -> None:
    asked = worker(script)
    try:
        found = await asked.refute(TRIAL)
    finally:
        await asked.close()
    assert isinstance(found, NotEstimable)
    assert why in found.why


async def test_who_stops_waiting_leaves_no_process_behind() -> None:
    asked = worker(HANGS)
    asking = asyncio.ensure_future(asked.refute(TRIAL))
    await asyncio.wait({asking}, timeout=1.0)
    assert asked.pid is not None
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert asked.pid is None


async def test_the_words_name_the_claim_and_what_became_of_it() -> None:
    reasoner = Refuting(worker=worker(ANSWERS))
    try:
        words = await reasoner.explain(SICK, DIAGNOSIS)
    finally:
        await reasoner.close()
    assert "of quotes →" in words.text
    assert "placebo: the effect stands" in words.text
    assert words.reasoner == "refuting"


def test_without_the_extra_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "installed", lambda: False)
    with pytest.raises(InvalidSettings, match=r"akeso\[causal\]"):
        require()
