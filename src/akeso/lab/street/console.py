"""How the street shows things on a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.table import Table

from akeso.lab.street.check import Proof
from akeso.lab.street.faults.fault import Fault


def faults_table(faults: Sequence[Fault]) -> Table:
    """What can be brought about."""
    table = Table("Fault", "Family", "What happens", "Undone by", "The truth", "Kinds", "Whom it hurts", "Needs")
    for fault in faults:
        truth = fault.truth
        table.add_row(
            fault.name,
            fault.family,
            fault.about,
            fault.undone,
            truth.entities[0] if truth.entities else "nobody is worse off",
            ", ".join(truth.kinds),
            ", ".join(truth.hurts),
            ", ".join(fault.needs),
        )
    return table


def proofs_table(proofs: Sequence[Proof]) -> Table:
    """What `akeso lab street check` found."""
    table = Table("Fault", "Hurt after", "Seen as", "Well after undoing", "Left over", "Holds")
    for proof in proofs:
        hurt = "-" if proof.hurt_after_s is None else f"{proof.hurt_after_s:.1f} s"
        table.add_row(
            proof.fault,
            f"{proof.pain_s:.1f} s in all" if proof.benign else hurt,
            proof.error or "; ".join(proof.reasons[:1]),
            "-" if proof.well_after_s is None else f"{proof.well_after_s:.1f} s",
            "; ".join(proof.left_over),
            "yes" if proof.holds else "NO",
        )
    return table


def cases_table(report: dict[str, Any]) -> Table:
    """Every case of a report."""
    table = Table("Fault", "Hurt", "Delay", "Blamed", "Kind", "Effects", "Incidents", "Ended", "First alert")
    for case in report["cases"]:
        ranked, kind, alert = case["cause"]["ranked"], case["kind"], case["baseline"]
        effects = ", ".join(case["effects"]["applied"]) or "-"
        table.add_row(
            f"{case['fault']}{' (benign)' if case['benign'] else ''}",
            _seconds(case["hurt_after_s"]),
            _seconds(case["delay_s"]) if case["noticed"] or case["benign"] else "not noticed",
            f"{_mark(case['cause']['first'])} {ranked[0] if ranked else '-'}",
            f"{_mark(kind['right'])} {kind['got'] or '-'}",
            f"{effects}{' (unneeded)' if case['effects']['unneeded'] else ''}",
            str(len(case["incidents"])),
            "yes" if case["ended"] else "no",
            f"{_mark(alert['right'])} {alert['alert'] or '-'} {alert['entity'] or ''} {_seconds(alert['delay_s'])}",
        )
    return table


SUMMARY = (
    ("noticed", "Noticed while it was there"),
    ("median_delay_s", "Median delay of detection, s"),
    ("cause_first", "Cause first, by the first incident"),
    ("cause_named_by_any", "Cause first, by any incident"),
    ("kind_right", "Kind right"),
    ("right_proposal", "An acceptable step proposed"),
    ("right_effect", "An acceptable effect"),
    ("well_before_undone", "Well before the undoing"),
    ("faults_with_unneeded_effects", "Faults with an unneeded effect"),
    ("incidents_per_fault", "Incidents a fault"),
    ("all_ended", "Everything ended"),
    ("benign", "Benign happenings"),
    ("benign_with_incidents", "Benign with an incident"),
    ("benign_with_effects", "Benign with an effect"),
    ("life_false_incidents", "False incidents in normal life"),
    ("life_effects", "Effects in normal life"),
    ("life_pain_s", "Visitors hurt in normal life all the same, s"),
)
BASELINE = (
    ("noticed", "First alert: fired"),
    ("median_delay_s", "First alert: median delay, s"),
    ("cause_first", "First alert: names the cause"),
    ("life_false_alerts", "First alert: false ones in normal life"),
)


def summary_table(report: dict[str, Any]) -> Table:
    """The numbers that count."""
    summary = report["summary"]
    table = Table("Measure", "Value", title=f"{summary['faults']} faults, told by {report['about']['way']}")
    for key, title in SUMMARY:
        table.add_row(title, _number(summary[key]))
    for key, title in BASELINE:
        table.add_row(title, _number(summary["baseline"][key]))
    for each in summary["not_counted"]:
        table.add_row("Not counted", each)
    return table


def _mark(right: bool) -> str:
    return "✓" if right else "✗"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
