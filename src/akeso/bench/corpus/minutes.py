"""Nezha: its faults."""

from collections.abc import Iterator
from pathlib import Path

from akeso.bench import nezha
from akeso.bench.corpus.known import Known, names


def cases(data: Path) -> Iterator[Known]:
    """Every fault of every day below a folder; nothing when it has none. Faults of one kind at one service belong
    together."""
    for each in nezha.labelled(data):
        group = f"nezha/{each.service}/{each.cause}"
        yield Known("nezha", each.name, group, each.case, names(each.service))
