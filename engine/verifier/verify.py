"""One wave, verified: the target's ids as a set, the source record by record, and a second look at what differs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import cast

from connectors.kit.contract import Readback, Scope, Standing
from engine.flow import Flow
from engine.verifier.comparing import Comparer
from engine.verifier.findings import DUPLICATE, EXTRA, Finding, Findings, Judgement
from engine.verifier.flows import Books, Hearing, WaveUnderTest
from engine.verifier.reading import Traffic, records
from engine.verifier.roll import Roll, digest

_CENSUS = 500  # records a page
_ENTRIES = 2000
_ENOUGH = 5_000  # differing records of one entity; what is wrong by then is wrong throughout
_BATCH = 100
_LONGEST_SETTLE = 300.0  # seconds

Progress = Callable[[int], None]
"""So many records more were read."""


class Verifier:
    """Verifies waves, one after another."""

    def __init__(self, hearing: Hearing, books: Books, progress: Progress) -> None:
        self._hearing = hearing
        self._books = books
        self._progress = progress

    async def verify(self, wave: WaveUnderTest, sample: int | None = None) -> list[Findings]:
        """What each entity of the wave came to. With `sample`, so many records of each, and no look for extra ones.

        Raises ConnectorError when a system stays away.
        """
        return [await self._entity(wave, flow, scope, sample) for flow, scope in wave.scopes]

    async def _entity(self, wave: WaveUnderTest, flow: Flow, scope: Scope, sample: int | None) -> Findings:
        found = Findings(flow.name, whole=sample is None)
        if not isinstance(flow.target, Readback):
            found.whole = False
            found.notes.append(f"the system {flow.target_system} cannot tell what became of what was written")
            return found
        roll = await self._roll(flow) if sample is None else None
        traffic = Traffic(self._hearing, self._books, wave.id, flow, scope)
        comparer = Comparer(self._hearing, self._books, wave, flow, traffic, roll)
        await comparer.learn()
        first = Judgement()
        async for page in records(self._hearing, flow, scope, sample):
            found.read += len(page)
            self._progress(len(page))
            first.add(await comparer.judge(page))
            if roll is not None:
                for record in page:
                    roll.meet(flow.xid(record.key))
                    if digest(flow.xid(record.key)) in roll.twice:
                        first.findings.append(Finding(flow.name, record.key, DUPLICATE, "", record.key))
            if len({finding.root for finding in first.findings}) > _ENOUGH:
                found.whole = False
                found.notes.append(f"stopped after {found.read:,} records: too many of them differ")
                break
        found.judged = await self._confirmed(flow, scope, comparer, traffic, roll, first)
        if roll is not None:
            found.there = len(roll)
            if len(roll) == 0 and first.compared > 0:
                found.notes.append(f"the target shows no external ids of {flow.target_entity}: compared by its own ids")
            if found.whole:
                found.judged.findings += await self._extras(wave, flow, roll)
        return found

    # ------------------------------------------------------------ a second look

    async def _confirmed(
        self, flow: Flow, scope: Scope, comparer: Comparer, traffic: Traffic, roll: Roll | None, first: Judgement
    ) -> Judgement:
        """What still differs after both systems had time to settle. What does not, was on its way."""
        doubtful = sorted({finding.root for finding in first.findings})
        if not doubtful:
            return first
        await self._hearing.clock.sleep(min(_LONGEST_SETTLE, max(flow.reads.settle, flow.writes.search_settle)))
        traffic.again()
        before = {_what(finding) for finding in first.findings}
        second = Judgement()
        gone = 0
        for at in range(0, len(doubtful), _BATCH):
            keys = doubtful[at : at + _BATCH]
            there = await self._hearing.ask(flow.source.fetch, scope, keys)
            gone += len(keys) - len(there)
            second.add(await comparer.judge(there))
        second.findings = [finding for finding in second.findings if _what(finding) in before]
        second.findings += await self._still_twice(flow, roll, first)
        settled = {finding.root for finding in second.findings}
        freed = len(doubtful) - len(settled)
        return Judgement(
            compared=first.compared - freed,
            on_their_way=first.on_their_way + freed,
            aside=first.aside,
            elsewhere=first.elsewhere,
            undone=first.undone,
            findings=second.findings,
            untold=first.untold | second.untold,
        )

    async def _still_twice(self, flow: Flow, roll: Roll | None, first: Judgement) -> list[Finding]:
        """Those ids that several records carry at this moment, by the target's own consistent word."""
        suspects = [finding for finding in first.findings if finding.kind == DUPLICATE and finding.entity == flow.name]
        if roll is None or not suspects:
            return []
        wanted = {flow.xid(finding.key) for finding in suspects}
        carriers: dict[str, int] = {}
        for standing in await self._carriers(flow, {digest(xid) for xid in wanted}):
            carriers[standing.xid] = carriers.get(standing.xid, 0) + 1
        return [finding for finding in suspects if carriers.get(flow.xid(finding.key), 0) > 1]

    # ------------------------------------------------------------ the target's ids

    async def _roll(self, flow: Flow) -> Roll:
        roll = Roll()
        async for standings in self._census(flow):
            for standing in standings:
                roll.add(standing.xid)
        roll.close()
        return roll

    async def _census(self, flow: Flow) -> AsyncIterator[Sequence[Standing]]:
        target, rest = cast(Readback, flow.target), ""
        await self._hearing.ask(target.learn, flow.target_entity)
        while True:
            census = await self._hearing.ask(target.census, flow.target_entity, rest, _CENSUS)
            yield census.standings
            if census.rest is None:
                return
            rest = census.rest

    async def _carriers(self, flow: Flow, digests: set[int]) -> list[Standing]:
        """Records that carry one of these ids, asked once more by id."""
        targets: list[str] = []
        async for standings in self._census(flow):
            targets += [one.target for one in standings if digest(one.xid) in digests]
            if len(targets) > _ENOUGH:
                break
        target = cast(Readback, flow.target)
        found: list[Standing] = []
        for at in range(0, len(targets), _BATCH):
            there = await self._hearing.ask(target.stand, flow.target_entity, targets[at : at + _BATCH], ())
            found += [one for one in there.values() if digest(one.xid) in digests]
        return found

    async def _extras(self, wave: WaveUnderTest, flow: Flow, roll: Roll) -> list[Finding]:
        """Ids of ours at the target that neither the source nor the ledger knows, of any wave."""
        await self._meet_the_known(wave, flow, roll)
        if not roll.strangers():
            return []
        await self._hearing.clock.sleep(min(_LONGEST_SETTLE, max(flow.reads.settle, flow.writes.search_settle)))
        await self._meet_the_known(wave, flow, roll)  # what was being written meanwhile is known by now
        strangers = roll.strangers()
        if not strangers:
            return []
        return [
            Finding(flow.name, standing.target, EXTRA, "", standing.target)
            for standing in await self._carriers(flow, strangers)
        ]

    async def _meet_the_known(self, wave: WaveUnderTest, flow: Flow, roll: Roll) -> None:
        related = [
            one
            for each in wave.flows.values()
            for one in (each, *each.children)
            if (one.target_system, one.target_entity) == (flow.target_system, flow.target_entity)
        ]
        for one in related:
            for number in wave.waves:
                after = ""
                while entries := await self._books.entries(number, one.entity, after, _ENTRIES):
                    after = entries[-1].key
                    for entry in entries:
                        roll.meet(one.xid(entry.key))


def _what(finding: Finding) -> tuple[str, str, str, str]:
    return finding.entity, finding.key, finding.kind, finding.field
