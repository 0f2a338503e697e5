"""Names of services, operations and peers as numbers, and which service a peer's name means."""

from collections.abc import Iterable

import numpy as np

from akeso.domain.estate.identity import Aliases
from akeso.domain.telemetry.batches import Ids

OTHER = "other"
_NO_PEER = 0
_MOST_PEERS = 20_000


class Names:
    """Interned names. A node is a service or a peer that was never resolved to one."""

    def __init__(self, operations: int) -> None:
        self._most_operations = operations
        self.nodes: list[tuple[str, str]] = []
        self.operations: list[tuple[int, str]] = []
        self.peers: list[str] = [""]
        self._node_ids: dict[tuple[str, str], int] = {}
        self._operation_ids: dict[tuple[int, str], int] = {}
        self._operation_counts: dict[int, int] = {}
        self._peer_ids: dict[str, int] = {"": _NO_PEER}

    def node(self, tenant: str, name: str) -> int:
        """The number of a service or peer of a tenant."""
        found = self._node_ids.setdefault((tenant, name), len(self.nodes))
        if found == len(self.nodes):
            self.nodes.append((tenant, name))
        return found

    def operation(self, node: int, name: str) -> int:
        """The number of an operation; those beyond the limit of a service share one."""
        found = self._operation_ids.get((node, name))
        if found is not None:
            return found
        count = self._operation_counts.get(node, 0)
        if count >= self._most_operations and name != OTHER:
            return self.operation(node, OTHER)
        self._operation_counts[node] = count + 1
        found = self._operation_ids[node, name] = len(self.operations)
        self.operations.append((node, name))
        return found

    def peers_of(self, names: Iterable[str]) -> Ids:
        """The numbers of peers; beyond a generous limit new ones count as unknown."""
        return np.array([self._peer(name) for name in names], np.int32)

    def _peer(self, name: str) -> int:
        found = self._peer_ids.get(name)
        if found is None and len(self.peers) < _MOST_PEERS:
            found = self._peer_ids[name] = len(self.peers)
            self.peers.append(name)
        return _NO_PEER if found is None else found


class PeerMemory:
    """Which node a peer's name was last resolved to: a dead callee sends no span that would tell."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._known: dict[tuple[int, int, bool], int] = {}
        self._aliases: dict[str, Aliases] = {}

    def heard(self, tenant: str, service: str) -> None:
        """A service of this name is there, so that other names of it can be understood."""
        self._aliases.setdefault(tenant, Aliases()).add(service)

    def learn(self, caller: int, peer: int, *, asynchronous: bool, callee: int) -> bool:
        """Whether this is news."""
        if peer == _NO_PEER or self._known.get((caller, peer, asynchronous)) == callee:
            return False
        self._known[caller, peer, asynchronous] = callee
        return True

    def resolve(self, caller: int, peer: int, *, asynchronous: bool) -> int:
        """The node that `caller` means by the peer's name: the one it was resolved to before, else the service that is
        heard under that or an equal name, else one of that name; -1 for no name."""
        if peer == _NO_PEER:
            return -1
        known = self._known.get((caller, peer, asynchronous))
        if known is not None:
            return known
        tenant, _ = self._names.nodes[caller]
        aliases, name = self._aliases.get(tenant), self._names.peers[peer]
        meant = self._names.node(tenant, aliases.of(name) if aliases else name)
        return self._names.node(tenant, name) if meant == caller else meant
