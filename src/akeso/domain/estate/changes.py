"""Which changes still stand."""

from collections.abc import Iterable

from akeso.domain.telemetry.batches import Change

# Kind of change → the kind it takes back.
_TAKES_BACK = {"rollback": "deploy", "revert": "config"}


def standing(changes: Iterable[Change]) -> tuple[Change, ...]:
    """The changes that no later rollback or revert of the same service took back, in their order."""
    known = tuple(changes)
    undone = [(c.service, _TAKES_BACK[c.kind], c.at) for c in known if c.kind in _TAKES_BACK]
    return tuple(
        change
        for change in known
        if not any((service, kind) == (change.service, change.kind) and at > change.at for service, kind, at in undone)
    )
