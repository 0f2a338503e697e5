"""OpenSRE: alerts with documents beside them. Right is who names the category of the answer; a healthy one has none."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from akeso.bench.corpus.known import Known, never
from akeso.bench.datasets.incident_documents import read_case
from akeso.bench.incidents import HEALTHY, category_of
from akeso.domain.incident.diagnosis import Diagnosis


def cases(data: Path) -> Iterator[Known]:
    """Every folder with an alert and an answer."""
    for alert in sorted(data.glob("*/*/alert.json")):
        answer = alert.parent / "answer.yml"
        if not answer.exists():
            continue
        category = str(yaml.safe_load(answer.read_text(encoding="utf-8"))["root_cause_category"])
        case, _ = read_case(alert.parent, json.loads(alert.read_text(encoding="utf-8")))
        name, kind = str(alert.parent.relative_to(data)), alert.parent.parent.name
        if category == HEALTHY:
            yield Known("opensre", name, f"opensre/{kind}/healthy", case, never)
        else:
            yield Known("opensre", name, f"opensre/{kind}/{category}", case, _Category(category))


class _Category:
    def __init__(self, category: str) -> None:
        self._category = category

    def __call__(self, diagnosis: Diagnosis) -> bool:
        return diagnosis.best is not None and category_of(diagnosis.best) == self._category
