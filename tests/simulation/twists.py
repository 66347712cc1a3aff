"""Turns for the worse, for nights that break nothing any more: each is drawn from the seed like a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from connectors.kit.errors import ConnectorError
from engine.errors import EngineError
from engine.wire import Exclude, Reconcile, Repair, Rerun, Resolve, Retry, Rollback, Run, Verify
from tests.simulation.edge import System
from tests.simulation.engine import Life
from tests.simulation.folder import migration
from tests.simulation.operator import Operator
from tests.simulation.people import People
from tests.simulation.plan import Act, Fault, Plan
from tests.simulation.world import Dead, World

TWISTS: dict[str, str] = {
    "two operators": "a second person gives commands, and waits for no answer",
    "three waves": "three waves whose filters overlap; records wander among them",
    "new mappings": "the playbook is edited in the night; at dawn every wave is carried again with the newest",
    "marks torn off": "people at the target take our external id from records",
    "things torn off": "people at the target edit and delete comments, files and links of ours",
    "comments go": "comments and files are deleted at the source",
    "automation": "a rule at the target writes over what was just created",
    "keys again": "records are deleted at the source and come back under the same key",
    "odd keys": "keys with quotes, slashes, spaces, and what sorts or compares in surprising ways",
    "odd texts": "emoji, right to left, NUL, half a surrogate, 64 KB",
    "deadly": "an engine dies every few seconds",
    "nobody can tell": "a create without an answer cannot be looked up at all",
    "bad reads": "the ledger's disk fails to read, now and then",
    "steps of the clock": "the engine's clock jumps again and again, by up to two days",
}

_BOB = "bob"


def twisted(seed: int, plan: Plan) -> Plan:
    chance = Random(f"twisted {seed}")
    twists = tuple(word for word in TWISTS if chance.random() < 0.25) or (chance.choice(tuple(TWISTS)),)
    faults = list(plan.faults)

    def more(
        name: str, n: int, size: Callable[[], float] = lambda: 0.0, seconds: float = 0.0, rate: float = 1.0
    ) -> None:
        for _ in range(n):
            start = chance.random() * plan.length
            late = chance.random() < 0.5
            faults.append(Fault(len(faults), name, "", "", start, start + seconds, rate, size(), late))

    if "deadly" in twists:
        for name in ("kill", "kill at write", "kill at write", "power cut"):
            more(name, chance.randint(1, 5), lambda: float(chance.randint(1, 30)))
    if "steps of the clock" in twists:
        more("clock jump", chance.randint(2, 12), lambda: chance.choice((-1.0, 1.0)) * 10 ** chance.uniform(-1, 5.2))
    if "bad reads" in twists:
        more("bad read", chance.randint(1, 4), seconds=chance.choice((0.2, 2.0)), rate=chance.choice((0.02, 0.3)))
    acts = tuple(_other(act, twists) for act in plan.acts)
    target = {**plan.target, "creates": "none"} if "nobody can tell" in twists else plan.target
    if "nobody can tell" in twists:  # of links, too: there a second one is made when an answer is lost
        plan = replace(plan, field_reference=True)
    if "three waves" in twists:
        plan = replace(plan, waves=("pilot", "vip", "rest"))
    return replace(plan, twists=twists, faults=tuple(faults), acts=acts, target=target)


def _other(act: Act, twists: tuple[str, ...]) -> Act:
    if "two operators" in twists and act.what == "sign":  # whether that stands, nobody knows beside another's commands
        act = replace(act, what="look")
    if "three waves" in twists and int(act.dice * 1000) % 3 == 0:
        act = replace(act, wave="vip")
    return act


def turns(operator: Operator, world: World, folder: Path) -> list[Coroutine[Any, Any, None]]:
    """What else goes on this night."""
    made: list[Coroutine[Any, Any, None]] = []
    if "two operators" in world.plan.twists:
        made.append(Second(operator, world).work())
    if "new mappings" in world.plan.twists:
        made.append(_edit_mappings(operator, world, folder))
    return made


async def _edit_mappings(operator: Operator, world: World, folder: Path) -> None:
    chance = Random(f"mappings {world.plan.seed}")
    for edition in range(1, chance.randint(2, 4)):
        await asyncio.sleep(chance.random() * world.plan.length / 3)
        world.edition = edition
        world.say("editor", f"edition {edition} of the playbook")
        operator.migrate(migration(folder, world.plan, edition))


class OddPeople(People):
    """Who do what nobody thought of."""

    def __init__(self, world: World, left: System, right: System) -> None:
        super().__init__(world, left, right)
        self._odd = Random(f"odd people {world.plan.seed}")
        self._gone: list[str] = []

    def _name(self) -> str:
        if "odd keys" not in self._world.plan.twists:
            return super()._name()
        n = self._made
        return self._odd.choice(
            (f"I{n:04}", f"i{n:04}", f"{n}", f"I{n:04}>parent>I0001", f"Ü {n:04}", f"'{n}\"/", f"𝕀{n}")
        )

    def _text(self, text: str) -> str:
        if "odd texts" not in self._world.plan.twists:
            return text
        odd = self._odd.choice(("", "🖨️🔥", "‮txet‬", "\x00", "\ud800", "x" * 65_537, "\r\n\t", "é", "é"))
        return text + odd

    async def work(self) -> None:
        going = asyncio.ensure_future(self._automation()) if "automation" in self._world.plan.twists else None
        await super().work()
        if going is not None:
            going.cancel()

    async def _automation(self) -> None:
        store, seen = self._right.store, set[str]()
        while True:
            await asyncio.sleep(0.1 + self._odd.random())
            table = store.tables["issue"]
            for key in [key for key in table.xids if key not in seen]:
                seen.add(key)
                if self._odd.random() < 0.3:
                    store.edit("issue", key, {"title": f"by a rule {self._odd.random()}"}, by="rule")
                    self._world.touched.setdefault(("issue", key), set()).add("title")
                    self._world.say("rule", f"writes over issue {key}")

    async def _at_source(self) -> None:
        if "comments go" in self._world.plan.twists and self._odd.random() < 0.2:
            self._remove_a_comment()
        if "keys again" in self._world.plan.twists and self._odd.random() < 0.2:
            self._go_or_come_back()
        await super()._at_source()

    def _go_or_come_back(self) -> None:
        store, keys = self._left.store, self._keys("incident")
        if self._gone and self._odd.random() < 0.7:
            key = self._gone.pop(self._odd.randrange(len(self._gone)))
            if store.get("incident", key) is None:
                self._left.remember("incident", key)
                store.put("incident", key, self._fields(key))
                self._world.say("person", f"brings back incident {key}")
        elif keys:
            key = self._odd.choice(keys)
            self._left.remember("incident", key)
            store.remove("incident", key)
            self._gone.append(key)
            self._world.say("person", f"deletes incident {key} for a while")

    def _remove_a_comment(self) -> None:
        entity = self._odd.choice(("comment", "attachment"))
        if keys := self._keys(entity):
            key = self._odd.choice(keys)
            self._left.remember(entity, key)
            self._left.store.remove(entity, key)
            self._world.say("person", f"deletes {entity} {key}")

    def _tear_off(self) -> None:
        store, entity = self._right.store, self._odd.choice(("comment", "attachment", "link"))
        table = store.tables[entity]
        if ours := [key for key in table.keys if key in table.xids]:
            key = self._odd.choice(ours)
            there = table.rows[key]
            on = there.parent or str(there.fields["from"])
            self._world.touched.setdefault(("issue", on), set())
            if entity == "comment" and self._odd.random() < 0.5:
                store.edit(entity, key, {"body": "rosa was here"}, by="rosa")
                self._world.torn.add((entity, key))
            elif entity == "link":
                store.remove(entity, key, by="rosa")
                self._world.torn.add((str(there.fields["from"]), str(there.fields["to"])))
            else:
                store.remove(entity, key, by="rosa")
                self._world.torn.add((entity, key))
            self._world.say("rosa", f"touches {entity} {key}")

    async def _at_target(self) -> None:
        if "things torn off" in self._world.plan.twists and self._odd.random() < 0.3:
            self._tear_off()
        table = self._right.store.tables["issue"]
        ours = [key for key in table.keys if key in table.xids]
        if "marks torn off" in self._world.plan.twists and ours and self._odd.random() < 0.3:
            key = self._odd.choice(ours)
            table.sign(key, "")
            self._right.store.edit("issue", key, {}, by="rosa")
            self._world.touched.setdefault(("issue", key), set()).add("external id")
            self._world.say("rosa", f"takes our id from issue {key}")
        await super()._at_target()


class Second:
    """Another operator, who waits for nobody."""

    def __init__(self, operator: Operator, world: World) -> None:
        self._operator = operator
        self._world = world
        self._chance = Random(f"second operator {world.plan.seed}")
        self._given: set[asyncio.Task[None]] = set()

    async def work(self) -> None:
        world = self._world
        mean = world.plan.length / self._chance.choice((5, 15, 40))
        while (wait := self._chance.expovariate(1 / mean)) < world.plan.length - world.loop.time():
            await asyncio.sleep(wait)
            life = self._operator.life
            if life is None or life.dead:
                continue
            word, command = self._drawn(life)
            world.say(_BOB, word)
            task = asyncio.ensure_future(self._give(word, command))
            self._given.add(task)
        if self._given:
            await asyncio.wait(self._given)
        for task in self._given:
            task.result()

    async def _give(self, word: str, command: Coroutine[Any, Any, Any]) -> None:
        try:
            await command
            self._world.say(_BOB, f"{word}: taken")
        except (EngineError, ConnectorError) as error:
            self._world.say(_BOB, f"{word}: refused: {error}")
        except ExceptionGroup as group:
            known, unknown = group.split((EngineError, ConnectorError))
            if unknown is not None:
                raise
            self._world.say(_BOB, f"{word}: refused: {known}")
        except Dead:
            self._world.say(_BOB, f"{word}: the engine is dead")

    def _drawn(self, life: Life) -> tuple[str, Coroutine[Any, Any, Any]]:
        chance, conductor = self._chance, life.conductor
        wave = chance.choice(tuple(conductor.assembly.waves))
        there = sorted(self._world.stores["left"].tables["incident"].keys)
        keys = chance.sample(there, min(1, len(there)))
        same = chance.choice(("newest", "same"))
        deeds: list[tuple[str, Callable[[], Coroutine[Any, Any, Any]]]] = [
            ("run", lambda: conductor.run(Run(by=_BOB))),
            (f"run {wave}", lambda: conductor.run(Run(waves=[wave], by=_BOB))),
            ("retry", lambda: conductor.retry(Retry(by=_BOB))),
            (f"retry {keys}", lambda: conductor.retry(Retry(keys=keys, by=_BOB))),
            (f"exclude {keys}", lambda: conductor.exclude(Exclude(keys=keys, reason="no", by=_BOB))),
            (f"rerun {wave} {same}", lambda: life.reruns.rerun(Rerun(wave=wave, mapping=same, despite="so", by=_BOB))),
            (
                f"rerun {keys}",
                lambda: life.reruns.rerun(Rerun(wave=wave, keys=keys, mapping=same, despite="so", by=_BOB)),
            ),
            (f"rerun failed {wave}", lambda: life.reruns.rerun(Rerun(wave=wave, failed=True, despite="so", by=_BOB))),
            (f"preview a rerun {wave}", lambda: life.reruns.preview(Rerun(wave=wave, mapping=same, by=_BOB))),
            (f"repair {wave}", lambda: life.repairs.repair(Repair(wave=wave, by=_BOB))),
            (f"repair all {wave}", lambda: life.repairs.repair(Repair(wave=wave, also_edited=wave, by=_BOB))),
            (f"preview a rollback {wave}", lambda: life.rollbacks.preview(wave)),
            (f"roll back {wave}", lambda: life.rollbacks.roll_back(Rollback(wave=wave, despite="so", by=_BOB))),
            ("reconcile", lambda: life.comparing.reconcile(Reconcile(by=_BOB))),
            (f"reconcile {wave}", lambda: life.comparing.reconcile(Reconcile(wave=wave, sample=3, by=_BOB))),
            ("reconcile fully", lambda: life.comparing.reconcile(Reconcile(full=True, by=_BOB))),
            ("verify", lambda: life.verifications.verify(Verify(by=_BOB))),
            ("look", lambda: life.snapshots.take()),
            ("resolve", lambda: self._resolve(life)),
        ]
        word, deed = chance.choice(deeds)
        return word, life.do(deed())

    async def _resolve(self, life: Life) -> None:
        """Say of one record in doubt what is true."""
        flows = {f.name: f for top in life.conductor.assembly.flows.values() for f in (top, *top.children)}
        for row in (await life.ledger.aside(limit=100))[:5]:
            flow = flows[row.entity]
            there = self._world.stores["right"].tables[flow.target_entity].owner.get(flow.xid(row.key), "")
            await life.conductor.resolve(Resolve(key=row.key, target=there, by=_BOB))
