"""Every fault by name, and the happenings that are none."""

from akeso.lab.errors import UnknownFault
from akeso.lab.street.faults import changes, database, dependencies, life, load, machine, processes
from akeso.lab.street.faults.fault import Fault

FAMILIES = (dependencies, processes, changes, database, machine, load, life)
FAULTS: dict[str, Fault] = {fault.name: fault for family in FAMILIES for fault in family.FAULTS}


def chosen(names: str) -> tuple[Fault, ...]:
    """The faults of a comma-separated list, `all`, `faults` without the benign, or `benign`. Raises UnknownFault."""
    match names:
        case "all":
            return tuple(FAULTS.values())
        case "faults" | "benign":
            return tuple(fault for fault in FAULTS.values() if fault.benign == (names == "benign"))
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in FAULTS]
    if unknown or not wanted:
        raise UnknownFault(f"unknown faults: {', '.join(unknown) or repr(names)}; known: {', '.join(FAULTS)}")
    return tuple(FAULTS[name] for name in wanted)
