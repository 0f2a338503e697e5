"""Programs that people on the street start by hand, and the visitors."""

import sys
from importlib import resources

from akeso.lab.street.folder import StreetFolder
from akeso.lab.street.stack.facts import Addresses
from akeso.lab.street.stack.programs import Program
from akeso.lab.street.stack.services import street_python

ANALYST, REPORT, BACKUP = "analyst", "report", "backup"
CONNECTIONS = 100
COMPRESSORS = 8


def people_programs(folder: StreetFolder, addresses: Addresses) -> tuple[Program, ...]:
    """An analyst with a lock, a report that opens connections, a backup that compresses, and the visitors."""
    script = folder.at("people") / "analyst.py"
    script.write_text(resources.files("akeso.lab.street.application").joinpath("analyst.py").read_text())
    shell = [str(street_python()), str(script)]
    database = {"DATABASE_URL": addresses.database}
    compress = "for n in $(seq " + str(COMPRESSORS) + "); do gzip -9 </dev/urandom >/dev/null & done; wait"
    visitors = [sys.executable, "-m", "akeso.lab.street.visitors", str(folder.path)]
    return (
        Program(ANALYST, [*shell, "lock", "loans"], phase=None, environment=database),
        Program(REPORT, [*shell, "connect", str(CONNECTIONS)], phase=None, environment=database),
        Program(BACKUP, ["/bin/sh", "-c", compress], phase=None),
        Program("visitors", visitors, phase=3),
    )
