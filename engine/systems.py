"""The open connectors of a migration. One that is configured as before stays open, with all it has learned."""

from __future__ import annotations

from connectors.kit.contract import Connection, Connector
from connectors.kit.registry import connect
from engine.pacing import Pacing


class Systems:
    """Connectors by the names of their systems. Close it."""

    def __init__(self, pacing: Pacing) -> None:
        self._pacing = pacing
        self._open: dict[str, tuple[Connection, Connector]] = {}
        self._replaced: list[Connector] = []  # open until the end: a plan or a check may still ask through one

    def connect(self, connection: Connection) -> Connector:
        """The connector of this system. Calls nobody. Raises Misconfigured."""
        known = self._open.get(connection.name)
        if known is not None and known[0] == connection:
            return known[1]
        connector = connect(connection, self._pacing.ports(connection.name, connection.limits))
        if known is not None:
            self._replaced.append(known[1])
        self._open[connection.name] = (connection, connector)
        return connector

    async def close(self) -> None:
        for connector in (*self._replaced, *(connector for _, connector in self._open.values())):
            await connector.close()
        self._replaced.clear()
        self._open.clear()
