"""Many small waves, each with its own faults, edits by people and kills: a rollback ends as if nothing had gone wrong.

A seed is a night. An engine that is killed here stops at a durable write, before or after it, and nothing of it goes
on: what it had sent stays sent, what it had not written stays unwritten.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from connectors import memory
from engine.assembly import Assembly, assemble
from engine.clock import Clock
from engine.conductor import Conductor
from engine.ledger import Ledger
from engine.model import WaveState
from engine.pacing import Pacing
from engine.rollback import Rollbacks
from engine.systems import Systems
from engine.telemetry import Telemetry
from engine.wire import Rollback, Run
from runbooks.loader import load
from tests.engine.memory_migration import PLAYBOOK, write

SEEDS = 500 if os.environ.get("CUTOVER_FULL") else 6
PART = 2  # seeds of one test
FAULTS = (
    *(("drop_before", call) for call in ("delete", "restore", "create")),
    *(("drop_after", call) for call in ("delete", "restore", "create")),
    *(("unavailable", call) for call in ("others", "hanging", "delete")),
    ("throttle", "stand"),
)
Rows = dict[str, tuple[dict[str, Any], str]]


class Killed(BaseException):
    """The engine is dead."""


class Hasty(Clock):
    """Time that passes as soon as somebody waits for it."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._ahead = 0.0

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self._ahead)

    def monotonic(self) -> float:
        return super().monotonic() + self._ahead

    async def sleep(self, seconds: float) -> None:
        self._ahead += seconds
        await asyncio.sleep(0)


class Sword:
    """Once drawn, falls at the n-th durable write, before or after it; never when n is 0."""

    def __init__(self, n: int, when: str) -> None:
        self._left = n
        self._when = when
        self.drawn = False
        self.fell = asyncio.Event()
        self.at = ""

    def __call__(self, when: str, point: str) -> None:
        if self.drawn and when == self._when and self._left:
            self._left -= 1
            if not self._left:
                self.at = f"{when}:{point}"
                self.fell.set()
                raise Killed(point)


class Engine:
    def __init__(self, conductor: Conductor, ledger: Ledger, sword: Sword) -> None:
        self.conductor = conductor
        self.ledger = ledger
        self.sword = sword

    async def settled(self) -> bool:
        """The run has ended; False when the engine was killed."""
        while self.conductor.busy and not self.sword.fell.is_set():
            await asyncio.sleep(0)
        return not self.sword.fell.is_set()


@asynccontextmanager
async def engine(folder: Path, clock: Hasty, sword: Sword) -> AsyncIterator[Engine]:
    ledger = Ledger(folder / "ledger.db", clock, sword)
    pacing, telemetry, secret = Pacing(clock), Telemetry(clock), b"s" * 32
    systems = Systems(pacing)

    async def afresh() -> Assembly:
        return await assemble(load(folder), ledger, systems, clock, secret)

    try:
        await ledger.open()
        yield Engine(Conductor(ledger, pacing, clock, telemetry, secret, await afresh(), afresh), ledger, sword)
    finally:
        with suppress(Killed):
            await ledger.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await systems.close()


async def given(folder: Path, clock: Hasty, command: Run | Rollback, sword: Sword) -> bool:
    """An engine that is given this command, and stays until its end. False when it was killed."""
    async with engine(folder, clock, sword) as it, asyncio.timeout(20):
        sword.drawn = True

        async def give() -> None:
            if isinstance(command, Run):
                await it.conductor.run(command)
            else:
                await Rollbacks(it.conductor, it.ledger).roll_back(command)

        giving = asyncio.create_task(give())
        while not giving.done() and not sword.fell.is_set():
            await asyncio.sleep(0)
        if giving.done():
            giving.result()
        return await it.settled()


