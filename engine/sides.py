"""One batch on both sides, read at this moment: what is equal, what differs, and what cannot be said yet.

The source's record goes through the mapping as it is now, and is put into the form in which the target tells its own.
Between the two stands the ledger: it knows which version we wrote, where, and what we meant.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from connectors.kit.contract import Creates, Fields, Readback, Record, Standing, Touch
from engine.compare import EXTERNAL_ID, PARENT, STATUS, Difference, Kind, unlike
from engine.drifts import Tied
from engine.fingerprint import fingerprint, form_of
from engine.flow import Flow
from engine.inquiry import Ask
from engine.ledger import Ledger
from engine.mapping import Mapped, Refused
from engine.model import A_PERSONS, CHANGING, Bucket, Entry
from engine.people import People

_SOMEBODYS = (Kind.CHANGED, Kind.MISSING)  # what a person may have done


@dataclass(slots=True)
class Compared:
    """What a look at some entries said."""

    equal: list[str] = field(default_factory=list)  # keys
    differing: list[Difference] = field(default_factory=list)
    moving: list[str] = field(
        default_factory=list
    )  # keys: in flight, or the source has moved on; to be looked at later

    def add(self, other: Compared) -> None:
        self.equal += other.equal
        self.differing += other.differing
        self.moving += other.moving


@dataclass(frozen=True, slots=True)
class Pair:
    """One record as it should be and as it is, in canonical form. Values: never kept."""

    wanted: Fields
    there: Fields


class Sides:
    """Compares entries of one flow, batch by batch."""

    def __init__(self, ledger: Ledger, people: People, secret: bytes, ask: Ask) -> None:
        self._ledger = ledger
        self._people = people
        self._secret = secret
        self._ask = ask

    async def compare(self, flow: Flow, entries: Sequence[Entry]) -> Compared:
        """Entries that are synced. The target must be one that can be read back (`readable`)."""
        target = back(flow)
        await self._ask(target.learn, flow.target_entity)
        records = {r.key: r for r in await self._ask(flow.source.fetch, flow.scope(), [e.key for e in entries])}
        still = [e for e in entries if e.key in records and records[e.key].version == e.version]
        found = Compared(moving=[e.key for e in entries if e.key not in records or records[e.key].version != e.version])
        if not still:
            return found
        mapped = await self._mapped(flow, [records[entry.key] for entry in still])
        ties = await self._ties(flow, still)
        wanted = {e.key: self._wanted(flow, m, ties[e.key]) for e, m in zip(still, mapped, strict=True)}
        names = sorted({name for fields in wanted.values() for name in fields})
        standing = await self._ask(target.stand, flow.target_entity, [e.target for e in still], names)
        differing: dict[str, list[Difference]] = {}
        for entry, one in zip(still, mapped, strict=True):
            there = standing.get(entry.target)
            differing[entry.key] = list(self._differences(flow, entry, one, wanted[entry.key], there))
        upright = [entry for entry in still if entry.target in standing]
        hanging = await self._hanging(flow, upright, ties)
        for difference in hanging.differing:
            differing[difference.root].append(difference)
        moving = set(hanging.moving)
        moved = await self._moved(flow, [entry for entry in still if differing[entry.key]])
        await self._blame(flow, {entry.target: entry.key for entry in still}, standing, differing)
        for entry in still:
            if entry.key in moved:
                found.moving.append(entry.key)
            elif differing[entry.key]:
                found.differing += differing[entry.key]
            elif entry.key in moving:
                found.moving.append(entry.key)
            else:
                found.equal.append(entry.key)
        return found

    async def both(self, flow: Flow, entry: Entry) -> Pair:
        """One record with its values, to be looked at and forgotten."""
        target = back(flow)
        await self._ask(target.learn, flow.target_entity)
        records = await self._ask(flow.source.fetch, flow.scope(), [entry.key])
        wanted: Fields = {}
        if records:
            one = (await self._mapped(flow, records))[0]
            ties = await self._ties(flow, [entry])
            raw = self._wanted(flow, one, ties[entry.key])
            wanted = target.canonical(flow.target_entity, raw)
            if isinstance(one, Mapped) and one.status:
                wanted[STATUS] = one.status
        else:
            raw = dict.fromkeys(flow.mapper.makes)
        there: Fields = {}
        standing = await self._ask(target.stand, flow.target_entity, [entry.target], sorted(raw))
        if (now := standing.get(entry.target)) is not None:
            there = dict(now.fields)
            if STATUS in wanted:
                there[STATUS] = now.status
        return Pair(wanted, there)

    # ------------------------------------------------------------ records

    async def _mapped(self, flow: Flow, records: Sequence[Record]) -> list[Mapped | Refused]:
        people = await self._ask(self._people.known, flow, records) if flow.mapper.people else {}
        return flow.mapper.map(records, people)

    async def _ties(self, flow: Flow, entries: Sequence[Entry]) -> Mapping[str, list[Tied]]:
        by_key: dict[str, list[Tied]] = defaultdict(list)
        if flow.ties:
            for tie in await self._ledger.drifts.ties(flow.entity, [entry.key for entry in entries]):
                if tie.name in flow.ties:
                    by_key[tie.key].append(tie)
        return by_key

    def _wanted(self, flow: Flow, mapped: Mapped | Refused, ties: Iterable[Tied]) -> Fields:
        """What we would write: the record's own fields, and those that hold another record's id."""
        if isinstance(mapped, Refused):
            return {}
        known = flow.ties or {}
        return mapped.fields | {known[tie.name].field: tie.to_target for tie in ties if known[tie.name].field}

    def _differences(
        self, flow: Flow, entry: Entry, mapped: Mapped | Refused, wanted: Fields, there: Standing | None
    ) -> Iterable[Difference]:
        target = back(flow)

        def one(kind: Kind, name: str = "") -> Difference:
            return Difference(flow.name, entry.key, kind, name, entry.target, entry.key)

        if there is None:
            yield one(Kind.MISSING)
            return
        if isinstance(mapped, Refused):
            yield one(Kind.MAPPING, mapped.field)
            return
        if there.xid != flow.xid(entry.key) and (there.xid or flow.writes.creates is not Creates.NONE):
            yield one(Kind.CHANGED, EXTERNAL_ID)
        kind = Kind.CHANGED
        told = entry.print not in ("", CHANGING)
        if told and entry.print != fingerprint(mapped, form_of(flow.mapper), self._secret):
            kind = Kind.MAPPING
        for name in unlike(wanted, target.canonical(flow.target_entity, wanted), there.fields):
            yield one(kind, name)
        if mapped.status and mapped.status.casefold() != there.status.casefold():
            yield one(kind, STATUS)

    async def _moved(self, flow: Flow, suspects: Sequence[Entry]) -> set[str]:
        """Keys of those that somebody changed, or we wrote, while both sides were read: they were seen half-way."""
        if not suspects:
            return set()
        keys = [entry.key for entry in suspects]
        now = {record.key: record.version for record in await self._ask(flow.source.fetch, flow.scope(), keys)}
        known = await self._ledger.known(flow.entity, keys)
        return {e.key for e in suspects if now.get(e.key) != e.version or known.get(e.key) != e}

    async def _blame(
        self,
        flow: Flow,
        keys: Mapping[str, str],
        standing: Mapping[str, Standing],
        differing: dict[str, list[Difference]],
    ) -> None:
        """Who changed what differs, where the target tells: that is an edit, and somebody's will. `keys`: by target;
        `by` of what hangs on a record: who wrote that last."""
        target = back(flow)
        suspects = [id for id, key in keys.items() if any(d.kind in _SOMEBODYS for d in differing[key])]
        touches = await self._ask(target.others, flow.target_entity, suspects) if suspects else {}
        me = await self._ask(target.me) if touches else ""
        taken = await self._ledger.images.taken(flow.entity, list(keys.values())) if touches and flow.existing else {}
        for id, key in keys.items():
            touch, there = touches.get(id), standing.get(id)
            if touch is not None and key in taken and taken[key].target == id and touch.at <= taken[key].at:
                touch = None  # before we wrote over it
            own = there.by if there is not None else ""
            # What we have written last is as we left it, whoever touched the record before.
            differing[key] = [
                _blamed(d, None if me == (d.by or (own if d.flow == flow.name else "")) else touch)
                for d in differing[key]
            ]

    # ------------------------------------------------------------ what hangs on them

    async def _hanging(self, flow: Flow, entries: Sequence[Entry], ties: Mapping[str, list[Tied]]) -> Compared:
        found = Compared()
        if not entries:
            return found
        for child in flow.children:
            found.add(await self._children(flow, child, entries))
        linked = [entry for entry in entries if any((flow.ties or {})[tie.name].link for tie in ties[entry.key])]
        if linked:
            found.differing += await self._links(flow, linked, ties)
        return found

    async def _children(self, flow: Flow, child: Flow, parents: Sequence[Entry]) -> Compared:
        target = back(child)
        await self._ask(target.learn, child.target_entity)
        by_key = {parent.key: parent for parent in parents}
        records = await self._ask(child.source.children, child.scope(), list(by_key))
        known = await self._ledger.known(child.entity, [record.key for record in records])
        ids = {parent.target: parent.key for parent in parents}
        there = await self._ask(target.hanging, flow.target_entity, child.target_entity, list(ids))
        found = Compared()
        found.differing += _twice(child, there, ids)
        standing = {standing.target: standing for standing in there}
        told = {name for one in there for name in one.fields}
        settled: list[tuple[Record, Entry]] = []
        for record in records:
            entry = known.get(record.key)
            if entry is not None and entry.bucket in A_PERSONS:
                continue
            if entry is None or entry.bucket is Bucket.IN_FLIGHT or entry.version != record.version:
                found.moving.append(record.parent)
            elif entry.bucket is Bucket.SYNCED:
                settled.append((record, entry))
        lost = [entry.target for _, entry in settled if entry.target not in standing]
        if lost:  # or it hangs on another record
            standing |= await self._ask(target.stand, child.target_entity, lost, ())
        mapped = await self._mapped(child, [record for record, _ in settled])
        for (record, entry), one in zip(settled, mapped, strict=True):
            place = (entry.target, record.parent)
            now = standing.get(entry.target)
            if now is None:
                found.differing.append(Difference(child.name, record.key, Kind.MISSING, "", *place))
            elif now.parent != by_key[record.parent].target:
                found.differing.append(Difference(child.name, record.key, Kind.CHANGED, PARENT, *place))
            else:
                names = _child_differences(child, record.key, one, now, told)
                found.differing += [
                    Difference(child.name, record.key, kind, name, *place, now.by) for kind, name in names
                ]
        return found

    async def _links(self, flow: Flow, entries: Sequence[Entry], ties: Mapping[str, list[Tied]]) -> list[Difference]:
        target = back(flow)
        await self._ask(target.learn, "link")
        there = await self._ask(target.hanging, flow.target_entity, "link", [entry.target for entry in entries])
        shown = {_ends(one.fields) for one in there}
        lost = []
        for entry in entries:
            for tie in ties[entry.key]:
                known = (flow.ties or {})[tie.name]
                sides = {"type": known.link, "from": tie.target, "to": tie.to_target}
                if known.link and _ends(target.canonical("link", sides)) not in shown:
                    name = f"{tie.name} to {tie.to_key}"
                    lost.append(Difference(flow.name, entry.key, Kind.MISSING, name, entry.target, entry.key))
        return lost


def readable(flow: Flow) -> bool:
    """Whether its target tells what became of our writes."""
    return isinstance(flow.target, Readback)


def back(flow: Flow) -> Readback:
    """The target of a flow that is readable: asking a class for a protocol costs too much to do it for each record."""
    return cast(Readback, flow.target)


def _blamed(difference: Difference, touch: Touch | None) -> Difference:
    if touch is None or difference.kind not in _SOMEBODYS:
        return difference._replace(by="")
    kind = Kind.EDITED if difference.kind is Kind.CHANGED else difference.kind
    if difference.by not in ("", touch.by):
        return difference._replace(kind=kind)  # who wrote it last is known, and when that was is not
    return difference._replace(kind=kind, by=touch.by, at=touch.at.isoformat(timespec="seconds"))


def _child_differences(
    child: Flow, key: str, mapped: Mapped | Refused, there: Standing, told: set[str]
) -> Iterable[tuple[Kind, str]]:
    """`told`: fields that the target tells of things of this kind; others cannot be compared."""
    target = back(child)
    if isinstance(mapped, Refused):
        yield Kind.MAPPING, mapped.field
        return
    if there.xid and there.xid != child.xid(key):
        yield Kind.CHANGED, EXTERNAL_ID
    wanted = target.canonical(child.target_entity, mapped.fields)
    for name in unlike([name for name in wanted if name in told], wanted, there.fields):
        yield Kind.CHANGED, name


def _twice(child: Flow, there: Sequence[Standing], ids: Mapping[str, str]) -> list[Difference]:
    met: set[str] = set()
    twice = []
    for one in there:
        if one.xid in met and one.parent in ids:
            twice.append(Difference(child.name, one.target, Kind.DUPLICATE, "", one.target, ids[one.parent]))
        if one.xid:
            met.add(one.xid)
    return twice


def _ends(link: Mapping[str, Any]) -> tuple[str, str, str]:
    return str(link.get("type")), str(link.get("from")), str(link.get("to"))
