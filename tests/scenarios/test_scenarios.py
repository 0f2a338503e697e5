"""Every scenario that ships, lived through in virtual time.

One that is marked `fails_today` is expected to fail; when it holds, this is red until the mark is taken away. Those
with a simulated world behind them take half a minute each: `make scenarios` plays them.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from akeso.worlds.scenarios.judging import judge
from akeso.worlds.scenarios.library import scenarios
from akeso.worlds.scenarios.play import play


def cases() -> Iterator[Any]:
    """Names of scenarios, each for whichever worker is free; those behind which a world is simulated are marked so."""
    for name, scenario in scenarios().items():
        simulated = [pytest.mark.simulated] if scenario.world is not None else []
        yield pytest.param(name, marks=[pytest.mark.xdist_group(f"scenario {name}"), *simulated])


@pytest.mark.parametrize("name", list(cases()))
def test_what_must_come_of_it_comes(name: str) -> None:
    scenario = scenarios()[name]
    broken = judge(scenario, play(scenario))
    told = "\n".join(map(str, broken))
    if not scenario.fails_today:
        assert not broken, f"{scenario.title}\n{told}"
    elif broken:
        pytest.xfail(f"{scenario.fails_today}\n{told}")
    else:
        pytest.fail(f"{scenario.title}: it holds now, so its mark `fails_today` has to go")
