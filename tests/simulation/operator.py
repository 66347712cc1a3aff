"""Who steers the engine through the night, and brings everything to its end at dawn."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from random import Random
from typing import Any

from connectors.kit.errors import ConnectorError
from engine.errors import EngineError, Occupied
from engine.model import LOADED, Bucket, WaveState
from engine.wire import (
    Exclude,
    Pause,
    Reconcile,
    Repair,
    Rerun,
    Resolve,
    Resume,
    Retry,
    Rollback,
    Run,
    Sign,
    Stop,
    Verify,
)
from runbooks.migration import Migration
from tests.simulation.disk import Disk
from tests.simulation.edge import System
from tests.simulation.engine import Life
from tests.simulation.invariants import rework
from tests.simulation.plan import Act, Fault
from tests.simulation.world import Dead, World

_BY = "ana"
_LONG = 72 * 3600.0  # seconds within which whatever was begun must have ended, once all faults are over
_LOOK = 900.0  # seconds after which somebody looks at a run that goes on at dawn
_ROUNDS = 16  # of running, mending and asking, after which all of it must be loaded
_ALONE = ("retry", "exclude", "rerun", "sign", "repair", "roll back")  # refused while something runs
_PATIENCE = 60.0  # seconds
_DEADLY = ("kill", "kill at write", "power cut")


class Operator:
    """Gives commands, starts engines that died, remembers what was promised."""

    def __init__(self, world: World, disk: Disk, systems: dict[str, System], migration: Migration) -> None:
        self._world = world
        self._disk = disk
        self._systems = systems
        self._migration = migration
        self._chance = Random(f"operator {world.plan.seed}")
        self.lives = 0
        self._holds: set[str] = set()  # as the engine has promised
        self._perhaps: set[str] = set()  # asked for, and no answer came: held or not
        self._signed: set[str] = set()
        self.life: Life | None = None

    # ------------------------------------------------------------ the night

    async def work(self) -> None:
        faults = self._world.plan.faults
        deaths = sorted((f for f in faults if f.name in _DEADLY and not f.call), key=lambda f: f.start)
        reaper = asyncio.ensure_future(self._reap(deaths))
        for act in self._world.plan.acts:
            await self._pause_for(act.after)
            if self._world.loop.time() > self._world.plan.length:
                break
            await self._act(act)
        await self._pause_for(self._world.plan.length - self._world.loop.time())
        reaper.cancel()

    async def _pause_for(self, seconds: float) -> None:
        """Time passes; an engine that died meanwhile is started again."""
        until = self._world.loop.time() + max(0.0, seconds)
        while (left := until - self._world.loop.time()) > 1e-6:
            if self.life is not None and self.life.dead:
                await self._bury()
            if self.life is not None:
                waiting = asyncio.ensure_future(self.life.ended.wait())
                await asyncio.wait({waiting}, timeout=left)
                waiting.cancel()
                if self.life.dead:
                    await asyncio.sleep(self._chance.random() * 2)
                    await self._living()
            else:
                await asyncio.sleep(left)

    async def _reap(self, deaths: list[Fault]) -> None:
        for death in deaths:
            await asyncio.sleep(max(0.0, death.start - self._world.loop.time()))
            if self.life is None or self.life.dead:
                continue
            self._world.met.struck[death.name] += 1
            if death.name == "kill at write":
                self.life.draw(int(death.size), late=death.late)
            else:
                self.life.kill(death.name)

    async def _living(self) -> Life:
        """An engine that runs; started when there is none."""
        for _ in range(50):
            if self.life is not None and not self.life.dead:
                return self.life
            await self._bury()
            self.lives += 1
            life = Life(self.lives, self._world, self._disk, self._systems, self._migration)
            try:
                await life.start()
            except (EngineError, ConnectorError) as error:
                self._world.say("engine", f"does not start: {error}")
                life.kill("it did not start")
                self.life = life
                await asyncio.sleep(5.0)
                continue
            except Dead:
                self.life = life
                continue
            self.life = life
            life.migrate(self._migration)  # it may have changed while this engine started
            try:
                await self._check_promises(life)
            except EngineError as error:
                self._world.say("engine", f"cannot be asked: {error}")
            if self.lives > 1:
                rework(self._world, self._disk.path)
        self._world.violated("I8: the engine does not start any more")
        raise Dead

    async def _bury(self) -> None:
        if self.life is not None:
            await self.life.bury()
            self.life = None

    async def _check_promises(self, life: Life) -> None:
        """I7: what was acknowledged before the death stands after it."""
        self._world.checked("I7", len(self._holds) + len(self._signed))
        holds = {hold.wave for hold in await life.do(life.ledger.holds())}
        if missing := self._holds - self._perhaps - holds:
            self._world.violated(f"I7: a hold was acknowledged and is gone: {sorted(missing)}")
        for wave in sorted(self._holds):
            if life.pacing.held(wave) is None and wave not in self._perhaps:
                self._world.violated(f"I7: a hold on {wave or 'all'} is on disk and not in force")
        rows = await life.do(life.ledger.waves())
        for wave in sorted(self._signed):
            if rows[wave].state is not WaveState.SIGNED_OFF:
                self._world.violated(f"I7: {wave} was signed, and is {rows[wave].state}")

    # ------------------------------------------------------------ commands

    async def _act(self, act: Act) -> None:
        """One deed. Refusals are answers; the death of the engine is none."""
        life = await self._living()
        if self._world.plan.patient and act.what in _ALONE:
            await self._a_while(life)
            life = await self._living()
        self._world.say("operator", f"{act.what} {act.wave}")
        try:
            word = await self._command(life, act)
            self._answered(act, "taken")
            self._world.say("engine", f"says: {word}")
        except (EngineError, ConnectorError) as error:
            self._answered(act, "refused")
            self._world.say("engine", f"refuses: {error}")
        except ExceptionGroup as group:
            known, unknown = group.split((EngineError, ConnectorError))
            if unknown is not None:
                raise
            self._answered(act, "refused")
            self._world.say("engine", f"refuses: {known}")
        except Dead:
            self._answered(act, "no answer")
            self._world.say("operator", "no answer: the engine is dead")

    async def _a_while(self, life: Life) -> None:
        until = self._world.loop.time() + _PATIENCE
        while life.busy and not life.dead and self._world.loop.time() < until:
            await asyncio.sleep(0.5)

    def _answered(self, act: Act, how: str) -> None:
        self._world.met.commands[f"{act.what}: {how}"] += 1

    async def _command(self, life: Life, act: Act) -> str:
        what, wave = act.what, act.wave
        if what in ("run", "run one"):
            return await self._run(life, [wave] if what == "run one" else [])
        if what in ("pause", "pause one"):
            return await self._hold(life, wave if what == "pause one" else "")
        if what == "resume":
            return await self._lift(life)
        if what == "stop":
            return await self._stop(life, act)
        if what == "sign":
            return await self._sign(life, wave, "it is late" if act.dice < 0.3 else "")
        if what == "roll back":
            return await self._roll_back(life, wave, "it must be" if act.dice < 0.5 else "")
        if what == "rerun":
            command = Rerun(wave=wave, failed=act.dice < 0.3, mapping="newest" if act.dice < 0.8 else "same", by=_BY)
            if act.dice < 0.5:
                await life.do(life.reruns.preview(command))
            self._signed.discard(wave)
            return str((await life.give(command)).message)
        if what == "repair":
            self._signed.discard(wave)
            return str((await life.give(Repair(wave=wave, by=_BY))).message)
        if what == "wrong":
            return await self._wrong(life, act)
        if what == "retry":
            self._signed.clear()
        looks = {
            "preview": lambda: life.rollbacks.preview(wave),
            "look": lambda: life.snapshots.take(),
        }
        if what in looks:
            await life.do(looks[what]())
            if self._world.plan.by_door:
                await self._another()
            return what
        commands = {
            "retry": Retry(by=_BY),
            "exclude": Exclude(wave=wave, reason="not needed", by=_BY),
            "reconcile": Reconcile(by=_BY),
            "reconcile fully": Reconcile(full=True, by=_BY),
            "verify": Verify(by=_BY),
        }
        return str((await life.give(commands[what])).message)

    async def _another(self) -> None:
        """Somebody starts an engine where one runs already."""
        other = Life(self.lives + 1, self._world, self._disk, self._systems, self._migration)
        self._world.checked("one")
        try:
            await other.start()
        except Occupied:
            return
        self._world.violated("two engines run in one folder")

    async def _run(self, life: Life, waves: list[str]) -> str:
        self._signed.difference_update(waves or self._signed)
        return str((await life.give(Run(waves=waves, by=_BY))).message)

    async def _hold(self, life: Life, wave: str) -> str:
        self._perhaps.add(wave)
        receipt = await life.give(Pause(wave=wave, reason="wait", by=_BY))
        self._perhaps.discard(wave)
        self._holds.add(wave)
        if receipt.effective and not wave and not life.comparing.busy and not life.verifications.busy:
            life.quiet.add("")
        return str(receipt.message)

    async def _lift(self, life: Life) -> str:
        life.quiet.clear()
        self._perhaps |= self._holds
        message = (await life.give(Resume(by=_BY))).message
        self._holds.clear()
        self._perhaps.clear()
        return str(message)

    async def _stop(self, life: Life, act: Act) -> str:
        life.quiet.clear()
        if act.dice < 0.5:
            await life.give(Stop(by=_BY))
        stopping = asyncio.ensure_future(life.stop())
        done, _ = await asyncio.wait({stopping}, timeout=600)
        if not done:
            self._world.violated("I8: an engine that was told to stop goes on")
            stopping.cancel()
            life.kill("it did not stop")
        else:
            stopping.result()
        await asyncio.sleep(act.dice * 10)
        await self._living()
        return "stopped, and started again"

    async def _sign(self, life: Life, wave: str, despite: str) -> str:
        try:
            message = (await life.give(Sign(wave=wave, despite=despite, by=_BY))).message
        except Dead:
            self._world.signed = True  # perhaps
            raise
        self._signed.add(wave)
        self._world.signed = True
        return str(message)

    async def _roll_back(self, life: Life, wave: str, despite: str) -> str:
        self._signed.discard(wave)
        return str((await life.give(Rollback(wave=wave, despite=despite, by=_BY))).message)

    async def _wrong(self, life: Life, act: Act) -> str:
        """Keys that nobody meant."""
        wrong = (
            Run(waves=["plot"], by=_BY),
            Pause(wave="plot", reason="", by=_BY),
            Resolve(key="I9999", by=_BY),
            Exclude(wave="pilot", reason=" ", by=_BY),
            Rollback(wave="plot", by=_BY),
        )
        await life.give(wrong[int(act.dice * len(wrong))])
        raise AssertionError("a wrong command was taken")

    # ------------------------------------------------------------ dawn

    async def finish(self) -> None:
        """No more faults, nobody edits any more: bring every wave to its end."""
        self._world.say("operator", "dawn: everything is to be brought to its end")
        self._world.dawn = True
        if self.life is not None:
            self.life.sheathe()
        jumps = [fault.name for fault in self._world.plan.faults if fault.name == "clock jump"]
        self._world.met.struck.update(jumps)
        once_more = 2  # times that all is run again once it is loaded, as people would who are not sure
        for number in range(_ROUNDS):
            life = await self._living()
            await self._try(self._lift(life))
            await self._over(life)
            rows = await life.do(life.ledger.waves())
            todo = [name for name, row in rows.items() if row.state not in LOADED]
            aside = await life.do(life.ledger.aside(limit=10_000))
            self._world.say("operator", f"round {number}: {[(n, str(r.state), r.cause[:90]) for n, r in rows.items()]}")
            await self._resolve(life, [row for row in aside if row.bucket is Bucket.IN_DOUBT])
            if half := [name for name, row in rows.items() if row.state is WaveState.ROLLING_BACK]:
                await self._try(self._roll_back(life, half[-1], "it must be"))
            elif drifted := [name for name in todo if rows[name].cause.startswith("drift")]:
                if not await self._try(life.give(Repair(wave=drifted[0], by=_BY))):
                    await self._try(life.give(Reconcile(full=True, by=_BY)))
                    await self._over(life)
                    if not await self._try(self._run(life, todo)) and "new mappings" in self._world.plan.twists:
                        await self._try(life.give(Rerun(wave=drifted[0], mapping="newest", by=_BY)))  # as it says
            elif todo:
                if not await self._try(self._run(life, todo)) and "new mappings" in self._world.plan.twists:
                    for name in todo:  # as that refusal says, of one of them
                        if await self._try(life.do(life.reruns.rerun(Rerun(wave=name, mapping="newest", by=_BY)))):
                            break
            elif once_more:
                once_more -= 1
                await self._try(self._run(life, list(rows)))
            elif any(row.bucket is Bucket.QUARANTINED for row in aside) and number < 10:
                await self._try(life.give(Retry(by=_BY)))
            else:
                return
            await self._over(life)
        life = await self._living()
        rows = await life.do(life.ledger.waves())
        for name, row in rows.items():
            if row.state not in LOADED:
                for one in (await life.do(life.comparing.rows(wave=name, keys=()))).rows:
                    self._world.say(
                        "drift", f"{one.kind} {one.entity} {one.key} {one.field} at {one.target} by {one.by}"
                    )
                self._world.violated(f"I8: {name} cannot be loaded, it is {row.state}: {row.cause}")

    def migrate(self, migration: Migration) -> None:
        self._migration = migration
        if self.life is not None:
            self.life.migrate(migration)

    async def carry_all_again(self) -> None:
        """With the newest mapping, every wave."""
        self._world.say("operator", "all of it is to be carried again, with the newest mapping")
        for wave in list(await (await self._living()).do((await self._living()).ledger.waves())):
            life = await self._living()
            await self._try(life.do(life.reruns.rerun(Rerun(wave=wave, mapping="newest", despite="so", by=_BY))))
            await self._over(life)
        await self.finish()

    async def undo_all(self) -> None:
        """Roll every wave back, the last one first."""
        self._world.say("operator", "all of it is to be undone")
        life = await self._living()
        for wave in reversed(list(await life.do(life.ledger.waves()))):
            await self._try(self._roll_back(life, wave, "it must be"))
            await self._over(life)
            row = (await life.do(life.ledger.waves()))[wave]
            if row.state is not WaveState.ROLLED_BACK:
                self._world.violated(f"I8: {wave} cannot be rolled back, it is {row.state}: {row.cause}")

    async def close(self) -> None:
        if self.life is not None:
            await self.life.stop()
            await self._bury()

    async def _try(self, work: Coroutine[Any, Any, Any]) -> bool:
        try:
            self._world.say("engine", f"says: {getattr(await work, 'message', 'done')}")
        except (EngineError, ConnectorError) as error:
            self._world.say("engine", f"refuses: {error}")
            return False
        return True

    async def _over(self, life: Life) -> None:
        began = looked = self._world.loop.time()
        while life.busy:
            if self._world.dawn and self._world.loop.time() > looked + _LOOK:
                looked = self._world.loop.time()
                await self._try(self._lift(life))  # a system that was away until dawn has made the engine hold it
            if self._world.loop.time() > began + _LONG:
                waits = life.pacing.reasons()
                self._world.violated(f"I8: a run does not end; it waits for {waits}")
                raise Dead
            await asyncio.sleep(1.0)
            if life.dead:
                return

    async def _resolve(self, life: Life, rows: list[Any]) -> None:
        flows = {f.name: f for top in life.conductor.assembly.flows.values() for f in (top, *top.children)}
        for row in rows:
            flow = flows[row.entity]
            while any(flow.xid(row.key) in flight.xids for flight in self._world.flights):
                await asyncio.sleep(1.0)  # who looks before all is settled there tells what is not so
            there = self._systems["right"].store.tables[flow.target_entity].owner.get(flow.xid(row.key), "")
            await self._try(life.give(Resolve(key=row.key, target=there, by=_BY)))
