"""What stands outside the engine during one night: time, the journal, the two systems, and the faults in force."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random
from typing import NamedTuple, Protocol

from connectors import memory
from engine.clock import Clock
from tests.simulation.loop import Loop
from tests.simulation.plan import Fault, Plan

_TICK = 0.001  # seconds: a wait shorter than this ends in time
_DUSK = datetime(2026, 3, 28, 22, 0, tzinfo=UTC)


class Violation(AssertionError):
    """Something that must never happen, happened."""


class Dead(BaseException):
    """What any port answers to an engine that is dead."""


class Journal:
    """The night as it went, and a hash over all of it."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._hash = blake2b(digest_size=16)
        self.lines: list[str] = []
        self.silent = False

    def say(self, who: str, what: str) -> None:
        if self.silent:
            return
        line = f"{self._loop.time():10.3f}  {who:<8} {what}"
        self._hash.update(line.encode())
        self.lines.append(line)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class SimClock(Clock):
    """The loop's time as a clock. What jumps is what it says, not what passes."""

    def __init__(self, loop: Loop, chance: Random, world: World | None = None) -> None:
        super().__init__(0)
        self._loop = loop
        self._random = chance
        self._world = world

    def now(self) -> datetime:
        jumped = self._world.jumped() if self._world else 0.0
        return _DUSK + timedelta(seconds=self._loop.time() + jumped)

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        long = seconds > _TICK and self._world is not None
        if long and (woken := self._world.strikes("early wake")) is not None:
            seconds *= woken.size
        await asyncio.sleep(max(0.0, seconds))

    def secret(self, size: int) -> bytes:
        return self._random.randbytes(size)


@dataclass
class Met:
    """What there was to meet in a night, or in many: counts, by name."""

    struck: Counter[str] = field(default_factory=Counter)  # faults that bit
    commands: Counter[str] = field(default_factory=Counter)  # "what: answer"
    deaths: Counter[str] = field(default_factory=Counter)  # where an engine was killed
    writes: Counter[str] = field(default_factory=Counter)  # records of calls that the target applied
    checked: Counter[str] = field(default_factory=Counter)  # promises, how often each was held against the night

    def add(self, other: Met) -> None:
        for name in self.__dataclass_fields__:
            getattr(self, name).update(getattr(other, name))


class Overwrite(NamedTuple):
    """What a call changes of one record that is there."""

    call: str
    entity: str
    target: str
    values: object


class Follows(Protocol):
    """Sees each durable write, and each death."""

    def __call__(self, when: str, point: str) -> None: ...

    def killed(self) -> None: ...

    @property
    def undoing(self) -> bool: ...


@dataclass(eq=False)
class Flight:
    """A create that is on its way. Lost: nobody waits for it any more, and it may arrive all the same."""

    xids: tuple[str, ...]
    lost: bool = False
    ghost: bool = False  # it will arrive


class World:
    def __init__(self, loop: Loop, plan: Plan) -> None:
        self.loop = loop
        self.plan = plan
        self.journal = Journal(loop)
        self.chances = {fault.number: Random(f"fault {plan.seed} {fault.number}") for fault in plan.faults}
        self.delays = Random(f"delays {plan.seed}")
        self.clock = SimClock(loop, Random(f"clock {plan.seed}"))  # of the systems
        self.engine_clock = SimClock(loop, Random(f"engine {plan.seed}"), self)
        self.stores = {side: memory.store(f"simulation {plan.seed} {side}") for side in ("left", "right")}
        for store in self.stores.values():
            store.clock = self.clock
        self.dawn = False
        self.torn: set[tuple[str, str]] = set()  # things of ours that people touched: (entity, key), or ends of a link
        self.edition = 0  # of the playbook's mapping
        self.met = Met()
        self.violations: list[str] = []
        self.touched: dict[tuple[str, str], set[str]] = {}  # (entity, key at the target) -> fields that people wrote
        self.deleted: set[tuple[str, str]] = set()  # removed by people at the target
        self.made: dict[tuple[str, str], str] = {}  # (entity, key at the target) that an engine was told -> its record
        self.flights: list[Flight] = []
        self.follower: Follows | None = None  # of nights that the model knows
        self.busy: Callable[[], bool] = lambda: False  # an engine may have something in hand
        self.strangers: dict[str, dict[str, object]] = {}  # records of others at the target, as they must stay
        self.originals: dict[str, dict[str, object]] = {}  # what was there before us and is to be updated, as it was
        self.ambiguous: set[object] = set()  # numbers of which nobody can tell which record they mean
        self.signed = False  # some wave was, or may have been: its images are gone
        self.lost: list[Overwrite] = []  # that may still be applied, although nobody waits for them
        self.passed: Counter[int] = Counter()  # how often the write was there at which a fault kills
        self.imaged: Callable[[], set[str]] = set  # what the ledger has an image of, by id at the target

    def close(self) -> None:
        for store in self.stores.values():
            memory.forget(store.name)

    def say(self, who: str, what: str) -> None:
        self.journal.say(who, what)

    def checked(self, promise: str, times: int = 1) -> None:
        self.met.checked[promise] += times

    def violated(self, what: str) -> None:
        self.say("VIOLATED", what)
        self.violations.append(what)

    # ------------------------------------------------------------ faults

    def strikes(self, name: str, system: str = "", call: str = "") -> Fault | None:
        """The fault of this name that strikes now, here."""
        if self.dawn:
            return None
        now = self.loop.time()
        for fault in self.plan.faults:
            if fault.name != name or not fault.start <= now < fault.end:
                continue
            if (fault.system and fault.system != system) or (fault.call and fault.call != call):
                continue
            if fault.rate < 1 and self.chances[fault.number].random() >= fault.rate:
                continue
            self.met.struck[name] += 1
            self.say("fault", f"{name} ({system or 'engine'} {call})")
            return fault
        return None

    def fatal(self, when: str, point: str) -> bool:
        """Whether the engine dies at this durable write because of its name."""
        for fault in self.plan.faults:
            if fault.name != "kill at write" or (fault.call, fault.late) != (point, when == "after"):
                continue
            if not self.dawn and self.loop.time() >= fault.start:
                self.passed[fault.number] += 1
                if self.passed[fault.number] == fault.size:
                    self.met.struck[fault.name] += 1
                    return True
        return False

    def jumped(self) -> float:
        """How far the engine's clock is off by now."""
        now = self.loop.time()
        return sum(fault.size for fault in self.plan.faults if fault.name == "clock jump" and now >= fault.start)

    async def delay(self, mean: float) -> None:
        await asyncio.sleep(self.seconds(mean))

    def seconds(self, mean: float) -> float:
        """How long something takes that takes so long on average."""
        return mean * (0.2 + self.delays.expovariate(1.0))
