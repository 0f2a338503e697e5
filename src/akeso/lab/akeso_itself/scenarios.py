"""The four ways in which a pipeline that watches others fails itself."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from akeso.lab.akeso_itself.akeso_under_test import AkesoUnderTest, until
from akeso.lab.akeso_itself.senders import SERVICES, Senders

SLOW_S = 0.6
BAD_THRESHOLD = 20.0
SHIFT = 1.6
BOUND_MS = 300.0
ACCURATE = 0.75
DRIFTED = 0.5


@dataclass(slots=True)
class Ward:
    """Where a scenario takes place. notes: what it has to know at its end; labelling: who gives ground truth."""

    akeso_under_test: AkesoUnderTest
    senders: Senders
    notes: dict[str, Any] = field(default_factory=dict)
    labelling: "asyncio.Task[None] | None" = None


class Scenario(Protocol):
    """One real fault of the pipeline. fault_class: what Akeso should call it; action: what should mend it."""

    name: str
    fault_class: str
    action: str
    within_s: float  # from the fault to its detection, even at the windows that ship

    async def inject(self, ward: Ward) -> None:
        """Bring the fault about; it is there when this returns."""
        ...

    async def truth(self, ward: Ward) -> tuple[bool, str]:
        """Whether the pipeline really is well again, by what can be measured besides the incident; and what was."""
        ...

    async def clear(self, ward: Ward) -> None:
        """Take away what is left of the fault."""
        ...


class SlowInference:
    """A detector takes 0.6 s of processor time a frame → safe mode."""

    name = "slow_inference"
    fault_class = "inference_slow"
    action = "safe_mode"
    within_s = 200.0

    async def inject(self, ward: Ward) -> None:
        ward.akeso_under_test.control.write_text(f"slow {SLOW_S}")

    async def truth(self, ward: Ward) -> tuple[bool, str]:
        p = await ward.akeso_under_test.pipeline()
        quick = p["inference_ms"] is not None and p["inference_ms"] < BOUND_MS
        # The slow detector still burns for whoever asks it; that nobody does is the remedy.
        return quick and p["safe_mode"] and ward.akeso_under_test.control.exists(), (
            f"inference takes {p['inference_ms'] or 0:.1f} ms, safe mode is {'on' if p['safe_mode'] else 'off'}"
        )

    async def clear(self, ward: Ward) -> None:
        ward.akeso_under_test.control.unlink(missing_ok=True)
        await ward.akeso_under_test.post(
            "/api/v1/pipeline/safe-mode", {"on": False, "reason": "the slow detector is off"}
        )


class BadModel:
    """A version of the model that notices next to nothing is promoted while services fall ill → the one before."""

    name = "bad_model"
    fault_class = "model_inaccurate"
    action = "rollback_model"
    within_s = 120.0

    async def inject(self, ward: Ward) -> None:
        akeso_under_test = ward.akeso_under_test
        ward.notes["good"] = (await akeso_under_test.pipeline())["model"]
        bad = await akeso_under_test.post(
            "/api/v1/models", {"threshold": BAD_THRESHOLD, "reason": "fewer alarms, please"}
        )
        await akeso_under_test.post(f"/api/v1/models/{bad['version']}/promote", {"reason": "fewer alarms, please"})
        ward.notes["bad"] = bad["version"]
        ward.senders.ill = frozenset(SERVICES[::2])
        ward.senders.said.clear()
        ward.labelling = asyncio.create_task(ward.senders.label())

    async def truth(self, ward: Ward) -> tuple[bool, str]:
        p = await ward.akeso_under_test.pipeline()
        back = p["model"] == ward.notes["good"]
        right = await until(lambda: _right(ward.senders), 10.0) or ward.senders.right(4)
        return back and right >= ACCURATE, (
            f"version {p['model']} decides instead of {ward.notes['bad']}, {right:.0%} of the newest labels agree"
        )

    async def clear(self, ward: Ward) -> None:
        if ward.labelling is not None:
            ward.labelling.cancel()
            with suppress(asyncio.CancelledError):
                await ward.labelling
        ward.senders.ill = frozenset()


async def _right(senders: Senders) -> float:
    share = senders.right(4)
    return share if share >= ACCURATE else 0.0


class HungAgent:
    """A detector never returns, so the model agent hangs and its heartbeat stops → it is started anew."""

    name = "hung_agent"
    fault_class = "agent_silent"
    action = "restart_agent"
    within_s = 90.0

    async def inject(self, ward: Ward) -> None:
        ward.notes["restarts"] = await ward.akeso_under_test.restarts("model")
        ward.akeso_under_test.control.write_text("hang")
        # The slow detector takes the file away at the moment in which it hangs.
        await until(lambda: _gone(ward.akeso_under_test), 10.0, 0.02)

    async def truth(self, ward: Ward) -> tuple[bool, str]:
        agent = (await ward.akeso_under_test.pipeline())["agents"]["model"]
        more = await ward.akeso_under_test.restarts("model") - ward.notes["restarts"]
        return agent["alive"] and agent["silent_s"] < 4 and more >= 1, (
            f"the model agent was started anew {more:.0f} times and beat {agent['silent_s']} s ago"
        )

    async def clear(self, ward: Ward) -> None:
        """Nothing is left but a thread that waits."""


async def _gone(akeso_under_test: AkesoUnderTest) -> bool:
    return not akeso_under_test.control.exists()


class Drift:
    """What the services do changes for good, by more than half → a lower threshold, and the model is trained anew."""

    name = "drift"
    fault_class = "feature_drift"
    action = "retrain_model"
    within_s = 480.0

    async def inject(self, ward: Ward) -> None:
        p = await ward.akeso_under_test.pipeline()
        ward.notes["model"], ward.notes["threshold"] = p["model"], p["threshold"]
        ward.senders.shift *= SHIFT

    async def truth(self, ward: Ward) -> tuple[bool, str]:
        p = await ward.akeso_under_test.pipeline()
        made = await ward.akeso_under_test.get(f"/api/v1/models/{p['model']}")
        trained = p["model"] != ward.notes["model"] and made["metrics"].get("slots", 0) > 0
        settled = p["drift_share"] is not None and p["drift_share"] < DRIFTED
        return trained and settled and p["threshold"] < ward.notes["threshold"], (
            f"version {p['model']} decides, trained on {made['metrics'].get('slots', 0):.0f} slots; "
            f"{p['drift_share'] or 0:.0%} of features drift; threshold {p['threshold']:.3g} "
            f"(was {ward.notes['threshold']:.3g})"
        )

    async def clear(self, ward: Ward) -> None:
        """The change is for good."""


SCENARIOS: tuple[Scenario, ...] = (HungAgent(), SlowInference(), BadModel(), Drift())
