"""How the lab shows things on a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from akeso.lab.check import Proof
from akeso.lab.faults.fault import Fault
from akeso.lab.faults.register import FAULTS

SUMMARY = (
    ("detected", "Detected", "share"),
    ("root_cause_first", "Root-cause service first", "share"),
    ("fault_class", "Fault class named", "share"),
    ("acceptable_action", "Acceptable action", "share"),
    ("healed", "Healed (visitors' view)", "share"),
    ("median_delay_s", "Median delay of detection", "seconds"),
    ("median_time_to_heal_s", "Median time to heal", "seconds"),
    ("incidents_per_case", "Incidents a case", "number"),
    ("false_incidents", "False incidents in the calm", "number"),
    ("cases_with_unneeded_actions", "Cases with an unneeded action", "share"),
    ("unneeded_actions", "Unneeded actions", "number"),
)


def faults_table(faults: Sequence[Fault]) -> Table:
    """What can be injected."""
    table = Table("Fault", "Class", "Targets", "Acceptable actions")
    for fault in faults:
        table.add_row(fault.name, fault.fault_class, ", ".join(fault.targets), ", ".join(fault.remedies))
    return table


def proofs_table(proofs: Sequence[Proof]) -> Table:
    """What `akeso lab check` found."""
    table = Table("Fault", "Target", "Parameters", "Hurt after", "Seen as", "Healed after remedy", "Holds")
    for proof in proofs:
        table.add_row(
            proof.fault,
            proof.target,
            proof.parameters,
            _seconds(proof.hurt_after_s),
            "; ".join(proof.reasons[:1]),
            _seconds(proof.healed_after_s),
            "yes" if proof.holds(FAULTS[proof.fault].hurts_within_s) else "NO",
        )
    return table


def cases_table(report: dict[str, Any]) -> Table:
    """Every case of a report."""
    table = Table("Fault", "Target", "Delay", "Blamed", "Class", "Actions", "Healed after", "Confidence")
    for case in report["cases"]:
        ranked, named = case["root_cause"]["ranked"], case["fault_class"]["got"]
        right = ranked[:1] == [case["root_cause"]["expected"]]
        actions = ", ".join(f"{each['action']} {each['target']}" for each in case["actions"]["applied"])
        table.add_row(
            case["fault"],
            case["target"],
            _seconds(case["delay_s"]),
            f"{'✓' if right else '✗'} {ranked[0] if ranked else '-'}",
            f"{'✓' if named == case['fault_class']['expected'] else '✗'} {named or '-'}",
            f"{actions or '-'}{' (unneeded)' if case['unneeded_actions'] else ''}",
            _seconds(case["time_to_heal_s"]) if case["healed"] else "not healed",
            "-" if case["confidence"] is None else f"{case['confidence']:.2f}",
        )
    return table


def summary_table(report: dict[str, Any]) -> Table:
    """The numbers that count."""
    table = Table("Measure", "Value", title=f"{report['summary']['cases']} cases")
    for key, title, unit in SUMMARY:
        table.add_row(title, _shown(report["summary"][key], unit))
    return table


def self_table(report: dict[str, Any]) -> Table:
    """Every case in which Akeso itself was under test."""
    table = Table("Fault", "Detected after", "Repaired after", "Actions", "Policy", "Verified", "Healed")
    for case in report["cases"]:
        policy = case.get("policy") or {}
        table.add_row(
            case["scenario"],
            _seconds(case["detection_s"]),
            _seconds(case["mttr_s"]),
            "; ".join(case.get("actions", ())) or "-",
            policy.get("by", "-"),
            case["verified"] or "-",
            "yes" if case["healed"] else "NO",
        )
    summary = report["summary"]
    table.caption = (
        f"{summary['healed']} of {summary['cases']} healed; medians: detected after "
        f"{_seconds(summary['median_detection_s'])}, repaired after {_seconds(summary['median_mttr_s'])}"
    )
    return table


def _shown(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return {"share": f"{100 * value:.0f} %", "seconds": f"{value:.1f} s", "number": f"{value:g}"}[unit]


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
