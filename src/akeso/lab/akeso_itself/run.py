"""The whole run: a fresh Akeso a repeat, every scenario in turn, report.json."""

import asyncio
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import median
from typing import Any

from akeso.lab.akeso_itself.akeso_under_test import WINDOWS, AkesoUnderTest, akeso_under_test, seconds, until
from akeso.lab.akeso_itself.scenarios import SCENARIOS, Scenario, Ward
from akeso.lab.akeso_itself.senders import Senders
from akeso.lab.errors import NotReady, ShopError
from akeso.lab.shop.folder import write_atomically

FIRST_VERSION_WITHIN_S = 900.0
HEALED_WITHIN_S = 90.0
QUIET_S = 8.0
TERMINAL = frozenset({"RESOLVED", "ESCALATED", "FAILED", "SUPPRESSED"})
DEFINITIONS = {
    "detection_s": "from the fault to the incident's detection, by the journal",
    "mttr_s": "from the incident's detection to its verification as recovered, by the journal",
    "healed": "verified as recovered in the journal, and well by what the lab measures besides it",
}

Told = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class SelfOrder:
    """What is to be run. settings: of the Akeso that is under test, as `name=value`."""

    repeat: int
    seed: int
    out: Path
    settings: tuple[str, ...] = ()


async def score_self(order: SelfOrder, tell: Told) -> dict[str, Any]:
    """Every scenario; the report is also written to the folder. Raises LabError."""
    began, cases = time.time(), list[dict[str, Any]]()
    report: dict[str, Any] = {}
    about = {"seed": order.seed, "repeat": order.repeat, "settings": list(order.settings)}
    for number in range(order.repeat):
        async with akeso_under_test(_fresh(order.out / f"akeso-{number}"), order.settings) as akeso:
            cases += await _round(akeso, Random(f"{order.seed}/{number}"), number, tell)
        report = document(cases, about | {"took_s": round(time.time() - began, 1)})
        write_atomically(order.out / "report.json", json.dumps(report, indent=2) + "\n")
    return report


def document(cases: list[dict[str, Any]], about: dict[str, Any]) -> dict[str, Any]:
    """The report."""
    by_name = {s.name: [c for c in cases if c["scenario"] == s.name] for s in SCENARIOS}
    settings = {"windows": dict(WINDOWS), "definitions": DEFINITIONS, "load": round(os.getloadavg()[0], 2)}
    return {
        "cases": cases,
        "summary": _summary(cases) | {"by_scenario": {name: _summary(some) for name, some in by_name.items()}},
        "about": about | settings,
    }


def _summary(cases: list[dict[str, Any]]) -> dict[str, Any]:
    delays = [c["detection_s"] for c in cases if c["detection_s"] is not None]
    repairs = [c["mttr_s"] for c in cases if c["mttr_s"] is not None]
    return {
        "cases": len(cases),
        "detected": sum(c["incident"] is not None for c in cases),
        "healed": sum(c["healed"] for c in cases),
        "median_detection_s": round(median(delays), 2) if delays else None,
        "median_mttr_s": round(median(repairs), 2) if repairs else None,
        "longest_mttr_s": max(repairs, default=None),
    }


async def _round(akeso: AkesoUnderTest, random: Random, number: int, tell: Told) -> list[dict[str, Any]]:
    ward = Ward(akeso, Senders(akeso, random))
    sending = asyncio.create_task(ward.senders.run())
    try:
        tell(f"round {number + 1}: the model learns until its first version is registered")
        if not await until(lambda: _first(akeso), FIRST_VERSION_WITHIN_S):
            raise NotReady(f"no version of the model was registered within {FIRST_VERSION_WITHIN_S:.0f} s")
        cases = []
        for scenario in SCENARIOS:
            case = await _case(ward, scenario, number)
            cases.append(case)
            tell(told(case))
            await asyncio.sleep(QUIET_S)
        return cases
    finally:
        sending.cancel()
        with suppress(asyncio.CancelledError):
            await sending


async def _first(akeso: AkesoUnderTest) -> bool:
    return bool((await akeso.pipeline())["model"])


async def _case(ward: Ward, scenario: Scenario, number: int) -> dict[str, Any]:
    akeso, injected_at = ward.akeso_under_test, time.time()
    try:
        await scenario.inject(ward)
        found = await until(lambda: akeso.incident(scenario.fault_class, injected_at), scenario.within_s)
        ended = await until(lambda: _ended(akeso, scenario, injected_at), HEALED_WITHIN_S) if found else None
        well, measured = await scenario.truth(ward)
        case = await judged(akeso, scenario, injected_at, ended or found)
    finally:
        await scenario.clear(ward)
    healed = bool(well and case["verified"] == "recovered")
    return {"scenario": scenario.name, "repeat": number, **case, "measured": measured, "well": well, "healed": healed}


async def _ended(akeso: AkesoUnderTest, scenario: Scenario, since: float) -> dict[str, Any] | None:
    found = await akeso.incident(scenario.fault_class, since)
    if found is None or found["status"] not in TERMINAL:
        return None
    lines = await akeso.timeline(found["id"])
    return found if any(line["kind"] == "LessonLearned" for line in lines) else None


async def judged(
    akeso: AkesoUnderTest, scenario: Scenario, injected_at: float, incident: dict[str, Any] | None
) -> dict[str, Any]:
    """What the journal says of the case."""
    if incident is None:
        return {"incident": None, "status": None, "detection_s": None, "mttr_s": None, "verified": None, "journal": []}
    lines = await akeso.timeline(incident["id"])
    verified = next((e for e in reversed(lines) if e["kind"] == "VerificationMade"), None)
    recovered = verified is not None and verified["event"]["recovery"] == "recovered"
    detected_at = seconds(incident["detected_at"])
    decided = next((e["event"] for e in lines if e["kind"] == "PolicyDecided"), None)
    return {
        "incident": incident["id"],
        "status": incident["status"],
        "fault_class": {"expected": scenario.fault_class, "got": incident["fault_class"]},
        "confidence": incident["confidence"],
        "detection_s": round(detected_at - injected_at, 2),
        "mttr_s": round(seconds(verified["at"]) - detected_at, 2) if verified and recovered else None,
        "actions": [f"{a['action']} {a['target']}: {a['status']}" for a in incident["actions"] if a["intended_at"]],
        "policy": {"verdict": decided["verdict"], "by": decided["policy"]} if decided else None,
        "verified": verified["event"]["recovery"] if verified else None,
        "remembered": await akeso.remembers(incident["id"], f"{incident['service']} {incident['title']}"),
        "journal": [line["text"] for line in lines if line["text"]],
    }


def told(case: dict[str, Any]) -> str:
    """A case in a line."""
    if case["incident"] is None:
        return f"{case['scenario']}: not noticed; {case['measured']}"
    how = "healed" if case["healed"] else f"NOT healed ({case['status']}, verified: {case['verified']})"
    return (
        f"{case['scenario']}: detected after {case['detection_s']} s, {', '.join(case['actions']) or 'nothing done'}, "
        f"{how} {case['mttr_s']} s later; {case['measured']}"
    )


def _fresh(data: Path) -> Path:
    """What an Akeso of an earlier run learnt must not help this one. Raises ShopError for a folder that is none."""
    if data.exists():
        if not (data / "akeso.log").exists():
            raise ShopError(f"{data} is not the data folder of an earlier run")
        shutil.rmtree(data)
    return data
