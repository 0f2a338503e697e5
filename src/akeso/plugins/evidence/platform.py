"""Evidence from the platform: what its orchestrator, registry, scheduler, probes and names say."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from akeso.domain.incident.case import Case, LogPattern
from akeso.domain.incident.diagnosis import Evidence, FaultClass
from akeso.stages.diagnosis.incident_time import of_the_incident

CAPACITY = "capacity_exhaustion"
NODE_FAILURE = "node_failure"
_WARNING = 13
_PASSED_ON = frozenset({FaultClass.SLOW_DEPENDENCY, FaultClass.ERROR_BURST})


@dataclass(frozen=True, slots=True)
class _Cue:
    """Words that Kubernetes, container runtimes and resolvers use. odds: of the class; telling: as its cause."""

    words: re.Pattern[str]
    kind: str
    odds: float
    means: str


def _cue(words: str, kind: str, odds: float, means: str) -> _Cue:
    return _Cue(re.compile(words, re.IGNORECASE), kind, odds, means)


# A cause weighs more than what follows from it: a container in back-off says nothing of why.
_CUES = (
    _cue(
        r"manifest unknown|failed to pull image|imagepullbackoff|errimagepull|invalidimagename",
        "bad_release",
        5.0,
        "the image cannot be pulled",
    ),
    _cue(
        r"oomkilled|memory[ _]?pressure|out of memory|exit code:? 137|\boom\b.*kill",
        "memory_leak",
        5.0,
        "it ran out of memory",
    ),
    _cue(
        r"liveness probe failed|failed liveness probe",
        "bad_configuration",
        5.0,
        "its liveness probe fails and the container is restarted for it",
    ),
    _cue(r"readiness probe failed", "bad_configuration", 3.0, "its readiness probe fails, so it gets no requests"),
    _cue(
        r"\benotfound\b|no such host|name or service not known|(unable|could not|failure).{0,20}resol|nxdomain|"
        r"temporary failure in name",
        "bad_configuration",
        4.5,
        "DNS does not resolve a name that it needs",
    ),
    _cue(
        r"createcontainerconfigerror|(secret|configmap)\b.{0,80}not found|(env|environment).{0,40}not set|"
        r"configuration error|invalid configuration|missing required",
        "bad_configuration",
        5.0,
        "its configuration lacks something or is wrong",
    ),
    _cue(
        r"failedmount|unable to (attach|mount)|x509|certificate (has )?expired|\bforbidden\b|access ?denied",
        "bad_configuration",
        4.0,
        "it may not or cannot use what it is given",
    ),
    _cue(
        r"progressdeadlineexceeded",
        "bad_release",
        4.0,
        "the rollout of the deployment is stuck: its new ReplicaSet does not become available",
    ),
    _cue(
        r"exceeded quota|failedscheduling|insufficient (cpu|memory|pods)|unschedulable",
        CAPACITY,
        4.0,
        "there is no room to schedule it",
    ),
    _cue(r"evicted|ephemeral-storage|disk[ _]?pressure|no space left", "disk_pressure", 4.5, "the disk is full"),
    _cue(
        r"nodenotready|node .{0,60}not ?ready|node .{0,60}unreachable|kubelet stopped posting",
        NODE_FAILURE,
        5.0,
        "the node that it runs on is not ready",
    ),
    _cue(
        r"nullpointer|typeerror|keyerror|panic:|segmentation fault|unhandled exception|traceback",
        "error_burst",
        1.0,
        "its code fails",
    ),
    _cue(
        r"econnrefused|connection refused|upstream (connect|request) (error|timeout)",
        "slow_dependency",
        2.5,
        "what it depends on does not answer",
    ),
    _cue(r"crashloopbackoff|back-off restarting", FaultClass.CRASH_LOOP, 1.5, "a container restarts again and again"),
)


class Platform:
    """Warnings of the platform that still go on speak for the service whose pods they concern.

    `recent_s`: a warning that was last given longer ago, or before the incident began, is history.
    """

    name = "platform"

    def __init__(self, weight: float = 2.0, recent_s: float = 900.0) -> None:
        self._weight = weight
        self._recent_s = recent_s

    def gather(self, case: Case) -> Sequence[Evidence]:
        found: dict[tuple[str, str], Evidence] = {}
        for evidence in self._all(case):
            key = (evidence.service, evidence.statement.partition(":")[0])
            if key not in found or evidence.weight > found[key].weight:
                found[key] = evidence
        return list(found.values())

    def _all(self, case: Case) -> Iterator[Evidence]:
        lately = of_the_incident(case, self._recent_s)
        for pattern in case.logs:
            goes_on = len(pattern.counts) == len(lately) and float(pattern.counts[lately].sum()) > 0
            if pattern.severity >= _WARNING and goes_on:
                yield from (self._finding(cue, pattern) for cue in _CUES if cue.words.search(pattern.example))

    def _finding(self, cue: _Cue, pattern: LogPattern) -> Evidence:
        said = f"{pattern.service}, {cue.means}: “{pattern.example}”"
        # A service whose requests fail may only pass on what others tell it: that says nothing of the cause.
        weight = 0.0 if cue.kind in _PASSED_ON else self._weight * min(1.0, cue.odds / 4.0)
        return Evidence(self.name, pattern.service, said, weight, {cue.kind: cue.odds})
