"""Who works on both sides while the night goes on, and what they leave there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from tests.simulation.edge import System
from tests.simulation.world import World

REGIONS = ("EMEA", "AMER", "AMER")
STATES = ("1", "2", "6")


class People:
    """Fills the systems, then edits them until dawn."""

    def __init__(self, world: World, left: System, right: System) -> None:
        self._world = world
        self._left = left
        self._right = right
        self._chance = Random(f"people {world.plan.seed}")
        self._made = 0
        self._rev = 0
        self._bad = 0
        self._before = Random(f"before {world.plan.seed}")  # of nights with records that were there

    def fill(self) -> None:
        plan = self._world.plan
        for _ in range(plan.records):
            self._create()
        for i in range(3):
            fields = {"title": f"was there before {i}"}
            self._right.store.put("issue", f"theirs{i}", dict(fields))
            self._world.strangers[f"theirs{i}"] = dict(fields)
        if plan.existing:
            for record in list(self._left.store.records("incident")):
                if self._before.random() < 0.5:
                    self._record_by_hand(record.fields["number"])

    def _record_by_hand(self, number: object) -> None:
        """Somebody has made at the target what is to be moved there."""
        chance, store, world = self._before, self._right.store, self._world
        others = [row for row in store.records("issue") if row.fields.get("number") == number]
        if others or chance.random() < 0.1:
            world.ambiguous.add(number)
        key = f"was{len(world.originals):03}{'b' if others else ''}"
        fields = {"number": number, "title": "by hand", "status": chance.choice(("open", "done")), "owner": "rosa"}
        if chance.random() < 0.3:
            fields["priority"] = "low"
        store.put("issue", key, dict(fields), by="rosa")
        world.originals[key] = fields
        store.put("comment", f"on {key}", {"body": "hers"}, parent=key, by="rosa")
        if number in world.ambiguous and not others:
            self._record_by_hand(number)

    async def work(self) -> None:
        plan = self._world.plan
        async with asyncio.TaskGroup() as group:
            group.create_task(self._often(plan.pace_source, self._at_source))
            group.create_task(self._often(plan.pace_target, self._at_target))

    async def _often(self, pace: float, deed: Callable[[], Awaitable[None]]) -> None:
        while True:
            wait = self._chance.expovariate(1 / pace)
            await asyncio.sleep(min(wait, self._world.plan.length - self._world.loop.time() + 0.001))
            if self._world.loop.time() >= self._world.plan.length:
                return
            await deed()

    # ------------------------------------------------------------ at the source

    def _keys(self, entity: str) -> list[str]:
        return list(self._left.store.tables[entity].keys)

    def _create(self) -> None:
        chance, store = self._chance, self._left.store
        key = self._name()
        self._made += 1
        self._left.remember("incident", key)
        store.put("incident", key, self._fields(key))
        for _ in range(chance.randint(0, self._world.plan.comments)):
            self._comment(key)
        if self._world.plan.attachments and chance.random() < 0.4:
            self._attach(key)

    def _name(self) -> str:
        return f"I{self._made:04}"

    def _text(self, text: str) -> str:
        return text

    def _fields(self, key: str) -> dict[str, object]:
        chance = self._chance
        bad = chance.random() < 0.05
        others = self._keys("incident")
        return {
            "short_description": self._text(f"printer {key} on fire"),
            "rev": self._next(),
            "priority": "P5" if bad else str(chance.randint(1, 5)),
            "state": chance.choice(STATES),
            "region": chance.choice(REGIONS),
            "parent": chance.choice(others) if others and chance.random() < 0.4 else "",
            **({"number": self._number(key)} if self._world.plan.existing else {}),
        }

    def _number(self, key: str) -> object:
        """Its own, or by mistake that of another."""
        others = list(self._left.store.records("incident"))
        if not others or self._before.random() > 0.05:
            return f"N{key}"
        number = self._before.choice(others).fields["number"]
        self._world.ambiguous.add(number)
        return number

    def _next(self) -> int:
        self._rev += 1
        return self._rev

    def _comment(self, parent: str) -> None:
        key = f"C{self._made:04}{self._next():05}"
        self._left.remember("comment", key)
        self._left.store.put("comment", key, {"text": f"called about {parent}", "rev": self._rev}, parent=parent)

    def _attach(self, parent: str) -> None:
        key = f"A{self._made:04}{self._next():05}"
        size = self._chance.choice((0, 10, 100_000))
        self._left.remember("attachment", key)
        fields = {"name": f"{key}.bin"}
        self._left.store.put("attachment", key, fields, parent=parent, content=self._chance.randbytes(size))

    def _delete(self, key: str) -> None:
        self._left.remember("incident", key)
        self._left.store.remove("incident", key)
        self._world.say("person", f"deletes incident {key}")

    async def _at_source(self) -> None:
        chance, store = self._chance, self._left.store
        keys = self._keys("incident")
        if self._world.plan.plain:
            most = len(keys) > self._world.plan.records // 2  # are still there
            if most and chance.random() < 0.05 and not self._world.busy():
                self._delete(chance.choice(keys))
            elif self._world.plan.lively and keys:
                await self._edit(chance.choice(keys))
            return
        dice = chance.random()
        if dice < 0.15 or not keys:
            self._create()
            self._world.say("person", f"creates incident {self._keys('incident')[-1]}")
            return
        key = chance.choice(keys)
        if dice < 0.22:
            self._delete(key)
            return
        if dice < 0.35:
            self._comment(key)
            self._world.say("person", f"comments on incident {key}")
            return
        if dice < 0.42 and (comments := self._keys("comment")):
            comment = chance.choice(comments)
            self._left.remember("comment", comment)
            store.edit("comment", comment, {"text": self._text(f"edited {self._next()}"), "rev": self._rev})
            self._world.say("person", f"edits comment {comment}")
            return
        change: dict[str, object] = {"rev": self._next()}
        what = chance.choice(("title", "title", "priority", "state", "region", "parent"))
        if what == "title":
            change["short_description"] = self._text(f"title {self._rev}")
        elif what == "priority":
            change["priority"] = chance.choice(("1", "2", "3", "4", "5", "P5"))
        elif what == "state":
            change["state"] = chance.choice(STATES)
        elif what == "region":
            change["region"] = chance.choice(REGIONS)
        else:
            change["parent"] = chance.choice([*keys, ""])
        times = 5 if dice > 0.97 else 1  # now and then somebody saves again and again
        for _ in range(times):
            self._left.remember("incident", key)
            store.edit("incident", key, {**change, "rev": self._next()})
            self._world.say("person", f"edits {what} of incident {key}")
            await asyncio.sleep(0.05 if times > 1 else 0)
            if store.get("incident", key) is None:
                return

    async def _edit(self, key: str) -> None:
        """What the model knows: the record goes on to be one that the mapping takes, or one that it does not."""
        chance, store = self._chance, self._left.store
        comments = self._keys("comment")
        if comments and chance.random() < 0.3:
            comment = chance.choice(comments)
            self._left.remember("comment", comment)
            store.edit("comment", comment, {"text": f"edited {self._next()}", "rev": self._rev})
            self._world.say("person", f"edits comment {comment}")
            return
        self._left.remember("incident", key)
        change: dict[str, object] = {"short_description": f"title {self._next()}", "rev": self._rev}
        if chance.random() < 0.3:
            change["state"] = chance.choice(STATES)
        store.edit("incident", key, change)
        self._world.say("person", f"edits incident {key}")

    # ------------------------------------------------------------ at the target

    async def _at_target(self) -> None:
        chance, store, world = self._chance, self._right.store, self._world
        if world.plan.existing and self._before.random() < 0.4:
            self._at_what_was_there()
            return
        table = store.tables["issue"]
        ours = [key for key in table.keys if key in table.xids]
        dice = chance.random()
        if world.follower is not None:  # the model knows one kind of edit, and none under a rollback
            if world.follower.undoing or not ours:
                return
            dice = 0.4
        if dice < 0.2 or not ours:
            self._made += 1
            key, fields = f"new{self._made:04}", {"title": "by rosa"}
            store.put("issue", key, dict(fields), by="rosa")
            world.strangers[key] = dict(fields)
            world.say("rosa", f"creates issue {key}")
            return
        key = chance.choice(ours)
        if dice < 0.5:
            store.edit("issue", key, {"title": f"by rosa {self._next()}"}, by="rosa")
            world.touched.setdefault(("issue", key), set()).add("title")
            world.say("rosa", f"edits issue {key}")
        elif dice < 0.6:
            store.edit("issue", key, {"status": "done"}, by="rosa")
            world.touched.setdefault(("issue", key), set()).add("status")
            world.say("rosa", f"closes issue {key}")
        elif dice < 0.8 or not world.plan.rough:
            self._made += 1
            store.put("comment", f"rosa{self._made:04}", {"body": "seen"}, parent=key, by="rosa")
            world.touched.setdefault(("issue", key), set())
            world.say("rosa", f"comments on issue {key}")
        elif not self._may_come_again(key):
            self._remove_with_all_that_hangs_on_it(key)
            world.deleted.add(("issue", key))
            world.say("rosa", f"deletes issue {key}")

    def _may_come_again(self, key: str) -> bool:
        """A create of it that was lost is yet to be applied: it would bring it back, and nobody could tell why."""
        xid = self._right.store.tables["issue"].xids[key]
        return any(flight.ghost and xid in flight.xids for flight in self._world.flights)

    def _at_what_was_there(self) -> None:
        """Somebody makes one more of what is to be moved, or edits or deletes one."""
        chance, store, world = self._before, self._right.store, self._world
        numbers = [record.fields["number"] for record in self._left.store.records("incident")]
        there = [key for key in world.originals if store.get("issue", key) is not None]
        if numbers and (chance.random() < 0.3 or not there):
            number = chance.choice(numbers)
            world.ambiguous.add(number)  # one of ours may be on its way
            self._record_by_hand(number)
            world.say("rosa", f"creates what is to be moved: {number}")
        elif there:
            key = chance.choice(there)
            if world.plan.rough and chance.random() < 0.2:
                self._remove_with_all_that_hangs_on_it(key)
                world.deleted.add(("issue", key))
                world.say("rosa", f"deletes {key}, which was there")
                return
            edit: dict[str, object] = {chance.choice(("title", "owner")): f"by hand {self._next()}"}
            if world.busy() or key in world.imaged() or ("issue", key) in world.touched:
                world.touched.setdefault(("issue", key), set()).update(edit)
            else:  # before us, and to be found again after a rollback
                world.originals[key] |= edit
            store.edit("issue", key, edit, by="rosa")
            world.say("rosa", f"edits {key}, which was there")

    def _remove_with_all_that_hangs_on_it(self, key: str) -> None:
        store = self._right.store
        for entity in ("comment", "attachment"):
            for hanging in list(store.tables[entity].hanging.get(key, ())):
                store.remove(entity, hanging, by="rosa")
        for link in store.records("link"):
            if key in (link.fields["from"], link.fields["to"]):
                store.remove("link", link.key, by="rosa")
        store.remove("issue", key, by="rosa")
