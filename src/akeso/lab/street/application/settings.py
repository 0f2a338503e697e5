"""The settings of one service: the file that SETTINGS names."""

import os
import tomllib
from pathlib import Path
from typing import Any


def load() -> dict[str, Any]:
    return tomllib.loads(Path(os.environ["SETTINGS"]).read_text())
