"""One batch of records at both systems: there or not, ours or not, and field by field what a person would see."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

from connectors.kit.contract import FieldInfo, Fields, Readback, Record, Standing
from engine.flow import Flow
from engine.mapping import Mapped, Ref, Refused
from engine.model import ASIDE, Bucket, Entry
from engine.verifier.findings import CHANGED, EXTERNAL_ID, MISSING, STATUS, UNRECORDED, Finding, Judgement
from engine.verifier.flows import Books, Hearing, WaveUnderTest
from engine.verifier.hanging import Hanging
from engine.verifier.likeness import Likeness, is_nothing, likeness, spelled
from engine.verifier.people import Directory
from engine.verifier.reading import Traffic, Undone, comparable
from engine.verifier.roll import Roll

_BATCH = 60


class Pair(NamedTuple):
    """A record that should be there, and where the ledger says it is."""

    record: Record
    entry: Entry
    mapped: Mapped | Refused
    ends: Mapping[Ref, str]  # ids at the target of what it refers to, as far as that is there


class Comparer:
    """Judges records of one entity of a wave. `roll`: the external ids that the target shows; None when not called."""

    def __init__(
        self, hearing: Hearing, books: Books, wave: WaveUnderTest, flow: Flow, traffic: Traffic, roll: Roll | None
    ) -> None:
        self._hearing = hearing
        self._books = books
        self._wave = wave
        self._flow = flow
        self._traffic = traffic
        self._roll = roll
        self._target = cast(Readback, flow.target)
        self._people = Directory(hearing, flow)
        self._undone = Undone(hearing, [part for part in wave.undone if part[0].name == flow.name])
        self._hanging = Hanging(hearing, books, wave, flow, traffic, self._people)
        self._infos: dict[str, FieldInfo] = {}
        self._carries = roll is not None and len(roll) > 0

    async def learn(self) -> None:
        """Ask the target what its fields are. Once, before the first batch."""
        await self._hearing.ask(self._target.learn, self._flow.target_entity)
        infos = await self._hearing.ask(self._flow.target.schema, self._flow.target_entity)
        self._infos = {info.label: info for info in infos} | {info.name: info for info in infos}
        await self._hanging.learn()

    async def judge(self, records: Sequence[Record]) -> Judgement:
        judged = Judgement()
        known = await self._books.known(self._flow.entity, [record.key for record in records])
        settled: list[tuple[Record, Entry]] = []
        for record in records:
            entry = known.get(record.key)
            if entry is None:
                await self._unknown(record, judged)
            elif entry.wave != self._wave.id:
                judged.elsewhere += 1
            elif entry.bucket in ASIDE or entry.bucket is Bucket.LEFT:
                judged.aside += 1
            elif entry.bucket is Bucket.IN_FLIGHT or await self._moves(record, entry):
                judged.on_their_way += 1
            else:
                settled.append((record, entry))
        for at in range(0, len(settled), _BATCH):
            judged.add(await self._compare(settled[at : at + _BATCH]))
        return judged

    async def _unknown(self, record: Record, judged: Judgement) -> None:
        """A loader that lost it at reading would not know it either: so it is missing, unless it is new."""
        if not self._wave.loaded or record.key in await self._traffic.keys():
            judged.on_their_way += 1
            return
        if await self._undone.has(record.key):
            judged.undone += 1
            return
        kind = UNRECORDED if self._roll is not None and self._roll.has(self._flow.xid(record.key)) else MISSING
        judged.compared += 1
        judged.findings.append(Finding(self._flow.name, record.key, kind, "", record.key))

    async def _moves(self, record: Record, entry: Entry) -> bool:
        """It changed at the source since it was written, and the watermark is not past that change."""
        if record.version == entry.version:
            return False
        return not self._traffic.told or not self._wave.loaded or record.key in await self._traffic.keys()

    # ------------------------------------------------------------ one batch

    async def _compare(self, settled: Sequence[tuple[Record, Entry]]) -> Judgement:
        flow, judged = self._flow, Judgement(compared=len(settled))
        pairs = await self._pairs(settled)
        names = sorted({name for pair in pairs for name in _wanted(pair)})
        targets = [pair.entry.target for pair in pairs if pair.entry.target]
        standings = await self._hearing.ask(self._target.stand, flow.target_entity, targets, names)
        self._carries = self._carries or any(standing.xid for standing in standings.values())
        upright: list[Pair] = []
        for pair in pairs:
            standing = standings.get(pair.entry.target)
            if standing is None:
                judged.findings.append(self._finding(pair, MISSING))
                continue
            upright.append(pair)
            judged.findings += [self._finding(pair, CHANGED, name) for name in self._unlike(pair, standing, judged)]
        judged.add(await self._hanging.judge([(p.record, p.entry, p.mapped, p.ends) for p in upright]))
        judged.findings = await self._signed(judged.findings, {p.record.key: p.entry.target for p in upright})
        return judged

    async def _pairs(self, settled: Sequence[tuple[Record, Entry]]) -> list[Pair]:
        records = [record for record, _ in settled]
        mapped = self._flow.mapper.map(records, await self._people.of(self._flow, records))
        ends = await self._ends([ref for one in mapped if isinstance(one, Mapped) for ref in one.refs])
        return [
            Pair(
                record,
                entry,
                one,
                {ref: ends[ref] for ref in one.refs if ref in ends} if isinstance(one, Mapped) else {},
            )
            for (record, entry), one in zip(settled, mapped, strict=True)
        ]

    async def _ends(self, refs: Sequence[Ref]) -> dict[Ref, str]:
        """Where the other records are, if they are there for good: a tie waits for both ends."""
        if not self._wave.loaded:
            return {}
        by_entity: dict[str, set[Ref]] = defaultdict(set)
        for ref in refs:
            by_entity[ref.to_entity].add(ref)
        ends: dict[Ref, str] = {}
        for name, some in by_entity.items():
            if (other := self._wave.flows.get(name)) is None:
                continue
            known = await self._books.known(other.entity, sorted({ref.key for ref in some}))
            for ref in some:
                entry = known.get(ref.key)
                if entry and entry.bucket is Bucket.SYNCED and entry.wave in self._wave.loaded_waves:
                    ends[ref] = entry.target
        return ends

    def _unlike(self, pair: Pair, standing: Standing, judged: Judgement) -> Iterator[str]:
        if self._carries and standing.xid != self._flow.xid(pair.record.key):
            yield EXTERNAL_ID
        if isinstance(pair.mapped, Refused):
            yield pair.mapped.field
            return
        for name, value in _wanted(pair).items():
            found = self._alike(name, value, standing.fields.get(name))
            if found is Likeness.OTHER:
                yield name
            elif found is Likeness.UNTOLD:
                judged.untold.add(name)
        if pair.mapped.status:
            shown = standing.status or standing.fields.get("status", "")
            if spelled(pair.mapped.status).casefold() != spelled(shown).casefold():
                yield STATUS

    def _alike(self, name: str, wanted: Any, there: Any) -> Likeness:
        info = self._infos.get(name)
        kind = info.type if info else ""
        found = likeness(wanted, there, kind, folds=bool(info and info.choices))
        if found is Likeness.OTHER and is_nothing(there) and not comparable(self._flow, name, wanted):
            return Likeness.UNTOLD
        return found

    async def _signed(self, findings: list[Finding], targets: Mapping[str, str]) -> list[Finding]:
        """With the name of whoever else changed the record since."""
        suspects = sorted({targets[f.root] for f in findings if f.root in targets})
        if not suspects:
            return findings
        touches = await self._hearing.ask(self._target.others, self._flow.target_entity, suspects)
        by = {key: touches[target].by for key, target in targets.items() if target in touches}
        return [finding._replace(by=by.get(finding.root, "")) for finding in findings]

    def _finding(self, pair: Pair, kind: str, field: str = "") -> Finding:
        return Finding(self._flow.name, pair.record.key, kind, field, pair.record.key)


def _wanted(pair: Pair) -> Fields:
    """What the record's fields should say, those that hold another record's id included."""
    if isinstance(pair.mapped, Refused):
        return {}
    ids: dict[str, list[str]] = defaultdict(list)
    for ref in pair.mapped.refs:
        if ref.kind == "field":
            ids[ref.name].append(pair.ends.get(ref, ""))
    return pair.mapped.fields | {name: one[0] for name, one in ids.items() if len(one) == 1 and one[0]}
