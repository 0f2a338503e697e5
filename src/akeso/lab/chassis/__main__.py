"""`python -m akeso.lab.chassis SERVICE INSTANCE RUN-FOLDER` is one process of the shop."""

import logging
import os
import sys
from pathlib import Path

from akeso.lab.chassis.identity import Identity
from akeso.lab.chassis.process import run
from akeso.lab.shop.folder import RunFolder


def main() -> int:
    """Serve until told to stop."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    service, instance, folder = sys.argv[1:4]
    return run(Identity.of_process(service, instance, RunFolder(Path(folder))), os.getpid())


if __name__ == "__main__":
    sys.exit(main())
