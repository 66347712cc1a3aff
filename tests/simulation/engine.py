"""The engine of one life: assembled as its process assembles it, on the world's clock, disk and systems."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, ExitStack
from contextvars import copy_context
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from starlette.applications import Starlette

from connectors.kit.contract import Connection, Connector
from engine.assembly import Assembly, assemble
from engine.comparing import Comparing
from engine.conductor import Conductor
from engine.ledger import Ledger
from engine.manifest import Seal
from engine.pacing import Pacing
from engine.premises import Premises
from engine.repair import Repairs
from engine.rerun import Reruns
from engine.rollback import Rollbacks
from engine.signoff import SignOffs
from engine.snapshot import Snapshots
from engine.systems import Systems
from engine.telemetry import Telemetry
from engine.verification import Verifications
from engine.wire import Receipt
from runbooks.migration import Migration
from tests.simulation.disk import Disk
from tests.simulation.doorway import doorway, give
from tests.simulation.edge import Edge, System
from tests.simulation.foresight import unforeseen
from tests.simulation.loop import LIFE
from tests.simulation.plan import WRITES
from tests.simulation.world import Dead, World

_SECRET = b"s" * 32
_BURIAL = 200  # rounds in which every task of a dead engine must have ended


class Switchboard(Systems):
    """Connects to the systems of the night."""

    def __init__(self, pacing: Pacing, systems: dict[str, System], life: Life) -> None:
        super().__init__(pacing)
        self._at = pacing
        self._night = systems
        self._life = life
        self._edges: dict[str, Edge] = {}

    def connect(self, connection: Connection) -> Connector:
        if connection.name not in self._edges:
            ports = self._at.ports(connection.name, connection.limits)
            self._edges[connection.name] = Edge(connection, ports, self._night[connection.name], self._life)
        return self._edges[connection.name]  # type: ignore[return-value]


class Life:
    """One engine from its start to its end, by whatever it ends."""

    def __init__(self, number: int, world: World, disk: Disk, systems: dict[str, System], migration: Migration) -> None:
        self.number = number
        self.world = world
        self.dead = False
        self.ended = asyncio.Event()
        self.quiet: set[str] = set()  # waves that a hold has brought to rest ("" for all): nothing may leave for them
        self._disk = disk
        self._systems = systems
        self._migration = migration
        self._stack = AsyncExitStack()
        self._app: Starlette | None = None
        self._lock = ExitStack()  # what the kernel lifts when a process is gone, however it went
        self._writes = 0
        self._sword: tuple[int, bool] | None = None

    # ------------------------------------------------------------ its start and its end

    async def start(self) -> None:
        """Raises what an engine raises that cannot start."""
        await self.do(self._start())

    async def _start(self) -> None:
        clock = self.world.engine_clock
        mask = os.umask(0o077)  # as a process of its own it may set it
        self._lock.enter_context(Premises(self._migration.folder).locked())
        os.umask(mask)
        ledger = Ledger(self._disk.path, clock, self._witness, self._disk.connecting(lambda: not self.dead))
        await ledger.open()
        self.ledger = ledger
        stack = self._stack
        stack.push_async_callback(ledger.close)
        telemetry = Telemetry(clock)
        self.pacing = pacing = Pacing(clock, None, telemetry.called)
        systems = Switchboard(pacing, self._systems, self)

        async def of(migration: Migration) -> Assembly:
            return await assemble(migration, ledger, systems, clock, _SECRET)

        async def afresh() -> Assembly:
            return await of(self._migration)

        self.conductor = conductor = Conductor(ledger, pacing, clock, telemetry, _SECRET, await afresh(), afresh)
        await conductor.take_up_holds()
        self.snapshots = Snapshots(conductor, ledger, pacing, telemetry, clock)
        self.rollbacks = Rollbacks(conductor, ledger)
        self.comparing = Comparing(conductor, ledger, pacing, clock, _SECRET)
        await stack.enter_async_context(self.comparing.kept())
        self.verifications = Verifications(conductor, ledger, clock)
        stack.push_async_callback(self.verifications.end)
        self.repairs = Repairs(conductor, ledger, clock)
        self.reruns = Reruns(conductor, ledger, _SECRET, of)
        self.signoffs = SignOffs(conductor, ledger, lambda: Seal(_SECRET), clock)
        if self.world.plan.by_door:
            self._app = doorway(self, telemetry)
        self.world.say("engine", f"life {self.number} begins")

    def migrate(self, migration: Migration) -> None:
        """The folder stands like this from here on."""
        self._migration = migration

    @property
    def busy(self) -> bool:
        return self.conductor.busy or self.comparing.busy or self.verifications.busy

    @property
    def path(self) -> Path:
        return self._disk.path

    async def stop(self) -> None:
        """An end in good order: what the process does on SIGTERM."""
        await self.do(self.conductor.end())
        if not self.dead:
            await self.do(self._stack.aclose())
            self._lock.close()
            self.world.say("engine", f"life {self.number} ends in good order")
            if self.world.follower is not None:
                self.world.follower.killed()
            self.dead = True
            self.ended.set()

    def kill(self, how: str) -> None:
        """From here on, nothing that this engine does has any effect."""
        if self.dead:
            return
        self.dead = True
        self._lock.close()
        self.world.met.deaths[how] += not how.startswith("it did not")
        self.world.say("engine", f"life {self.number} dies: {how}")
        self._disk.die(power=how == "power cut")
        if self.world.follower is not None:
            self.world.follower.killed()
        self.ended.set()

    async def bury(self) -> None:
        """End all its tasks; every port is dead to them."""
        here = asyncio.current_task()
        tasks = self.world.loop.lives.pop(self.number, [])
        for _ in range(_BURIAL):
            left = [task for task in tasks if not task.done() and task is not here]
            if not left:
                break
            for task in left:
                task.cancel()
            await asyncio.sleep(0)
            tasks += self.world.loop.lives.pop(self.number, [])
        else:
            self.world.violated("a task of an engine cannot be ended: " + ", ".join(sorted(t.get_name() for t in left)))
        for task in tasks:
            if task.done() and not task.cancelled():
                task.exception()

    # ------------------------------------------------------------ inside

    async def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Let this engine do something. Raises Dead when it does not live to answer."""
        if self.dead:
            work.close()
            raise Dead
        context = copy_context()
        context.run(LIFE.set, self.number)
        task = asyncio.get_running_loop().create_task(work, context=context)
        waiting = asyncio.ensure_future(self.ended.wait())
        try:
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if task.done() and not task.cancelled():
            return task.result()
        raise Dead

    async def give(self, command: BaseModel) -> Receipt:
        """To the door, or straight to the room behind it. Raises what refuses it."""
        if self._app is not None:
            self.world.checked("door")
            receipt = await self.do(give(self._app, command))
        else:
            receipt = await self.do(self._room(command))
        assert isinstance(receipt, Receipt)
        return receipt

    def _room(self, command: Any) -> Coroutine[Any, Any, Any]:
        conductor = self.conductor
        rooms: dict[str, Callable[[Any], Coroutine[Any, Any, Any]]] = {
            "Sign": self.signoffs.sign,
            "Reconcile": self.comparing.reconcile,
            "Repair": self.repairs.repair,
            "Rollback": self.rollbacks.roll_back,
            "Rerun": self.reruns.rerun,
            "Verify": self.verifications.verify,
            "Run": conductor.run,
            "Pause": conductor.pause,
            "Resume": conductor.resume,
            "Retry": conductor.retry,
            "Exclude": conductor.exclude,
            "Resolve": conductor.resolve,
            "Stop": conductor.stop,
        }
        return rooms[type(command).__name__](command)

    def living(self) -> None:
        if self.dead:
            raise Dead

    def draw(self, n: int, *, late: bool) -> None:
        """It dies at the n-th durable write from now, before it or after."""
        self._sword = (self._writes + n, late)

    def sheathe(self) -> None:
        """What has not killed it by now does not."""
        self._sword = None

    def _witness(self, when: str, point: str) -> None:
        self.living()
        if when == "before":
            self._writes += 1
        if when == "after" and self.world.follower is not None:
            self.world.follower(when, point)
        drawn = self._sword is not None and (self._writes, when == "after") == self._sword
        if self.world.fatal(when, point) or drawn:
            self.kill(f"{when} {point}")
            raise Dead
        if when == "after":
            self.world.say("ledger", point)

    def called(self, system: str, call: str, args: tuple[Any, ...]) -> None:
        what = args[0] if args else ""
        entity = what if isinstance(what, str) else getattr(what, "entity", "")
        which = args[1] if len(args) > 1 and isinstance(args[1], (list, tuple)) else ()
        named = ", ".join(_name(one) for one in which[:4]) + (f" and {len(which) - 4} more" if len(which) > 4 else "")
        self.world.say(system, f"{call} {entity} {named}".rstrip())
        self.world.checked("I7", "" in self.quiet)
        if call in WRITES and "" in self.quiet:
            self.world.violated(f"I7: {call} {entity} left although everything is held and was said to be at rest")

    def foreseen(self, call: str, entity: str, writes: Sequence[Any]) -> None:
        """A call that leaves now: the ledger on disk has to know of it."""
        flows = [each for flow in self.conductor.assembly.flows.values() for each in (flow, *flow.children)]
        self.world.checked("foreseen", len(writes))
        for what in unforeseen(self.path, flows, call, entity, writes):
            self.world.violated(what)


def _name(one: Any) -> str:
    """A key, or what a write is about."""
    if isinstance(one, str):
        return one
    return f"{one.target or one.xid[:6]}" if hasattr(one, "target") else str(one.xid[:6])
