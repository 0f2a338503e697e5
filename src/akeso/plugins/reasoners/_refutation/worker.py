"""Asks the process in which DoWhy works, with a time-out; a process that is late is killed and started anew."""

import asyncio
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from akeso.causal.effect import NotEstimable, Trial
from akeso.causal.refutation import Refutation
from akeso.domain.errors import InvalidSettings

_LONGEST_LINE = 16 * 2**20
PROCESS = (sys.executable, "-m", "akeso.plugins.reasoners._refutation.process")


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """The process that refutes.

    within: time for one trial.
    starting: time until the process is ready; DoWhy's import takes seconds.
    rounds: rounds of each attempt.
    seed: of the random numbers.
    command: what is run.
    """

    within: timedelta = timedelta(seconds=20)
    starting: timedelta = timedelta(seconds=60)
    rounds: int = 40
    seed: int = 0
    command: Sequence[str] = PROCESS


def installed() -> bool:
    """Whether the extra [causal] is there."""
    return importlib.util.find_spec("dowhy") is not None


def require() -> None:
    """Raises InvalidSettings without the extra."""
    if not installed():
        raise InvalidSettings("refute", "needs DoWhy: install the extra, akeso[causal]")


class Worker:
    """One process, one trial at a time; it starts with the first trial and stays warm."""

    def __init__(self, options: WorkerOptions | None = None) -> None:
        self._options = options or WorkerOptions()
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        """Of the process that is there now."""
        return self._process.pid if self._process is not None and self._process.returncode is None else None

    async def refute(self, trial: Trial) -> tuple[Refutation, ...] | NotEstimable:
        """What became of each attempt; NotEstimable says why there is no answer, in time or at all."""
        async with self._turn:
            try:
                told = await self._ask(trial)
            except TimeoutError:
                await self._end()
                limit = self._options.within.total_seconds()
                return NotEstimable(f"DoWhy gave no answer within {limit:g} s and was ended")
            except (OSError, ValueError) as bad:
                await self._end()
                return NotEstimable(f"DoWhy's process failed: {bad}")
            except asyncio.CancelledError:
                # The answer to a question that nobody waits for would be taken for that to the next one.
                await self._end()
                raise
        if "error" in told:
            return NotEstimable(f"DoWhy could not: {told['error']}")
        return tuple(Refutation(a["attempt"], a["mean"], a["p"], a["holds"]) for a in told["attempts"])

    async def close(self) -> None:
        """Ends the process."""
        async with self._turn:
            await self._end()

    async def _ask(self, trial: Trial) -> Mapping[str, Any]:
        process = await self._started()
        assert process.stdin is not None
        asked = {
            "treatment": trial.treatment.tolist(),
            "outcome": trial.outcome.tolist(),
            "confounders": trial.confounders.T.tolist(),
            "rounds": self._options.rounds,
            "seed": self._options.seed,
        }
        process.stdin.write(json.dumps(asked).encode() + b"\n")
        async with asyncio.timeout(self._options.within.total_seconds()):
            await process.stdin.drain()
            return await _line(process)

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
            self._process = await asyncio.create_subprocess_exec(
                *self._options.command, stdin=pipe, stdout=pipe, stderr=nothing, limit=_LONGEST_LINE
            )
            async with asyncio.timeout(self._options.starting.total_seconds()):
                await _line(self._process)
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


async def _line(process: asyncio.subprocess.Process) -> Mapping[str, Any]:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise OSError("it ended")
    told = json.loads(line)
    if not isinstance(told, dict):
        raise OSError("it does not answer in its own way")
    return told
