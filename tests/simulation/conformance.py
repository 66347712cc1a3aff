"""A night that keeps to what the model of a wave knows is held against it: of each record, every durable write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from engine.flow import Flow
from tests.model.conformance import KILLED, Family, Picture, Watch, departs
from tests.simulation.disk import Disk
from tests.simulation.world import World


class Follower(Watch):
    """Sees what each durable write leaves, through all lives of a night, until dawn."""

    def __init__(self, world: World, disk: Disk, wave: str) -> None:
        left, right = world.stores["left"], world.stores["right"]
        super().__init__(disk.path, wave, left, right)
        self._world = world
        self._disk = disk
        self._families = {
            record.key: [child.key for child in left.records("comment") if child.parent == record.key]
            for record in left.records("incident")
        }

    def __call__(self, when: str, point: str) -> None:
        if not self._world.dawn:
            self._ledger = self._disk.path
            super().__call__(when, point)

    def killed(self) -> None:
        if not self._world.dawn:
            super().killed()

    @property
    def undoing(self) -> bool:
        return isinstance(last := next(self._pictures(), None), Picture) and last.wave == "rolling_back"

    def _pictures(self) -> Iterator[Picture]:
        return (one for one in reversed(self.trace) if isinstance(one, Picture))

    def _late(self) -> Mapping[str, int]:
        late: Counter[str] = Counter()
        for flight in self._world.flights:
            if flight.lost:
                late.update(flight.xids)
        return late

    def judge(self, flow: Flow) -> None:
        """`flow`: of the records; it knows their external ids."""
        while self.trace and self.trace[-1] == KILLED:
            self.trace.pop()
        for key, comments in self._families.items():
            family: Family = [(flow.name, key, flow.xid(key))]
            family = [*family, *((c.name, one, c.xid(one)) for c in flow.children for one in comments)]
            self._world.checked("model")
            if said := departs(self.trace, family, self._world.plan.target["creates"]):
                self._world.violated(f"model: {said}")
