"""Every fault class, as it shows in a small system, is found at the right service and called by its name."""

from dataclasses import dataclass, replace

import pytest

from akeso.domain.incident.diagnosis import FaultClass
from akeso.plugins.discovery import build
from akeso.stages.diagnosis.diagnose import diagnose
from akeso.testing.recorded.cases import Fault, Scene

PROVIDERS = list(build("evidence").values())
SEEDS = range(4)
SLOTS = (4, 6)
INFO, ERROR, FATAL = 9, 17, 21


@dataclass(frozen=True)
class Known:
    scene: Scene
    service: str
    fault_class: str


def _deployed(service: str, before_s: float = 4.0) -> tuple[tuple[str, str, float], ...]:
    return ((service, "deploy", before_s),)


KNOWN = {
    "a slow leaf": Known(Scene(Fault("quotes", self_ms=300)), "quotes", FaultClass.LATENCY_DEGRADATION),
    "a slow middle": Known(Scene(Fault("buy", self_ms=500)), "buy", FaultClass.LATENCY_DEGRADATION),
    "a slow front": Known(Scene(Fault("web", self_ms=150)), "web", FaultClass.LATENCY_DEGRADATION),
    "failures of a leaf": Known(Scene(Fault("basket", errors=0.4)), "basket", FaultClass.ERROR_BURST),
    "failures of a middle": Known(Scene(Fault("buy", errors=0.5)), "buy", FaultClass.ERROR_BURST),
    "failures after a deploy": Known(
        Scene(Fault("quotes", errors=0.6), changes=_deployed("quotes")), "quotes", FaultClass.BAD_RELEASE
    ),
    "slowness after a deploy, another deploy long ago": Known(
        Scene(Fault("stock", self_ms=150), changes=(*_deployed("stock"), *_deployed("items", 200.0))),
        "stock",
        FaultClass.BAD_RELEASE,
    ),
    "a dead leaf": Known(Scene(Fault("quotes", down=True)), "quotes", FaultClass.CRASH),
    "a dead middle": Known(Scene(Fault("buy", down=True)), "buy", FaultClass.CRASH),
    "a dead callee that its callers name": Known(
        Scene(Fault("stock", down=True), logs={("items", "stock at 10.0.0.7:4444 refused the connection", ERROR): 5.0}),
        "stock",
        FaultClass.CRASH,
    ),
    "a version that does not start": Known(
        Scene(
            Fault("quotes", down=True),
            changes=_deployed("quotes", 3.0),
            logs={("quotes", "quotes 2.0.0 cannot start: no module named prices", FATAL): 1.0},
        ),
        "quotes",
        FaultClass.CRASH_LOOP,
    ),
    "a death some time after a good deploy": Known(
        Scene(Fault("quotes", down=True), changes=_deployed("quotes", 20.0)), "quotes", FaultClass.CRASH
    ),
    "a busy processor that makes calls look slow": Known(
        Scene(Fault("items", self_ms=60, cpu=0.9, call_ms={"stock": 40})), "items", FaultClass.CPU_SATURATION
    ),
    "a busy processor before an unseen callee": Known(
        Scene(Fault("charge", self_ms=40, cpu=0.9, call_ms={"acquirer": 60})), "charge", FaultClass.CPU_SATURATION
    ),
    "memory at its limit": Known(
        Scene(
            Fault("basket", errors=0.9, leak_per_s=18e6),
            logs={("basket", "memory limit exceeded: 171 MiB of 170 MiB", ERROR): 5.0},
        ),
        "basket",
        FaultClass.MEMORY_LEAK,
    ),
    "memory that climbs before it hurts": Known(
        Scene(Fault("basket", leak_per_s=8e6)), "basket", FaultClass.MEMORY_LEAK
    ),
    "a held lock": Known(Scene(Fault("records", locks=4.0)), "records", FaultClass.LOCK_CONTENTION),
    "a pool without free connections": Known(
        Scene(Fault("stock", pool_full=True, call_ms={"records": 900}, call_errors={"records": 0.7})),
        "stock",
        FaultClass.CONNECTION_POOL_EXHAUSTION,
    ),
    "a stalled worker": Known(Scene(Fault("shipping", stall=True)), "shipping", FaultClass.QUEUE_BACKLOG),
    "a stopped worker": Known(Scene(Fault("shipping", hang=True)), "shipping", FaultClass.QUEUE_BACKLOG),
    "a slow external service": Known(
        Scene(Fault("charge", call_ms={"acquirer": 900})), "acquirer", FaultClass.SLOW_DEPENDENCY
    ),
    "an external service that times out": Known(
        Scene(
            Fault("charge", call_ms={"acquirer": 1900}, call_errors={"acquirer": 0.8}),
            logs={("buy", "charge answered 504: acquirer did not answer within 2000 ms", ERROR): 3.0},
        ),
        "acquirer",
        FaultClass.SLOW_DEPENDENCY,
    ),
    "a configuration with a wrong address": Known(
        Scene(
            Fault("buy", call_errors={"quotes": 1.0}),
            changes=(("buy", "config", 3.0),),
            logs={("buy", "POST /purchases failed: quotes at 10.0.0.9:1 refused the connection", ERROR): 3.0},
        ),
        "buy",
        FaultClass.BAD_CONFIGURATION,
    ),
    "a time-out too short for an outside provider": Known(
        Scene(
            Fault("charge", call_errors={"acquirer": 1.0}),
            changes=(("charge", "config", 3.0),),
            logs={("charge", "POST /charges failed: acquirer did not answer within 2 ms", ERROR): 3.0},
        ),
        "charge",
        FaultClass.BAD_CONFIGURATION,
    ),
    "more visitors than a service carries": Known(
        Scene(Fault("items", rate_factor=3.0, self_ms=400, errors=0.3)), "items", FaultClass.TRAFFIC_SURGE
    ),
    "a flood of log lines": Known(
        Scene(Fault("basket", self_ms=150, cpu=0.5), logs={("basket", "cache entry 17", 5): 400.0}),
        "basket",
        FaultClass.LOG_FLOOD,
    ),
}


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN.keys())
def test_the_cause_is_found_and_named(known: Known) -> None:
    diagnoses = [
        diagnose(replace(known.scene, seed=seed, during=slots).case(), PROVIDERS) for seed in SEEDS for slots in SLOTS
    ]
    right = [
        d.known and d.best is not None and (d.best.service, d.best.fault_class) == (known.service, known.fault_class)
        for d in diagnoses
    ]
    assert sum(right) >= len(right) - 1, [d.explanation for d, ok in zip(diagnoses, right, strict=True) if not ok]


UNKNOWN_SCENES = {
    "calm": Scene(),
    "a deploy that changes nothing": Scene(changes=_deployed("items")),
    "half as many visitors again, carried easily": Scene(Fault("web", rate_factor=1.5)),
    "errors that two services log of nothing in particular": Scene(
        logs={("quotes", "something odd", ERROR): 3.0, ("basket", "something odd", ERROR): 3.0}
    ),
}


@pytest.mark.parametrize("scene", UNKNOWN_SCENES.values(), ids=UNKNOWN_SCENES.keys())
def test_what_points_nowhere_stays_unknown(scene: Scene) -> None:
    for seed in SEEDS:
        diagnosis = diagnose(replace(scene, seed=seed).case(), PROVIDERS)
        assert not diagnosis.known, diagnosis.explanation
        assert "unknown" in diagnosis.explanation
