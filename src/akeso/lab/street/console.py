"""How the street shows things on a terminal."""

from collections.abc import Sequence

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
