"""A migration between two memory systems, assembled like the engine assembles one, without its process and socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from connectors import memory
from engine.assembly import Assembly, assemble
from engine.clock import Clock
from engine.conductor import Conductor
from engine.database import Connect
from engine.ledger import Ledger
from engine.model import Bucket
from engine.pacing import Pacing
from engine.snapshot import Snapshots
from engine.systems import Systems
from engine.telemetry import Telemetry
from engine.wire import Run, Status
from runbooks.loader import load

MIGRATION = """
migration: rehearsal
systems:
  left: {{ connector: memory, url: "memory:{left}", options: {source} }}
  right: {{ connector: memory, url: "memory:{right}", options: {target} }}
playbooks: [book.yaml]
"""

PLAYBOOK = """
playbook: incidents
entities:
  - entity: incident
    source: { system: left, entity: incident }
    target: { system: right, entity: issue }
    fields:
      title: short_description
      priority: { from: priority, map: { "1": high, "2": high, "3": low, "4": low, "5": low } }
    status: { from: state, map: { "1": open, "2": doing, "6": done } }
    children:
      - { entity: comment, target: comment, fields: { body: text } }
    references:
      - { from: parent, to: incident, link: Relates }
waves:
  - { wave: pilot, filters: { incident: "region = EMEA" }, chunk: 10, workers: 3 }
  - { wave: rest, after: [pilot], filters: { incident: "" }, chunk: 10, workers: 3 }
"""


@dataclass
class Night:
    """Everything a test may touch."""

    folder: Path
    left: memory.Store
    right: memory.Store
    ledger: Ledger
    pacing: Pacing
    conductor: Conductor
    snapshots: Snapshots

    async def run(self, *waves: str) -> Status:
        """Run these waves (all) to their end."""
        await self.conductor.run(Run(waves=list(waves), by="ana"))
        return await self.settled()

    async def settled(self) -> Status:
        while self.conductor.busy:
            await asyncio.sleep(0.01)
        return await self.snapshots.take()

    def copies(self, entity: str = "issue") -> dict[str, int]:
        return self.right.copies(entity)

    async def buckets(self, entity: str = "incident") -> dict[str, int]:
        number = await self.ledger.entity(entity)
        sums: dict[str, int] = {}
        for (_, of), counts in (await self.ledger.tally()).items():
            if of == number:
                for bucket, n in counts.items():
                    if bucket is Bucket.OVERLAP:
                        continue  # counted where it moved
                    sums[Bucket(bucket).word] = sums.get(Bucket(bucket).word, 0) + n
        return sums


def fill(store: memory.Store, n: int = 57, *, bad: int = 3) -> None:
    """Incidents with comments and parents (some forward, some in a circle); `bad` have a priority nobody mapped."""
    for i in range(n):
        store.put(
            "incident",
            f"I{i:04}",
            {
                "short_description": f"printer {i} on fire",
                "priority": "P5" if i < bad else str(1 + i % 5),
                "state": ("1", "2", "6")[i % 3],
                "region": "EMEA" if i % 4 == 0 else "AMER",
                "parent": f"I{(i * 7) % n:04}" if i % 5 == 0 else "",
            },
        )
    for i in range(n * 2):
        store.put("comment", f"C{i:04}", {"text": f"called {i} times"}, parent=f"I{i % n:04}")


def write(folder: Path, *, source: str = "{}", target: str = "{}", playbook: str = PLAYBOOK) -> None:
    name = folder.name
    (folder / "migration.yaml").write_text(
        MIGRATION.format(left=f"{name}-left", right=f"{name}-right", source=source, target=target)
    )
    (folder / "book.yaml").write_text(playbook)


@asynccontextmanager
async def night(  # type: ignore[no-untyped-def]
    folder: Path, witness: Callable[[str, str], None] | None = None, connect: Connect | None = None
):
    """One engine on this folder, from start to end; the stores outlive it."""
    clock = Clock()
    ledger = Ledger(folder / "ledger.db", clock, witness, connect)
    await ledger.open()
    pacing, telemetry, secret = Pacing(clock), Telemetry(clock), b"s" * 32
    systems = Systems(pacing)

    async def afresh() -> Assembly:
        return await assemble(load(folder), ledger, systems, clock, secret)

    async with AsyncExitStack() as stack:
        stack.push_async_callback(ledger.close)
        stack.push_async_callback(systems.close)
        conductor = Conductor(ledger, pacing, clock, telemetry, secret, await afresh(), afresh)
        stack.push_async_callback(conductor.end)
        await conductor.take_up_holds()
        left, right = (memory.store(f"{folder.name}-{side}") for side in ("left", "right"))
        snapshots = Snapshots(conductor, ledger, pacing, telemetry, clock)
        yield Night(folder, left, right, ledger, pacing, conductor, snapshots)


def go(work: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(work())
