"""One seed, one night: from the first record to the verdict."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.simulation.conformance import Follower
from tests.simulation.disk import Disk
from tests.simulation.edge import System
from tests.simulation.folder import migration
from tests.simulation.invariants import Judge, Watchman, imaged
from tests.simulation.loop import Loop, Stuck
from tests.simulation.operator import Operator
from tests.simulation.people import People
from tests.simulation.plan import Plan
from tests.simulation.twists import OddPeople, turns
from tests.simulation.world import Dead, Met, World

_STEPS = 400_000  # rounds of the loop: a hundred times what a usual night takes
_MEMORY = Path("/dev/shm")


@dataclass
class Verdict:
    plan: Plan
    digest: str
    violations: list[str]
    story: list[str]
    met: Met = field(default_factory=Met)
    lives: int = 0
    seconds: float = 0.0  # of the night

    @property
    def held(self) -> bool:
        return not self.violations


def play(plan: Plan) -> Verdict:
    """Play this night to its end. Leaves nothing behind."""
    loop = Loop(_STEPS)
    folder = Path(tempfile.mkdtemp(prefix="night-", dir=_MEMORY if _MEMORY.is_dir() else None))
    world = World(loop, plan)
    asyncio.set_event_loop(loop)
    lives = 0
    gc.disable()  # what is thrown away must not act at a moment that no seed knows
    try:
        operator = loop.run_until_complete(_whole(world, folder))
        lives = operator.lives
    except Stuck as error:
        world.violated(f"I8: {error}")
    except Dead:
        pass  # why was said where it happened
    except Exception as error:  # noqa: BLE001 - an error of the engine itself is a finding, too
        world.violated(f"an error that nobody foresaw: {_told(error)}")
    finally:
        _clear_away(loop, world)
        gc.enable()
        shutil.rmtree(folder, ignore_errors=True)
        world.close()
    for what in loop.broken:
        world.violations.append(f"an error that nobody heard: {what}")
    world.checked("I8")
    journal = world.journal
    return Verdict(plan, journal.digest, world.violations, journal.lines, world.met, lives, loop.time())


async def _whole(world: World, folder: Path) -> Operator:
    plan = world.plan
    left, right = System(world, "left", plan.source), System(world, "right", plan.target)
    Watchman(world, right)
    systems = {"left": left, "right": right}
    people = (OddPeople if plan.twists else People)(world, left, right)
    people.fill()
    disk = Disk(folder, world)
    operator = Operator(world, disk, systems, migration(folder, plan))
    follower = world.follower = Follower(world, disk) if plan.plain else None
    world.imaged = lambda: imaged(disk.path)
    world.busy = lambda: operator.life is not None and not operator.life.dead and operator.life.busy
    working = [asyncio.ensure_future(work) for work in (people.work(), *turns(operator, world, folder))]
    await operator.work()
    await asyncio.gather(*working)
    await operator.finish()
    if "new mappings" in plan.twists:
        await operator.carry_all_again()
    if not world.violations:
        life = operator.life
        assert life is not None
        await Judge(world, left, right, life).judge()
        if follower is not None:
            follower.judge(life.conductor.assembly.flows["incident"])
        if plan.ends_undone and not world.violations:
            await operator.undo_all()
            Judge(world, left, right, life).undone()
    await operator.close()
    return operator


def _clear_away(loop: Loop, world: World) -> None:
    world.journal.silent = True
    for _ in range(100):
        left = [task for task in asyncio.all_tasks(loop) if not task.done()]
        if not left:
            break
        for task in left:
            task.cancel()
        try:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        except (Stuck, Dead):
            break
    with contextlib.suppress(Stuck, Dead):  # a night that ended in a circle has no rounds left
        loop.run_until_complete(loop.shutdown_asyncgens())
    asyncio.set_event_loop(None)
    loop.close()


def _told(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    trace, last = error.__traceback__, ""
    while trace is not None:
        last = f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__}: {error} ({last})"
