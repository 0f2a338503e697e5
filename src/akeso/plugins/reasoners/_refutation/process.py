"""The process in which DoWhy works: a trial as a line of JSON on standard input, its answer as one on standard output.

DoWhy takes seconds to import and as long as it likes to answer, so it never runs in Akeso's own process. Attempts after
Sharma & Kiciman (2020): a random common cause, a placebo in the treatment's place, and subsets of the data.
"""

import json
import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any, TextIO

ATTEMPTS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "random common cause": ("random_common_cause", {}),
    "placebo": ("placebo_treatment_refuter", {"placebo_type": "permute"}),
    "subsets of the data": ("data_subset_refuter", {"subset_fraction": 0.8}),
}
READY = {"ready": True}


def main(source: TextIO, sink: TextIO) -> None:
    """Answers until the source ends."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    _as_dowhy_knows_them()
    import dowhy

    del dowhy
    _say(sink, READY)
    for line in source:
        try:
            _say(sink, answer(json.loads(line)))
        # The boundary of a library: whatever it raises is an answer, and the next trial may do better.
        except Exception as bad:  # noqa: BLE001
            _say(sink, {"error": f"{type(bad).__name__}: {bad}"})


def _as_dowhy_knows_them() -> None:
    """Two things that DoWhy 0.12 still does and newer libraries no longer allow; this process is DoWhy's alone."""
    import networkx
    import pandas as pd

    # NetworkX 3.5 took away the old name.
    if not hasattr(networkx.algorithms, "d_separated"):
        networkx.algorithms.d_separated = networkx.is_d_separator
    strict = pd.Series.__getitem__

    def positional(series: Any, key: Any) -> Any:
        # pandas 3 no longer takes a number for a place in a series with names.
        try:
            return strict(series, key)
        except KeyError:
            if not isinstance(key, int):
                raise
            return series.iloc[key]

    pd.Series.__getitem__ = positional


def answer(asked: Mapping[str, Any]) -> dict[str, Any]:
    """The effect of a linear adjustment, and what became of each attempt to refute it."""
    import pandas as pd
    from dowhy import CausalModel

    names = [f"w{number}" for number in range(len(asked["confounders"]))]
    columns = {"treatment": asked["treatment"], "outcome": asked["outcome"]}
    table = pd.DataFrame({**columns, **dict(zip(names, asked["confounders"], strict=True))})
    model = CausalModel(table, treatment="treatment", outcome="outcome", common_causes=names or None)
    estimand = model.identify_effect(proceed_when_unidentifiable=True)
    estimate = model.estimate_effect(estimand, method_name="backdoor.linear_regression")
    found = []
    for name, (method, options) in ATTEMPTS.items():
        told = model.refute_estimate(
            estimand, estimate, method_name=method, num_simulations=asked["rounds"], random_seed=asked["seed"],
            show_progress_bar=False, **options,
        )  # fmt: skip
        result = told.refutation_result or {}
        found.append({
            "attempt": name,
            "mean": float(told.new_effect),
            "p": float(result.get("p_value", 1.0)),
            "holds": not bool(result.get("is_statistically_significant", False)),
        })  # fmt: skip
    return {"estimate": float(estimate.value), "attempts": found}


def _say(sink: TextIO, told: Mapping[str, Any]) -> None:
    sink.write(json.dumps(told) + "\n")
    sink.flush()


if __name__ == "__main__":
    # Whatever a library prints must not stand between the answers.
    answers, sys.stdout = sys.stdout, sys.stderr
    main(sys.stdin, answers)
