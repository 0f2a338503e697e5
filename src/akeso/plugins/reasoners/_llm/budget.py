"""The budget: tokens and money, for an incident and for a day, over restarts."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from akeso.domain.errors import Overloaded
from akeso.plugins.reasoners._llm.options import Limits
from akeso.ports.clock import Clock
from akeso.ports.reasoner import PositionStore

_MICRO = 1_000_000
_INCIDENTS = 1_000  # remembered; older ones are over


class BudgetSpent(Overloaded):
    """No request may be made, because it might cost more than is left."""


@dataclass(frozen=True, slots=True)
class Prices:
    """US dollars for a token; None where nobody knows them."""

    input: float | None = None
    output: float | None = None

    def of(self, input_tokens: int, output_tokens: int) -> float:
        """In US dollars; 0 for what is not known."""
        return input_tokens * (self.input or 0.0) + output_tokens * (self.output or 0.0)


@dataclass(slots=True)
class Spent:
    tokens: int = 0
    micros: int = 0  # of a dollar: whole numbers can be kept exactly


class Budget:
    """What a request may cost at most is set aside before it is made, so that two at once cannot overdraw; afterwards
    the difference to what it did cost is given back."""

    def __init__(self, limits: Limits, prices: Prices, clock: Clock, positions: PositionStore | None = None) -> None:
        self._limits, self._prices, self._clock, self._positions = limits, prices, clock, positions
        self._incidents: OrderedDict[str, Spent] = OrderedDict()
        self._day, self._today = "", Spent()

    async def reserve(self, incident: str, input_tokens: int, output_tokens: int) -> "Reservation":
        """Raises BudgetSpent with what is used up."""
        await self._turn_page()
        tokens = input_tokens + output_tokens
        micros = round(self._prices.of(input_tokens, output_tokens) * _MICRO)
        own = self._incidents.setdefault(incident, Spent())
        self._incidents.move_to_end(incident)
        if len(self._incidents) > _INCIDENTS:
            self._incidents.popitem(last=False)
        self._must_fit(own, tokens, micros, (self._limits.incident_tokens, self._limits.incident_money), "incident")
        self._must_fit(self._today, tokens, micros, (self._limits.day_tokens, self._limits.day_money), "day")
        reservation = Reservation((own, self._today), tokens, micros)
        reservation.change(tokens, micros)
        await self._keep()
        return reservation

    async def settle(self, reservation: "Reservation", input_tokens: int, output_tokens: int) -> float:
        """The request cost this much, in tokens; returned in US dollars."""
        money = self._prices.of(input_tokens, output_tokens)
        used = input_tokens + output_tokens
        reservation.change(used - reservation.tokens, round(money * _MICRO) - reservation.micros)
        await self._keep()
        return money

    @property
    def today(self) -> tuple[int, float]:
        """Tokens and US dollars of this day so far."""
        return self._today.tokens, self._today.micros / _MICRO

    def _must_fit(self, spent: Spent, tokens: int, micros: int, limits: tuple[int, float], whose: str) -> None:
        if spent.tokens + tokens > limits[0]:
            said = f"the budget of the {whose} is spent: {spent.tokens} of {limits[0]} tokens are used"
            raise BudgetSpent(said, self._until_tomorrow())
        if spent.micros + micros > limits[1] * _MICRO:
            said = (
                f"the budget of the {whose} is spent: {spent.micros / _MICRO:.2f} of {limits[1]:.2f} dollars are used"
            )
            raise BudgetSpent(said, self._until_tomorrow())

    def _until_tomorrow(self) -> timedelta:
        now = self._clock.now()
        return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1) - now

    async def _turn_page(self) -> None:
        day = f"{self._clock.now():%Y-%m-%d}"
        if day == self._day:
            return
        tokens = micros = 0
        if self._positions is not None:
            tokens, micros = (
                await self._positions.marked(f"llm.tokens.{day}"),
                await self._positions.marked(f"llm.micros.{day}"),
            )
        if day != self._day:  # another request may have turned it meanwhile
            self._day, self._today = day, Spent(tokens, micros)

    async def _keep(self) -> None:
        if self._positions is not None:
            await self._positions.mark(f"llm.tokens.{self._day}", self._today.tokens)
            await self._positions.mark(f"llm.micros.{self._day}", self._today.micros)


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was set aside for one request."""

    accounts: tuple[Spent, ...]
    tokens: int
    micros: int

    def change(self, tokens: int, micros: int) -> None:
        """Book a difference."""
        for narrate in self.accounts:
            narrate.tokens += tokens
            narrate.micros += micros
