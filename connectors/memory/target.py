"""A memory store as a target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from connectors.kit.contract import Creates, Doubt, Failed, Fields, Move, Outcome, Rejected, Write, Written
from connectors.kit.errors import InDoubt, Misconfigured
from connectors.memory.calls import Calls
from connectors.memory.faults import of_record
from connectors.memory.store import ME

Contents = Mapping[str, bytes]  # xid -> bytes of its attachment


class MemoryTarget(Calls):
    async def mark(self, entity: str, writes: Sequence[Write]) -> str:
        return ""

    async def create(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        if len(writes) > self.options.bulk:
            hint = f"Send at most {self.options.bulk} (traits.bulk)"
            raise Misconfigured(f"{entity}: {len(writes)} creates in one call", hint=hint)
        self._permit("create", entity)
        contents = {
            write.xid: b"".join([piece async for piece in write.content()])
            for write in writes
            if write.content is not None
        }
        if self.options.keep:
            return await self._each("create", entity, writes, lambda good: self._create(entity, good, contents))
        return await self._each("create", entity, writes, lambda good: self._count(entity, good))

    async def update(self, entity: str, writes: Sequence[Write]) -> list[Outcome]:
        if not self.options.updates:
            raise Misconfigured(f"{entity}: this store takes no updates", hint="Its option updates is false")
        self._permit("update", entity)
        return await self._each("update", entity, writes, lambda good: [self._update(entity, write) for write in good])

    async def find(self, entity: str, doubts: Sequence[Doubt]) -> dict[str, Written]:
        """With `keep: false` nothing is ever there, and sending again does no harm."""

        def work() -> dict[str, Written]:
            if self.options.creates is Creates.NONE:
                return {}
            table = self.store.tables[entity]
            lag = self.options.search_settle if self.options.creates is Creates.LAGGING else 0.0
            before = self.store.at() - lag
            found = ((doubt.xid, table.owner.get(doubt.xid)) for doubt in doubts)
            return {xid: Written(xid, key) for xid, key in found if key and table.created(key) <= before}

        return await self._call("find", entity, work)

    async def move(self, entity: str, moves: Sequence[Move]) -> list[Outcome]:
        self._permit("update", entity)
        known = self.options.statuses

        def one(move: Move) -> Outcome:
            if known and move.status not in known:
                return Rejected(move.xid, "no such status", "status")
            there = self.store.get(entity, move.target)
            if there is not None and there.fields.get("status") == move.status:
                return Written(move.xid, move.target, created=False)
            return self._change(entity, move.xid, move.target, {**move.fields, "status": move.status})

        return await self._call("move", entity, lambda: [one(move) for move in moves])

    async def accounts(self, emails: Sequence[str]) -> dict[str, str]:
        people = self.store.people
        return {email: people[email] for email in emails if email in people}

    async def delete(self, entity: str, targets: Sequence[str]) -> list[Outcome]:
        if not self.options.deletes:
            raise Misconfigured(f"{entity}: this store takes no deletes", hint="Its option deletes is false")
        self._permit("delete", entity)

        def work(good: list[Write]) -> list[Outcome]:
            for write in good:
                self.store.remove(entity, write.target, by=ME)
            return [Written(write.target, write.target, created=False) for write in good]

        there = {target: self.store.get(entity, target) for target in targets} if self._faults() else {}
        writes = [Write(target, record.fields if (record := there.get(target)) else {}, target) for target in targets]
        return await self._each("delete", entity, writes, work)

    async def canary(self, entity: str) -> float:
        xid = f"canary-{self._clock.random()}"
        started = self._clock.monotonic()
        outcome = (await self.create(entity, [Write(xid, {})]))[0]
        if not isinstance(outcome, Written):
            raise Misconfigured(f"{entity}: the canary was refused", hint="See why a create is refused here")
        doubt = Doubt(xid, "", self._clock.now())
        while self.options.keep and not await self.find(entity, [doubt]):
            await self._clock.sleep(0.05)
        took = self._clock.monotonic() - started
        await self.delete(entity, [outcome.target])
        return took

    def _create(self, entity: str, writes: list[Write], contents: Contents) -> list[Outcome]:
        owner = self.store.tables[entity].owner
        if self.options.creates is not Creates.NATIVE or owner.keys().isdisjoint(write.xid for write in writes):
            return list(self.store.create(entity, writes, contents))
        done: list[Outcome] = []
        for write in writes:
            if write.xid in owner:
                done.append(self._change(entity, write.xid, owner[write.xid], write.fields))
            else:
                done += self.store.create(entity, [write], contents)
        return done

    def _count(self, entity: str, writes: list[Write]) -> list[Outcome]:
        self.store.tables[entity].counted += len(writes)
        return [Written(write.xid, write.xid) for write in writes]

    def _change(self, entity: str, xid: str, target: str, fields: Fields) -> Outcome:
        if self.store.get(entity, target) is None:
            return Rejected(xid, "gone at target")
        self.store.edit(entity, target, fields, by=ME)
        return Written(xid, target, created=False)

    def _update(self, entity: str, write: Write) -> Outcome:
        outcome = self._change(entity, write.xid, write.target, write.fields)
        if write.xid and isinstance(outcome, Written):
            self.store.tables[entity].sign(write.target, write.xid)
        return outcome

    async def _each(
        self, call: str, entity: str, writes: Sequence[Write], work: Callable[[list[Write]], list[Outcome]]
    ) -> list[Outcome]:
        """Apply what no rule strikes; outcomes in the order of the writes."""

        def judged() -> list[Outcome]:
            rules = self._faults()
            struck = [of_record(rules, call, write.fields, self._clock.random) for write in writes]
            pairs = list(zip(writes, struck, strict=True))
            done = iter(work([write for write, rule in pairs if rule is None or rule.kind == "fail"]))
            outcomes: list[Outcome] = []
            for write, rule in pairs:
                if rule is not None and rule.kind == "reject":
                    outcomes.append(Rejected(write.xid, rule.cause, rule.field))
                    continue
                outcome = next(done)
                lost = InDoubt(f"{call} {entity}: the answer to one record was lost")
                outcomes.append(outcome if rule is None else Failed(write.xid, lost))
            return outcomes

        return await self._call(call, entity, judged if self._faults() else lambda: work(list(writes)), writes)
