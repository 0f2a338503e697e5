"""DoWhy itself, in its process: an effect that is there stands, one that is not falls."""

import numpy as np
import pytest

from akeso.causal.effect import NotEstimable, Trial
from akeso.plugins.reasoners._refutation.worker import Worker, WorkerOptions

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
]


async def test_a_true_effect_survives_every_attempt() -> None:
    rng = np.random.default_rng(0)
    load = rng.normal(size=200)
    treatment = load + rng.normal(size=200)
    outcome = 2.0 * treatment + load + rng.normal(size=200)
    worker = Worker(WorkerOptions(rounds=20))
    try:
        found = await worker.refute(Trial(treatment, outcome, load[:, None]))
        alone = await worker.refute(Trial(treatment, outcome, np.zeros((200, 0))))
    finally:
        await worker.close()
    assert not isinstance(found, NotEstimable)
    means = {each.attempt: each.mean for each in found}
    assert all(each.holds for each in found)
    assert means["random common cause"] == pytest.approx(2.0, abs=0.3)
    assert means["placebo"] == pytest.approx(0.0, abs=0.3)
    assert means["subsets of the data"] == pytest.approx(2.0, abs=0.3)
    assert not isinstance(alone, NotEstimable)