class Seed:
    """One night."""

    def __init__(self, folder: Path, number: int) -> None:
        self.chance = Random(number)
        self.folder = folder / f"seed{number}"
        self.folder.mkdir()
        self.clock = Hasty(number)
        self.left = memory.store(f"{self.folder.name}-left")
        self.right = memory.store(f"{self.folder.name}-right")
        self.edited: dict[str, str] = {}  # records that a person edited, and their version since
        self.kills: list[str] = []
        self._prepare()

    def _prepare(self) -> None:
        chance = self.chance
        creates = chance.choice(("native", "strong", "lagging"))
        target = f"{{ creates: {creates}, search_settle: 1.0, late_commit: 0.2, latency: 0.001, bulk: 5 }}"
        playbook = PLAYBOOK.replace("chunk: 10, workers: 3", "chunk: 4, workers: 2")
        if chance.random() < 0.5:
            playbook = playbook.replace("link: Relates", "field: above")
        updates = chance.random() < 0.5
        if updates:
            rule = "    existing: { match: number, by: number }\n    fields:\n      number: number\n"
            playbook = playbook.replace("    fields:\n", rule, 1)
        write(self.folder, target=target, playbook=playbook)
        n = chance.randint(8, 24)
        for i in range(n):
            fields = {"short_description": f"printer {i}", "priority": str(1 + i % 5), "state": "126"[i % 3]}
            parent = f"I{chance.randrange(n):04}" if chance.random() < 0.5 else ""
            region = chance.choice(("EMEA", "AMER", "AMER"))
            fields["number"] = f"N{i:04}"
            self.left.put("incident", f"I{i:04}", {**fields, "region": region, "parent": parent})
            if updates and chance.random() < 0.4:
                there = {"number": f"N{i:04}", "title": "theirs", "status": chance.choice(("open", "odd"))}
                self.right.put("issue", f"was{i}", there | ({"above": "theirs0"} if chance.random() < 0.3 else {}))
                self.right.put("comment", f"was{i}", {"body": "seen"}, parent=f"was{i}")
            for c in range(chance.randrange(3)):
                self.left.put("comment", f"C{i:04}{c}", {"text": f"call {c}"}, parent=f"I{i:04}")
        for i in range(3):
            self.right.put("issue", f"theirs{i}", {"title": "was there before"})

    def sword(self, share: float, most: int) -> Sword:
        falls = self.chance.random() < share
        return Sword(self.chance.randint(1, most) if falls else 0, self.chance.choice(("before", "after")))

    def rows(self, entity: str) -> Rows:
        return {record.key: (dict(record.fields), record.parent) for record in self.right.records(entity)}

    def break_something(self) -> None:
        kind, call = self.chance.choice(FAULTS)
        self.right.faults.clear()  # with those that did not bite yet they could be so many that the wave is held
        self.right.faults.add(kind, call, times=self.chance.randint(1, 2), seconds=0.01)

    def edit_something(self, before: Rows) -> None:
        ours = [key for key in self.rows("issue") if key not in before or key.startswith("was")]
        if ours:
            key = self.chance.choice(ours)
            self.right.edit("issue", key, {"title": "by a person"}, by="rosa")
            record = self.right.get("issue", key)
            assert record is not None
            self.edited[key] = record.version

    async def play(self) -> None:
        by = "ana"
        assert await given(self.folder, self.clock, Run(waves=["pilot"], by=by), Sword(0, ""))
        before = {entity: self.rows(entity) for entity in ("issue", "comment", "link")}
        if self.chance.random() < 0.5:
            self.break_something()
        sword = self.sword(0.4, 40)
        await given(self.folder, self.clock, Run(waves=["rest"], by=by), sword)
        self.kills.append(f"load {sword.at}")
        for _ in range(self.chance.randrange(3)):
            self.edit_something(before["issue"])
        for _ in range(self.chance.randrange(5)):
            self.break_something()
            sword = self.sword(1.0, 12)
            await self._back(sword)
            self.kills.append(sword.at)
            if self.chance.random() < 0.3:
                self.edit_something(before["issue"])
        self.right.faults.clear()
        await self._back(Sword(0, ""))
        kept = await self._judge(before)
        assert await given(self.folder, self.clock, Run(waves=["rest"], by=by), Sword(0, ""))
        assert set(self.right.copies("issue").values()) <= {1}, self.kills
        assert set(self.right.copies("comment").values()) <= {1}, self.kills
        for key, version in self.edited.items():
            if key in kept or key not in before["issue"]:
                assert self.right.get("issue", key).version == version, f"a later run touched it {self.kills}"  # type: ignore[union-attr]

    async def _back(self, sword: Sword) -> None:
        async with engine(self.folder, self.clock, Sword(0, "")) as it:
            row = (await it.ledger.waves())["rest"]
            left = sum(
                n for (wave, _), sums in (await it.ledger.tally()).items() if wave == row.id for n in sums.values()
            )
        if row.state is WaveState.ROLLED_BACK and not left:
            return
        if row.state is not WaveState.ROLLING_BACK and not row.started and not left:
            return  # it was killed before it began
        await given(self.folder, self.clock, Rollback(wave="rest", by="ana"), sword)

    async def _judge(self, before: dict[str, Rows]) -> set[str]:
        """The target as it was, and the records that a person edited as that person left them. Gives those of them that
        the wave had written."""
        after, edited = {entity: self.rows(entity) for entity in before}, set(self.edited)
        assert set(after["issue"]) == set(before["issue"]) | edited, self.kills
        for key, (fields, _) in before["issue"].items():
            if key in edited:
                continue
            shown = after["issue"][key][0]
            if fields.get("above") != shown.get("above"):
                assert shown["above"] in edited, self.kills
            assert {**fields, "above": ""} == {**shown, "above": ""}, self.kills
        for key, version in self.edited.items():
            assert self.right.get("issue", key).version == version, f"touched {self.kills}"  # type: ignore[union-attr]
        assert all(after["comment"].get(key) == held for key, held in before["comment"].items()), self.kills
        assert all(held[1] in edited for key, held in after["comment"].items() if key not in before["comment"])
        assert all(after["link"].get(key) == held for key, held in before["link"].items()), self.kills
        for key, (link, _) in after["link"].items():
            if key not in before["link"]:
                assert {link["from"], link["to"]} & edited, self.kills
                assert {link["from"], link["to"]} <= set(after["issue"]), self.kills
        async with engine(self.folder, self.clock, Sword(0, "")) as it:
            row = (await it.ledger.waves())["rest"]
            assert row.state is WaveState.ROLLED_BACK or not row.started, (row, self.kills)
            number = await it.ledger.entity("incident")
            kept = await it.ledger.entries(row.id, number, "", 1000)
            held = {entry.target for entry in kept}
            assert held <= edited, self.kills
            assert edited - held <= set(before["issue"]), self.kills  # edited before the wave came to it
            return held


@pytest.mark.timeout(100)
@pytest.mark.parametrize("first", range(0, SEEDS, PART))
def test_a_rollback_with_faults_edits_and_kills_restores_the_target(tmp_path: Path, first: int) -> None:
    for number in range(first, first + PART):
        seed = Seed(tmp_path, number)
        try:
            asyncio.run(seed.play())
        except Exception as error:
            raise AssertionError(f"seed {number}, killed at {seed.kills}") from error
        finally:
            memory.forget(seed.left.name)
            memory.forget(seed.right.name)
