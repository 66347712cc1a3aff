"""What must hold, whatever happened: during the night where a look is cheap, and all of it at dawn."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from connectors.memory.store import Store
from engine.flow import Flow
from engine.model import Bucket, Entry
from tests.simulation.edge import System
from tests.simulation.engine import Life
from tests.simulation.world import World

_PRIORITY = {"1": "high", "2": "high", "3": "low", "4": "low", "5": "low"}
_STATUS = {"1": "open", "2": "doing", "6": "done"}
_UNCLEAR = ("which one is meant, nobody can tell", "belongs to another record of the source")
_EXPECTED = ("P5", "priority", "value", "mapped")


class Watchman:
    """Stands at the target and sees every write as it is applied."""

    def __init__(self, world: World, right: System) -> None:
        self._world = world
        self._store = right.store
        right.witness = self.applied

    def applied(self, call: str, entity: str, writes: Sequence[Any], late: bool) -> None:
        table = self._store.tables[entity]
        self._world.met.writes[call] += len(writes)
        if call == "create":
            self._world.checked("I2", len(writes))
            for write in writes:
                if write.xid in table.owner and self._world.plan.target["creates"] != "native":
                    self._world.violated(f"I2: a second {entity} with the external id {write.xid} is made")
        elif call == "update" and not late:
            for write in writes:
                self._no_time_travel(entity, write)
        elif call in ("delete", "restore"):
            for write in writes:
                key = write if isinstance(write, str) else write.target
                if key in self._world.originals and entity == "issue" and call == "delete":
                    self._world.violated(f"record {key}, which was there before us, is deleted")
                if key in self._world.strangers and entity == "issue":
                    self._world.violated(f"the target's own record {key} is touched by {call}")

    def _no_time_travel(self, entity: str, write: Any) -> None:
        there = self._store.tables[entity].rows.get(write.target)
        if there is None or "rev" not in write.fields or "rev" not in there.fields:
            return
        self._world.checked("I3")
        if write.fields["rev"] < there.fields["rev"]:
            old, new = there.fields["rev"], write.fields["rev"]
            self._world.violated(f"I3: {entity} {write.target} goes back from revision {old} to {new}")


def rework(world: World, ledger: Path) -> None:
    """I5, when an engine begins: what was told to the one before, and is to be looked up and written down again."""
    world.checked("I5")
    raw = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)
    known = {target for (target,) in raw.execute("SELECT target FROM entry WHERE target <> ''")}
    intended = [key for (key,) in raw.execute("SELECT j.value->>0 FROM intent, json_each(intent.keys) j")]
    raw.close()
    left = world.stores["left"].tables.values()
    gone = sum(all(table.get(key) is None for table in left) for key in intended)  # known by its intent, and not again
    tables = world.stores["right"].tables
    there = {at: record for at, record in world.made.items() if at[1] in tables[at[0]].xids}
    again = {record for (_, target), record in there.items() if target not in known}
    most = world.plan.chunk * world.plan.workers + gone
    if len(again) > most:
        world.violated(f"I5: {len(again)} records are to be done again after a death, of at most {most}")


def imaged(ledger: Path) -> set[str]:
    """The records at the target of which there is an image."""
    if not ledger.exists():
        return set()
    with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as raw:
        targets = {target for (target,) in raw.execute("SELECT target FROM image")}
    raw.close()
    return targets


def _is_text(value: str) -> bool:
    """Half a surrogate is none: no system takes it."""
    return "\ud800" not in value


class Judge:
    """Holds the two systems against each other, and the ledger against both."""

    def __init__(self, world: World, left: System, right: System, life: Life) -> None:
        self._world = world
        self._left = left.store
        self._right = right.store
        self._life = life

    async def judge(self) -> None:
        ledger = self._life.ledger
        flows = self._life.conductor.assembly.flows
        incident = flows["incident"]
        entries = await self._entries(incident)
        comments = {child.name: (child, await self._entries(child)) for child in incident.children}
        aside = await self._life.do(ledger.aside(limit=100_000))
        causes = {(row.entity, row.key): row.cause for row in aside}
        self._no_duplicates()
        self._all_there(incident, entries, causes)
        for child, known in comments.values():
            self._children(child, known, entries, causes)
        self._references(incident, entries)
        self._strangers()
        self._originals()
        await self._sums()

    def undone(self) -> None:
        """After all waves were rolled back: what is left of ours is what people have touched."""
        self._strangers()
        self._originals(undone=True)
        table = self._right.tables["issue"]
        left = [
            key for key in table.xids if ("issue", key) not in self._world.touched and key not in self._world.originals
        ]
        if left:
            self._world.violated(f"a rollback of all waves leaves {len(left)} records that nobody touched: {left[:5]}")

    async def _entries(self, flow: Flow) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for row in (await self._life.do(self._life.ledger.waves())).values():
            for entry in await self._life.do(self._life.ledger.entries(row.id, flow.entity, "", 100_000)):
                found[entry.key] = entry._replace(wave=row.id)
        return found

    def _no_duplicates(self) -> None:
        for entity in ("issue", "comment", "attachment", "link"):
            self._world.checked("I2", len(self._right.tables[entity].owner))
            twice = {xid: n for xid, n in self._right.copies(entity).items() if n > 1}
            if twice:
                self._world.violated(f"I2: {len(twice)} {entity} stand twice at the target")

    def _all_there(self, flow: Flow, entries: dict[str, Entry], causes: dict[tuple[str, str], str]) -> None:
        table = self._right.tables["issue"]
        for record in self._left.records("incident"):
            self._world.checked("I1")
            key, entry = record.key, entries.get(record.key)
            if entry is None:
                self._world.violated(f"I1: incident {key} is in no bucket")
                continue
            if entry.bucket is Bucket.EXCLUDED:
                continue
            if entry.bucket is Bucket.EDITED and ("issue", entry.target) in self._world.touched:
                continue  # a rollback left it to who had edited it
            if record.fields["priority"] not in _PRIORITY or not _is_text(record.fields["short_description"]):
                if entry.bucket is not Bucket.QUARANTINED:
                    self._world.violated(f"I1: incident {key} has a priority nobody maps, and is {entry.bucket.word}")
                continue
            if entry.bucket is Bucket.QUARANTINED and self._gone_there(entry, causes.get(("incident", key), "")):
                continue
            cause = causes.get(("incident", key), "")
            unclear = record.fields.get("number") in self._world.ambiguous and cause.endswith(_UNCLEAR)
            if entry.bucket is Bucket.QUARANTINED and unclear:
                continue
            if entry.bucket is not Bucket.SYNCED:
                self._world.violated(f"I1: incident {key} is {entry.bucket.word} at the end ({cause})")
                continue
            there = self._right.get("issue", entry.target)
            if there is None:
                if not self._gone(entry, "issue"):
                    self._world.violated(f"I1: incident {key} is synced, and {entry.target} is not at the target")
                continue
            edited = self._world.touched.get(("issue", entry.target), set())
            if table.xids.get(entry.target) != flow.xid(key) and "external id" not in edited:
                self._world.violated(f"I1: {entry.target} does not carry the id of incident {key}")
            wanted = {
                "title": record.fields["short_description"],
                "rev": record.fields["rev"],
                "priority": _PRIORITY[record.fields["priority"]],
                "status": _STATUS[record.fields["state"]],
            }
            if "new mappings" in self._world.plan.twists:
                wanted["edition"] = str(self._world.edition)
            if self._world.plan.existing:
                wanted["number"] = number = record.fields["number"]
                meant = [at for at, fields in self._world.originals.items() if fields["number"] == number]
                meant = [at for at in meant if ("issue", at) not in self._world.deleted]
                if meant and entry.target not in meant and number not in self._world.ambiguous:
                    self._world.violated(f"I2: incident {key} was made a second time, beside {meant[0]}")
            self._same(f"incident {key}", wanted, there.fields, edited)

    def _gone_there(self, entry: Entry, cause: str) -> bool:
        """A person removed it at the target, or what it refers to or hangs on: set aside, and it says so."""
        return self._gone(entry, "issue") or (bool(self._world.deleted) and "gone" in cause)

    def _gone(self, entry: Entry, entity: str) -> bool:
        return (entity, entry.target) in self._world.deleted

    def _same(self, what: str, wanted: dict[str, Any], there: dict[str, Any], edited: set[str]) -> None:
        differing = [name for name, value in wanted.items() if there.get(name) != value and name not in edited]
        if differing:
            self._world.violated(f"I1: {what} is synced and differs in {', '.join(differing)}")

    def _children(
        self, flow: Flow, known: dict[str, Entry], parents: dict[str, Entry], causes: dict[tuple[str, str], str]
    ) -> None:
        for record in self._left.records(flow.source_entity):
            parent = parents.get(record.parent)
            if parent is None or parent.bucket is not Bucket.SYNCED or self._gone(parent, "issue"):
                continue
            if self._left.get("incident", record.parent) is None:
                continue
            self._world.checked("I1")
            entry = known.get(record.key)
            if entry is not None and (flow.target_entity, entry.target) in self._world.torn:
                continue
            what = f"{flow.name} {record.key}"
            if entry is None or entry.bucket is not Bucket.SYNCED:
                cause = causes.get((flow.name, record.key), "")
                if not _is_text(record.fields.get("text", "")):
                    continue
                if entry is not None and (entry.bucket is Bucket.EXCLUDED or self._gone_there(entry, cause)):
                    continue
                word = entry.bucket.word if entry else "in no bucket"
                self._world.violated(f"I1: {what} is {word} at the end ({cause})")
                continue
            there = self._right.get(flow.target_entity, entry.target)
            if there is None:
                self._world.violated(f"I1: {what} is synced, and {entry.target} is not at the target")
            elif there.parent != parent.target:
                self._world.violated(f"I1: {what} hangs on {there.parent} instead of {parent.target}")
            elif flow.target_entity == "comment":
                self._same(what, {"body": record.fields["text"]}, there.fields, set())
            elif self._right.contents.get(entry.target) != self._left.contents.get(record.key):
                self._world.violated(f"I1: {what} has other bytes at the target")

    def _references(self, flow: Flow, entries: dict[str, Entry]) -> None:
        if not flow.ties:
            return
        links = {(record.fields["from"], record.fields["to"]) for record in self._right.records("link")}
        for record in self._left.records("incident"):
            entry, other = entries.get(record.key), entries.get(record.fields["parent"])
            both = [one for one in (entry, other) if one is not None and one.bucket is Bucket.SYNCED]
            if len(both) < 2 or any(self._gone(one, "issue") for one in both):
                continue
            self._world.checked("I1")
            assert entry is not None
            assert other is not None
            if self._world.plan.field_reference:
                there = self._right.get("issue", entry.target)
                tied = there is not None and there.fields.get("above") == other.target
            else:
                tied = (entry.target, other.target) in links
            if not tied and (entry.target, other.target) not in self._world.torn:
                self._world.violated(f"I1: the reference of incident {record.key} to {other.key} is missing")

    def _strangers(self) -> None:
        for key, fields in self._world.strangers.items():
            self._world.checked("theirs")
            there = self._right.get("issue", key)
            if there is None or there.fields != fields:
                self._world.violated(f"the target's own record {key} was touched")

    def _originals(self, *, undone: bool = False) -> None:
        """What was there before us and is not ours, or not any more, is as it was, with what hangs on it."""
        table, comments = self._right.tables["issue"], self._right.tables["comment"]
        for key, fields in self._world.originals.items():
            if self._world.signed or {("issue", key)} & (self._world.touched.keys() | self._world.deleted):
                continue
            self._world.checked("theirs")
            there = self._right.get("issue", key)
            if key in table.xids and not undone:
                owner = there.fields.get("owner") if there is not None else ""
                if owner != fields["owner"] or f"on {key}" not in comments.hanging.get(key, ()):
                    self._world.violated(f"{key} was there before us, and what we do not write of it is not as it was")
                continue
            if there is None or there.fields != fields:
                self._world.violated(f"{key} was there before us and is not as it was: {there and there.fields}")
            elif key in table.xids:
                self._world.violated(f"a rollback of all waves leaves our id on {key}, which was there before us")
            elif list(comments.hanging.get(key, ())) != [f"on {key}"]:
                self._world.violated(f"{key} was there before us, and other comments hang on it")

    async def _sums(self) -> None:
        """I4: the tally, kept by triggers, is what a count of the lines gives; and nothing is open."""
        self._world.checked("I4")
        ledger = self._life.ledger
        tally = await self._life.do(ledger.tally())
        told = {(wave, entity, int(b)): n for (wave, entity), ns in tally.items() for b, n in ns.items() if n}
        with sqlite3.connect(self._life.path) as raw:
            counted = {
                (wave, entity, bucket): n
                for wave, entity, bucket, n in raw.execute(
                    "SELECT wave, entity, bucket, count(*) FROM entry GROUP BY 1, 2, 3"
                )
            }
            overlaps = dict(raw.execute("SELECT wave || ' ' || entity, count(*) FROM overlap GROUP BY 1").fetchall())
            broken = raw.execute("PRAGMA integrity_check").fetchone()[0]
            intents = raw.execute("SELECT count(*) FROM intent").fetchone()[0]
        raw.close()
        lines = {key: n for key, n in told.items() if key[2] != Bucket.OVERLAP}
        if lines != counted:
            self._world.violated(f"I4: the ledger's sums {sorted(lines.items())} are not {sorted(counted.items())}")
        told_overlaps = {f"{w} {e}": n for (w, e, b), n in told.items() if b == Bucket.OVERLAP}
        if told_overlaps != overlaps:
            self._world.violated(f"I4: the overlaps {sorted(told_overlaps.items())} are not {sorted(overlaps.items())}")
        if broken != "ok":
            self._world.violated(f"the ledger's file is damaged: {broken}")
        if intents:
            self._world.violated(f"I4: {intents} intents are left open")


__all__ = ["Judge", "Store", "Watchman"]
