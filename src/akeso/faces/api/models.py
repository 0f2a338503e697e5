"""REST for versions of the detection model, for ground truth, and for how the pipeline itself is."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from akeso.domain.detection.detection_model import Alias, ModelVersion
from akeso.domain.estate.access import Caller, Role
from akeso.domain.messages import Feedback
from akeso.domain.renamed import with_old_names
from akeso.faces.api.access import require, require_installation, system_of
from akeso.faces.api.bodies import Labels, NewVersion, Reason, SafeModeSwitch, Training
from akeso.faces.api.label_book import LabelBook
from akeso.ports.bus import Topic
from akeso.ports.pipeline import Actor
from akeso.stages.model.sequential import bounds, evidence, outcome

router = APIRouter(prefix="/api/v1", tags=["models"])
Operator = Annotated[Caller, Depends(require(Role.OPERATOR))]
Owner = Annotated[Caller, Depends(require_installation(Role.ADMIN))]
Reader = Annotated[Caller, Depends(require_installation(Role.VIEWER))]


@router.get("/models")
async def list_models(request: Request, caller: Reader) -> dict[str, Any]:
    """Versions of the detection model, newest first, and where the aliases point."""
    del caller
    pipeline = system_of(request).detection.pipeline
    aliases = await pipeline.registry.aliases()
    found = [version_view(made, aliases) for made in await pipeline.registry.versions()]
    return {"deciding": pipeline.model, "safe_mode": pipeline.safe_mode, "versions": found}


@router.get("/models/compare")
async def compare_models(request: Request, caller: Reader) -> dict[str, Any]:
    """Champion against challenger: decisions that people judged, alarms, time, and what the sequential test says."""
    del caller
    detection = system_of(request).detection
    shadow, test = detection.evaluation.shadow, detection.evaluation.test
    low, high = bounds(test)
    said: dict[str, Any] = {"champion": detection.pipeline.model, "challenger": shadow.version if shadow else None}
    if shadow is None:
        return said
    paired = shadow.paired
    return said | {
        "frames": shadow.frames,
        "judged": paired.total,
        "both_right": paired.right,
        "both_wrong": paired.wrong,
        "only_challenger_right": paired.challenger,
        "only_champion_right": paired.champion,
        "champion_alarms": detection.evaluation.alarms,
        "challenger_alarms": shadow.record.alarms,
        "challenger_ms": shadow.latency_ms / shadow.frames if shadow.frames else None,
        "evidence": evidence(paired, test),
        "rejects_at": low,
        "promotes_at": high,
        "outcome": outcome(paired, test).value,
    }


@router.get("/models/{version}")
async def show_model(request: Request, caller: Reader, version: str) -> dict[str, Any]:
    """One version."""
    del caller
    registry = system_of(request).detection.pipeline.registry
    return version_view(await registry.get(version), await registry.aliases())


@router.post("/models", status_code=201)
async def register_model(request: Request, caller: Owner, body: NewVersion) -> dict[str, Any]:
    """Register what the detectors know now as a version; nothing else changes."""
    pipeline = system_of(request).detection.pipeline
    made = await pipeline.take(Actor(caller.name, body.reason), body.threshold)
    return version_view(made, await pipeline.registry.aliases())


@router.post("/models/retrain", status_code=201)
async def retrain_model(request: Request, caller: Owner, body: Training) -> dict[str, Any]:
    """Train a version on recent features and on labels; it challenges the champion unless told otherwise."""
    pipeline = system_of(request).detection.pipeline
    by = Actor(caller.name, body.reason or "trained on request")
    window = timedelta(seconds=body.window_seconds) if body.window_seconds else None
    made = await pipeline.retrain(by, window)
    if body.challenge:
        await pipeline.challenge(made.version, by)
    return version_view(made, await pipeline.registry.aliases())


@router.post("/models/rollback")
async def roll_back_model(request: Request, caller: Owner, body: Reason) -> dict[str, Any]:
    """Let the version decide that did before."""
    pipeline = system_of(request).detection.pipeline
    made = await pipeline.roll_back(Actor(caller.name, body.reason))
    return version_view(made, await pipeline.registry.aliases())


@router.post("/models/{version}/promote")
async def promote_model(request: Request, caller: Owner, version: str, body: Reason) -> dict[str, Any]:
    """Let a version decide; the answer comes once it does."""
    pipeline = system_of(request).detection.pipeline
    made = await pipeline.promote(version, Actor(caller.name, body.reason))
    return version_view(made, await pipeline.registry.aliases())


@router.post("/models/{version}/challenge")
async def challenge_model(request: Request, caller: Owner, version: str, body: Reason) -> dict[str, Any]:
    """Let a version score beside the champion until the sequential test has decided. Version “none” ends it."""
    pipeline = system_of(request).detection.pipeline
    wanted = "" if version == "none" else version
    await pipeline.challenge(wanted, Actor(caller.name, body.reason))
    return {"challenger": wanted or None}


@router.post("/feedback", status_code=202)
async def give_labels(request: Request, caller: Operator, body: Labels) -> dict[str, Any]:
    """Ground truth on decisions: was a service anomalous at that time? What Akeso decided then is looked up, unless
    an administrator's label says it. The pipeline is judged by labels of administrators, and by what two others say
    alike. Labels of programs (`automatic`) are not written into incidents."""
    system = system_of(request)
    book = _label_book(request)
    predicted = system.detection.evaluation.predicted
    said = []
    for label in body.labels:
        at = label.at or system.clock.now()
        # What Akeso decided is known better by the caller only where the caller is trusted with the model itself.
        own = label.predicted if caller.role >= Role.ADMIN else None
        held = predicted(caller.tenant, label.service, at) if own is None else own
        by = "" if body.automatic else caller.name
        counts = book.counts(caller, label.service, at, anomalous=label.anomalous)
        said.append(Feedback(caller.tenant, label.service, at, label.anomalous, held, by, counts))
    for feedback in said:
        await system.bus.publish(Topic.FEEDBACK, feedback.service, feedback)
    return {"accepted": len(said), "agreed": sum(each.anomalous == each.predicted for each in said)}


def _label_book(request: Request) -> LabelBook:
    state = request.app.state
    if not hasattr(state, "labels"):
        state.labels = LabelBook()
    book: LabelBook = state.labels
    return book


@router.get("/pipeline")
async def show_pipeline(request: Request, caller: Reader) -> dict[str, Any]:
    """How Akeso's own pipeline is: latency, accuracy, drift, heartbeats, and what is wrong with it. Deprecated, for one
    release: `complaints`, now `findings`."""
    del caller
    system = system_of(request)
    monitoring, pipeline = system.detection.monitoring, system.detection.pipeline
    now = system.clock.now()
    findings = [{"agent": f.agent, "fault_class": f.fault_class, "statement": f.statement} for f in monitoring.findings]
    return {
        "model": pipeline.model,
        "threshold": pipeline.threshold,
        "safe_mode": pipeline.safe_mode,
        **{name: None if math.isnan(value) else value for name, value in monitoring.numbers.items()},
        "agents": {
            name: {"alive": alive, "silent_s": _since(now, monitoring.beats.get(name))}
            for name, alive in system.supervisor.alive.items()
        },
        **with_old_names({"findings": findings}, "pipeline"),
    }


@router.post("/pipeline/safe-mode")
async def switch_safe_mode(request: Request, caller: Owner, body: SafeModeSwitch) -> dict[str, Any]:
    """Rules instead of learned models, or learned models again."""
    by = Actor(caller.name, body.reason)
    await system_of(request).detection.pipeline.configure("safe_mode", "on" if body.on else "off", by)
    return {"safe_mode": body.on}


def version_view(made: ModelVersion, aliases: Mapping[Alias, str]) -> dict[str, Any]:
    """A version as JSON."""
    return {
        "version": made.version,
        "aliases": [alias.value for alias, version in aliases.items() if version == made.version],
        "created_at": made.created_at.isoformat().replace("+00:00", "Z"),
        "by": made.by,
        "reason": made.reason,
        "parent": made.parent or None,
        "threshold": made.threshold,
        "series": made.series,
        "metrics": dict(made.metrics),
    }


def _since(now: datetime, beat: datetime | None) -> float | None:
    return None if beat is None else round((now - beat).total_seconds(), 2)
