"""Start one of Akeso's own agents anew."""

from collections.abc import Mapping

from akeso.domain.errors import ActionFailed, NotFound
from akeso.domain.estate.service import ServiceSpec
from akeso.domain.incident.outcome import Done, EffectOutcome, Failed
from akeso.domain.incident.plan import Risk, Step
from akeso.targets.outcome import seen, told
from akeso.targets.pipeline import OwnPipeline

PreState = Mapping[str, str]
PREFIX = "akeso."
# Who carries this very effect out would wait for its own end; the supervisor looks after it.
ITSELF = "healing"


class RestartAgent(OwnPipeline):
    """Asks the supervisor to end the agent's life and begin a new one. The target is `akeso.<agent>`."""

    name = "restart_agent"
    reversible = False
    risk = Risk.LOW
    binding = ""

    async def capture(self, step: Step, service: ServiceSpec) -> PreState:
        """The agent and whether it beats. Raises ActionFailed when the target is no agent of this Akeso."""
        del service
        agent = _agent(step)
        alive = self._connected().agents
        if agent not in alive:
            raise ActionFailed(f"there is no agent {agent}; there are {', '.join(sorted(alive))}")
        return {"agent": agent, "alive": str(alive[agent]).lower()}

    async def preview(self, step: Step, service: ServiceSpec) -> str:
        """Says which agent, and how it is."""
        state = await self.capture(step, service)
        return f"Start agent {state['agent']} anew; it {'beats' if state['alive'] == 'true' else 'does not beat'} now."

    async def apply(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Done once its next life has begun."""
        del service, key, pre_state
        return await told(self._restart(step))

    async def undo(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """There is no way back to a hung agent."""
        del step, service, key, pre_state
        return Failed("a restart cannot be undone")

    async def check(self, step: Step, service: ServiceSpec, key: str, pre_state: PreState) -> EffectOutcome:
        """Whether the agent beats."""
        del service, key, pre_state
        return await seen(self._check(step))

    async def _check(self, step: Step) -> EffectOutcome:
        agent = _agent(step)
        return Done(f"{agent} beats") if self._connected().agents.get(agent) else Failed(f"{agent} does not beat")

    async def _restart(self, step: Step) -> EffectOutcome:
        agent = _agent(step)
        try:
            await self._connected().restart(agent)
        except NotFound as absent:
            raise ActionFailed(str(absent)) from absent
        return Done(f"agent {agent} was started anew")


def _agent(step: Step) -> str:
    agent = step.target.removeprefix(PREFIX)
    if agent == ITSELF:
        raise ActionFailed("the healing agent cannot restart itself; the supervisor does when it hangs")
    return agent
