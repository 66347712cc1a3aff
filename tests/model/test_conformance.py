"""Real waves, killed, paused, with answers lost and records edited, are runs of the model; other things are not."""

from __future__ import annotations

import asyncio
import gc
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from connectors import memory
from engine.wire import Rollback, Run
from tests.engine.memory_migration import PLAYBOOK, write
from tests.engine.test_rollback_seeds import Hasty, Sword, engine, given
from tests.model.conformance import Family, Picture, Watch, departs

BOOK = PLAYBOOK[: PLAYBOOK.index("    references:")] + (
    'waves: [{ wave: all, filters: { incident: "" }, chunk: 4, workers: 2 }]\n'
)
FULL = bool(os.environ.get("CUTOVER_FULL"))
SEEDS = 100 if FULL else 2
N, COMMENTS = 5, 3 if FULL else 2  # records; they have fewer comments each
RUN, BACK = Run(waves=["all"], by="ana"), Rollback(wave="all", by="ana")
FAULTS = ("drop_before", "drop_after", "late", "unavailable", "throttle")


@pytest.fixture(autouse=True)
def _nothing_of_a_dead_engine_is_left() -> Iterator[None]:
    """What asyncio has to say of its tasks is said here, and not in the middle of something else."""
    yield
    gc.collect()


class Followed(Sword):
    """A sword, and the watch that sees what it leaves."""

    def __init__(self, watch: Watch, n: int, when: str) -> None:
        super().__init__(n, when)
        self._watch = watch

    def __call__(self, when: str, point: str) -> None:
        if not self.fell.is_set():
            self._watch(when, point)
            super().__call__(when, point)


class Small:
    """One wave between two stores."""

    def __init__(self, folder: Path, seed: int, creates: str) -> None:
        self.folder, self.creates, self.chance, self.clock = folder, creates, Random(seed), Hasty(seed)
        self.left, self.right = (memory.store(f"{folder.name}-{side}") for side in ("left", "right"))
        settle = 1.0 if creates == "lagging" else 0.0
        write(
            folder,
            target=f"{{ creates: {creates}, search_settle: {settle}, late_commit: 2.0, latency: 0.001, bulk: 3 }}",
            playbook=BOOK,
        )
        for i in range(N):
            fields = {"short_description": f"printer {i}", "priority": "P5" if i == 1 else "1", "state": "1"}
            self.left.put("incident", f"I{i}", {**fields, "region": "EMEA"})
            for c in range(i % COMMENTS):
                self.left.put("comment", f"C{i}{c}", {"text": f"call {c}"}, parent=f"I{i}")
        self.watch = Watch(folder / "ledger.db", "all", self.left, self.right)

    async def give(self, command: Run | Rollback, *, kill: int = 0) -> None:
        sword = Followed(self.watch, kill, self.chance.choice(("before", "after")))
        if not await given(self.folder, self.clock, command, sword):
            self.watch.killed()

    def fault(self, call: str) -> None:
        self.right.faults.add(self.chance.choice(FAULTS), call, times=1, seconds=self.chance.choice((0.5, 1.9)))

    def edit(self) -> None:
        if there := self.right.records("issue"):
            self.right.edit("issue", self.chance.choice(there).key, {"title": "by a person"}, by="rosa")

    async def families(self) -> list[Family]:
        async with engine(self.folder, self.clock, Sword(0, "")) as it:
            flow = it.conductor.assembly.flows["incident"]
        (child,) = flow.children
        return [
            [
                ("incident", f"I{i}", flow.xid(f"I{i}")),
                *(("incident/comment", f"C{i}{c}", child.xid(f"C{i}{c}")) for c in range(i % COMMENTS)),
            ]
            for i in range(N)
        ]

    async def departs(self) -> list[str]:
        said = [departs(self.watch.trace, family, self.creates) for family in await self.families()]
        return [one for one in said if one]


@contextmanager
def small(folder: Path, seed: int, creates: str) -> Iterator[Small]:
    it = Small(folder, seed, creates)
    try:
        yield it
    finally:
        memory.forget(it.left.name)
        memory.forget(it.right.name)


async def play(it: Small, *, vanish: bool) -> None:
    """Killed while it loads, and while it is rolled back; loaded again in the end."""
    for _ in range(it.chance.randrange(3)):
        it.fault("create")
    await it.give(RUN, kill=it.chance.randint(8, 40))
    if vanish:
        it.left.remove("incident", f"I{it.chance.randrange(N)}")
    it.fault("create")
    await it.give(RUN)
    it.edit()
    it.fault(it.chance.choice(("delete", "others", "stand")))
    await it.give(BACK, kill=it.chance.randint(1, 6))
    it.edit()
    await it.give(BACK)
    await it.give(RUN)


@pytest.mark.parametrize("creates", ["native", "strong", "lagging"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_an_engine_did_is_a_run_of_the_model(tmp_path: Path, creates: str, seed: int) -> None:
    async def work(it: Small) -> None:
        await play(it, vanish=seed > 0)
        assert len([one for one in it.watch.trace if isinstance(one, Picture)]) > 10
        said = await it.departs()
        assert not said, "\n".join(said)

    with small(tmp_path, seed, creates) as it:
        asyncio.run(work(it))


FORGED: dict[str, Callable[[Picture], Picture]] = {
    "creates that nobody intended": lambda p: p._replace(intents=frozenset()),
    "removals that nobody wrote down first": lambda p: p._replace(undo=frozenset()),
    "every record there twice": lambda p: p._replace(copies={xid: 2 * n for xid, n in p.copies.items()}),
    "entries of what is not there": lambda p: p._replace(copies={}),
    "no word of what the engine is at": lambda p: p._replace(wave="new"),
    "a rollback that forgets nothing": lambda p: p._replace(
        entries=p.entries or {("incident", "I0"): ("synced", True)}
    ),
    "a rollback that removes what was edited": lambda p: p._replace(
        edited=frozenset(p.copies) if p.wave == "rolling_back" and p.undo else p.edited
    ),
}


def test_a_trace_that_no_engine_may_leave_is_told_from_one_that_it_may(tmp_path: Path) -> None:
    async def work(it: Small) -> None:
        await it.give(RUN, kill=25)
        await it.give(RUN)
        await it.give(BACK)
        assert await it.departs() == []
        whole = it.watch.trace
        for what, forge in FORGED.items():
            it.watch.trace = [forge(one) if isinstance(one, Picture) else one for one in whole]
            assert await it.departs(), what

    with small(tmp_path, 1, "strong") as it:
        asyncio.run(work(it))
