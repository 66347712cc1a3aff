"""A night that keeps to what the model of a wave knows is held against it: of each record, every durable write."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from engine.flow import Flow
from tests.model.conformance import KILLED, Family, Picture, Watch, departs
from tests.simulation.disk import Disk
from tests.simulation.world import World


class Follower:
    """Sees what each durable write leaves of every wave, through all lives of a night, until dawn."""

    def __init__(self, world: World, disk: Disk) -> None:
        self._world = world
        self._watches = {wave: Following(world, disk, wave) for wave in world.plan.waves}
        left = world.stores["left"]
        self._families = {
            record.key: [child.key for child in left.records("comment") if child.parent == record.key]
            for record in left.records("incident")
        }
        by_region = {"EMEA": "pilot", "AMER": "rest"} if len(self._watches) > 1 else {}
        self._wave = {
            record.key: by_region.get(str(record.fields["region"]), "rest") for record in left.records("incident")
        }

    def __call__(self, when: str, point: str) -> None:
        if not self._world.dawn:
            for watch in self._watches.values():
                watch(when, point)

    def killed(self) -> None:
        if not self._world.dawn:
            for watch in self._watches.values():
                watch.killed()

    @property
    def undoing(self) -> bool:
        return any(watch.undoing for watch in self._watches.values())

    def judge(self, flow: Flow) -> None:
        """`flow`: of the records; it knows their external ids."""
        for key, comments in self._families.items():
            family: Family = [(flow.name, key, flow.xid(key))]
            family = [*family, *((c.name, one, c.xid(one)) for c in flow.children for one in comments)]
            trace = self._watches[self._wave[key]].whole()
            self._world.checked("model")
            if said := departs(trace, family, self._world.plan.target["creates"]):
                self._world.violated(f"model: {said}")


class Following(Watch):
    """Of one wave."""

    def __init__(self, world: World, disk: Disk, wave: str) -> None:
        super().__init__(disk.path, wave, world.stores["left"], world.stores["right"])
        self._world = world
        self._disk = disk

    def __call__(self, when: str, point: str) -> None:
        self._ledger = self._disk.path
        super().__call__(when, point)

    @property
    def undoing(self) -> bool:
        pictures = (one for one in reversed(self.trace) if isinstance(one, Picture))
        return isinstance(last := next(pictures, None), Picture) and last.wave == "rolling_back"

    def whole(self) -> list[Picture | str]:
        while self.trace and self.trace[-1] == KILLED:
            self.trace.pop()
        return self.trace

    def _late(self) -> Mapping[str, int]:
        late: Counter[str] = Counter()
        for flight in self._world.flights:
            if flight.lost:
                late.update(flight.xids)
        return late
