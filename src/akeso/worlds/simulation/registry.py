"""Who lives in the rows of a world: names, addresses, versions, as they change."""

from dataclasses import replace

from akeso.domain.errors import NotFound
from akeso.domain.telemetry.batches import NANOSECONDS
from akeso.worlds.estate.service import Service, ServiceKind
from akeso.worlds.observation import Census, Instance
from akeso.worlds.simulation.layout import Layout
from akeso.worlds.simulation.state import State
from akeso.worlds.simulation.streams import Streams

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


class Registry:
    """The census, kept up to date."""

    def __init__(self, layout: Layout, state: State, streams: Streams, start: int) -> None:
        self._layout = layout
        self._state = state
        self._streams = streams
        self._start = start
        self._lives = [0] * len(layout.service_of)
        self._instances = [self._settle(row) for row in range(len(layout.service_of))]
        self._epoch = 0
        self._census: Census | None = None
        self._names: dict[int, str] = {}

    def __getitem__(self, row: int) -> Instance:
        return self._instances[row]

    def move_in(self, row: int, *, new_place: bool) -> None:
        """A process has started in `row`; new_place: it is another pod and not the same one again."""
        self._lives[row] += new_place
        self._instances[row] = self._settle(row)
        self._census = None

    def rename(self, service: str, name: str) -> None:
        """Everybody calls a service otherwise from now on."""
        self._names[self._layout.estate.row_of[service]] = name
        for row in self._layout.rows(service):
            self._instances[row] = self._settle(row)
        self._census = None

    def own_name(self, name: str) -> str:
        """The name in the estate of a service that may be called otherwise by now; raises NotFound."""
        row = next((row for row, other in self._names.items() if other == name), None)
        if row is not None:
            return self._layout.services[row].name
        if name not in self._layout.estate.row_of:
            raise NotFound(f"there is no service {name}")
        return name

    @property
    def census(self) -> Census:
        """Who is there now; the same object while nothing changes."""
        if self._census is None:
            self._epoch += 1
            self._census = self._count()
        return self._census

    def _count(self) -> Census:
        layout = self._layout
        named = (replace(s, name=self._names.get(row, s.name)) for row, s in enumerate(layout.services))
        return Census(
            epoch=self._epoch,
            estate=layout.estate,
            services=tuple(named),
            instances=tuple(self._instances),
            endpoints=layout.endpoints,
            sites=layout.sites,
            link_caller=layout.origin_instance[layout.leg_origin][layout.link_leg],
            link_callee=layout.link_callee,
            link_endpoint=layout.link_endpoint,
            link_origin=layout.leg_origin[layout.link_leg],
            link_site=layout.leg_site[layout.link_leg],
            pool_instance=layout.pool_instance,
            pool_service=layout.pool_service,
        )

    def _settle(self, row: int) -> Instance:
        layout, state = self._layout, self._state
        number, slot = int(layout.service_of[row]), int(layout.slot_of[row])
        service, life = layout.services[number], self._lives[row]
        draw = self._streams.of("pod", service.name, str(slot), str(life))
        suffix = "".join(_LETTERS[i] for i in draw.integers(0, len(_LETTERS), 14))
        started = self._start + int(state.started_at[row]) * NANOSECONDS
        return Instance(
            name=_name(service, slot, suffix, self._template(row, service)),
            service=number,
            slot=slot,
            node=int(layout.node_of[row]),
            ip=f"10.{20 + row // 4096 % 200}.{row // 16 % 256}.{2 + (row % 16) * 15 + life % 15}",
            uid=f"{suffix[:8]}-{life:04d}-{row:06d}",
            version=state.version[row],
            configuration=state.configuration[row],
            started_at=started,
        )

    def _template(self, row: int, service: Service) -> str:
        state = self._state
        draw = self._streams.of("template", service.name, state.version[row], state.configuration[row])
        return "".join(_LETTERS[i] for i in draw.integers(0, len(_LETTERS), 9))


def _name(service: Service, slot: int, suffix: str, template: str) -> str:
    if service.alone or service.kind is ServiceKind.MACHINE:
        return f"{service.name}-{slot + 1}"
    if service.stores:
        return f"{service.name}-{slot}"
    if service.kind is ServiceKind.BATCH:
        return f"{service.name}-{suffix[:5]}"
    return f"{service.name}-{template}-{suffix[:5]}"
