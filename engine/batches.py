"""Collects what was read into batches, and says which of them is unlike those before. Values only in memory, and only
until a batch is full; what is kept of it are numbers and keyed hashes.

Of each wave's entity the first records are all looked at, then one in `_ONE_IN`: it must cost next to nothing. So it is
with what hangs on them: each is looked at like a record, and counted by the record it hangs on.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, NamedTuple

import orjson
from pydantic import TypeAdapter

from connectors.kit.contract import Record
from connectors.kit.document import Document
from engine.anomalies import Anomaly, judge
from engine.features import Batch, hanging, measure
from engine.flow import Flow
from engine.ledger import Ledger
from engine.mapping import Mapped, Ref, Refused
from engine.trouble import describe
from engine.wire import Message

SIZE = 300  # records of a batch
_AT_FIRST = 3_000  # records of a wave's entity that are all looked at
_ONE_IN = 20  # of those after them
_KEPT = 48  # batches of an entity
_TOLD = 20  # anomalies of a wave

_BATCH = "batch:"  # names in `meta`: batch:ENTITY:SLOT
_HANGING = "#"  # after the name of what hangs on records: how many on each
_ANOMALIES = "anomalies:"  # anomalies:WAVE


class Told(Message):
    """A field of an entity that was unlike before in some batches of a wave."""

    entity: str
    field: str
    kind: str
    words: str  # of the worst batch
    score: float
    batches: int

    @property
    def sentence(self) -> str:
        return " ".join(part for part in (f"{self.entity}:", self.field, self.words) if part)


class _Aged(NamedTuple):
    age: int  # the number of the batch among its entity's
    batch: Batch


@dataclass(slots=True)
class _Filling:
    """A batch on its way."""

    wave: str
    passed: int = 0  # records of the wave that came by, of all batches
    rows: list[Mapping[str, Any]] = field(default_factory=list)
    ties: list[tuple[Ref, ...]] = field(default_factory=list)
    keys: frozenset[str] = frozenset()  # fields that hold nothing but the keys of a record and of its parent


@dataclass(slots=True)
class _Counting:
    """How many hang on each of the records looked at."""

    wave: str
    passed: int = 0
    counts: list[int] = field(default_factory=list)
    astray: int = 0


_TOLDS = TypeAdapter(list[Told])

log = logging.getLogger(__name__)


class Batches:
    """The batches of all waves."""

    def __init__(self, ledger: Ledger, secret: bytes) -> None:
        self._ledger = ledger
        # A key of its own: a hash here says nothing about a fingerprint.
        self._secret = blake2b(b"batches", key=secret[:64]).digest()
        self._filling: dict[str, _Filling] = {}  # by entity: waves come one after another
        self._counting: dict[str, _Counting] = {}
        self._history: dict[str, list[_Aged]] = {}  # by entity and slot
        self._one_at_a_time = asyncio.Lock()

    async def saw(self, wave: str, flow: Flow, records: Sequence[Record], mapped: Sequence[Mapped | Refused]) -> None:
        """These were read for the first time, and what became of them."""
        filling = self._filling.get(flow.name)
        if filling is None or filling.wave != wave:
            filling = self._filling[flow.name] = _Filling(wave, keys=_keys(records))
        for at in _chosen(filling.passed, len(records)):
            one = mapped[at]
            filling.rows.append(records[at].fields)
            filling.ties.append(one.refs if isinstance(one, Mapped) else ())
        filling.passed += len(records)
        kept: dict[str, str] = {}
        while len(filling.rows) >= SIZE:
            rows, filling.rows = filling.rows[:SIZE], filling.rows[SIZE:]
            ties, filling.ties = filling.ties[:SIZE], filling.ties[SIZE:]
            async with self._one_at_a_time:
                kept |= await self._full(wave, flow, rows, ties, filling.keys)
        if kept:
            await self._ledger.set_metas(kept)

    async def hung(self, wave: str, child: Flow, parents: Sequence[str], records: Sequence[Record]) -> None:
        """All of this kind that hangs on these records, listed for the first time."""
        counting = self._counting.get(child.name)
        if counting is None or counting.wave != wave:
            counting = self._counting[child.name] = _Counting(wave)
        counts = Counter(record.parent for record in records)
        counting.counts += [counts[parents[at]] for at in _chosen(counting.passed, len(parents))]
        counting.passed += len(parents)
        counting.astray += len(records) - sum(counts[parent] for parent in parents)
        kept: dict[str, str] = {}
        while len(counting.counts) >= SIZE:
            some, counting.counts = counting.counts[:SIZE], counting.counts[SIZE:]
            batch, counting.astray = hanging(some, counting.astray, wave=wave), 0
            async with self._one_at_a_time:
                kept |= await self._judge(wave, child.name, f"{child.name}{_HANGING}", batch)
        if kept:
            await self._ledger.set_metas(kept)

    async def forget(self, wave: str) -> None:
        """The wave begins anew: what was said about it is no longer so."""
        await self._ledger.set_meta(_ANOMALIES + wave, "[]")

    # ------------------------------------------------------------ inside

    async def _full(
        self,
        wave: str,
        flow: Flow,
        rows: list[Mapping[str, Any]],
        ties: Sequence[tuple[Ref, ...]],
        keys: frozenset[str],
    ) -> dict[str, str]:
        broken = await self._broken(ties)
        try:
            prints = _prints(rows, keys | {flow.label})
            batch = measure(rows, self._secret, wave=wave, prints=prints, broken=broken, but=keys)
        except Exception as error:  # noqa: BLE001 - whatever values a source has, they are moved, measured or not
            log.error("a batch of %s could not be measured: %s", flow.name, describe(error))
            return {}
        return await self._judge(wave, flow.name, flow.name, batch)

    async def _judge(self, wave: str, entity: str, name: str, batch: Batch) -> dict[str, str]:
        """Hold a batch against those before under this name, and say what is to be kept: {name in `meta`: value}."""
        history = await self._known(name)
        try:
            found = judge(batch, [one.batch for one in sorted(history, key=lambda each: each.age)])
        except Exception as error:  # noqa: BLE001 - whatever values a source has, they are moved, judged or not
            log.error("a batch of %s could not be judged: %s", entity, describe(error))
            return {}
        if found:
            await self._tell(wave, entity, found)
        return self._keep(name, batch)

    async def _tell(self, wave: str, entity: str, found: Sequence[Anomaly]) -> None:
        told = {(each.entity, each.field, each.kind): each for each in await anomalies(self._ledger, wave)}
        for one in found:
            known = told.get((entity, one.field, one.kind))
            now = Told(entity=entity, batches=1 + (known.batches if known else 0), **one._asdict())
            if known is None:
                await self._ledger.note("engine", "anomaly", wave, now.sentence)
            if known is not None and known.score > now.score:
                now = now.model_copy(update={"words": known.words, "score": known.score})
            told[entity, one.field, one.kind] = now
        worst = sorted(told.values(), key=lambda each: -each.score)[:_TOLD]
        await self._ledger.set_meta(_ANOMALIES + wave, _TOLDS.dump_json(worst).decode())

    async def _broken(self, ties: Sequence[tuple[Ref, ...]]) -> dict[str, float]:
        """Of each kind of tie: the share of its ends that the ledger does not know."""
        ends: dict[tuple[str, str], list[str]] = defaultdict(list)
        for refs in ties:
            for ref in refs:
                ends[f"{ref.kind} {ref.name}", ref.to_entity].append(ref.key)
        shares = {}
        for (name, entity), keys in ends.items():
            known = await self._ledger.known(await self._ledger.entity(entity), list(set(keys)))
            shares[name] = sum(key not in known for key in keys) / len(keys)
        return shares

    async def _known(self, entity: str) -> list[_Aged]:
        """The batches before under this name, by slot."""
        if entity not in self._history:
            kept: list[_Aged] = []
            while (text := await self._ledger.get_meta(f"{_BATCH}{entity}:{len(kept)}")) is not None:
                age, *batch = orjson.loads(text)
                kept.append(_Aged(age, Batch(*batch)))
            self._history[entity] = kept
        return self._history[entity]

    def _keep(self, entity: str, batch: Batch) -> dict[str, str]:
        """In place of the oldest of the wave that has most: so the waves before are not pushed out by a large one."""
        history = self._history[entity]
        aged = _Aged(1 + max((one.age for one in history), default=0), batch)
        slot = len(history)
        if slot < _KEPT:
            history.append(aged)
        else:
            most = Counter(one.batch.wave for one in history).most_common(1)[0][0]
            slot = min((one.age, at) for at, one in enumerate(history) if one.batch.wave == most)[1]
            history[slot] = aged
        kept = orjson.dumps([aged.age, batch.n, batch.wave, batch.numbers, batch.shares])
        return {f"{_BATCH}{entity}:{slot}": kept.decode()}


async def anomalies(ledger: Ledger, wave: str) -> list[Told]:
    """What was unlike before in this wave, worst first."""
    kept = await ledger.get_meta(_ANOMALIES + wave)
    return _TOLDS.validate_json(kept) if kept else []


def looked_at(n: int) -> int:
    """How many of `n` records of a wave's entity are."""
    return min(n, _AT_FIRST) + max(0, n - _AT_FIRST) // _ONE_IN


def _chosen(passed: int, n: int) -> range:
    """Which of the next `n` records are looked at. A run of neighbours: equal records often stand side by side."""
    if passed < _AT_FIRST:
        return range(n)
    take = looked_at(passed + n) - looked_at(passed)
    start = passed // n * take % (n - take + 1)  # another part of each chunk
    return range(start, start + take)


def _keys(records: Sequence[Record]) -> frozenset[str]:
    """Fields that hold the key of what hangs on a record, or of that record: of these there is nothing to learn."""
    first = records[0] if records else None
    if first is None or not first.parent:
        return frozenset()
    return frozenset(name for name, value in first.fields.items() if value in (first.key, first.parent))


def _prints(rows: Sequence[Mapping[str, Any]], but: frozenset[str]) -> list[bytes]:
    """Equal for records that differ in what they are known by alone."""
    return [_print({name: value for name, value in row.items() if name not in but}) for row in rows]


def _print(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=_document)
    except TypeError:  # a number beyond 64 bits, text that is not Unicode
        return repr(row).encode(errors="surrogatepass")


def _document(value: Any) -> Any:
    return value.json if isinstance(value, Document) else repr(value)
