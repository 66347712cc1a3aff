"""Collects what was read into batches, and says which of them is unlike those before. Values only in memory, and only
until a batch is full; what is kept of it are numbers and keyed hashes.

Of each wave's entity the first records are all looked at, then one in `_ONE_IN`: it must cost next to nothing.
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
from engine.features import Batch, measure
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


_TOLDS = TypeAdapter(list[Told])

log = logging.getLogger(__name__)


class Batches:
    """The batches of all waves."""

    def __init__(self, ledger: Ledger, secret: bytes) -> None:
        self._ledger = ledger
        # A key of its own: a hash here says nothing about a fingerprint.
        self._secret = blake2b(b"batches", key=secret[:64]).digest()
        self._filling: dict[str, _Filling] = {}  # by entity: waves come one after another
        self._history: dict[str, list[_Aged]] = {}  # by entity and slot
        self._one_at_a_time = asyncio.Lock()

    async def saw(self, wave: str, flow: Flow, records: Sequence[Record], mapped: Sequence[Mapped | Refused]) -> None:
        """These were read for the first time, and what became of them."""
        filling = self._filling.get(flow.name)
        if filling is None or filling.wave != wave:
            filling = self._filling[flow.name] = _Filling(wave)
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
                kept |= await self._full(wave, flow, rows, ties)
        if kept:
            await self._ledger.set_metas(kept)

    async def forget(self, wave: str) -> None:
        """The wave begins anew: what was said about it is no longer so."""
        await self._ledger.set_meta(_ANOMALIES + wave, "[]")

    # ------------------------------------------------------------ inside

    async def _full(
        self, wave: str, flow: Flow, rows: list[Mapping[str, Any]], ties: Sequence[tuple[Ref, ...]]
    ) -> dict[str, str]:
        """Judge a batch, and say what is to be kept of it: {name in `meta`: value}."""
        broken = await self._broken(ties)
        history = await self._known(flow.name)
        try:
            batch = measure(rows, self._secret, wave=wave, prints=_prints(flow, rows), broken=broken)
            found = judge(batch, [one.batch for one in sorted(history, key=lambda each: each.age)])
        except Exception as error:  # noqa: BLE001 - whatever values a source has, they are moved, judged or not
            log.error("a batch of %s could not be judged: %s", flow.name, describe(error))
            return {}
        if found:
            await self._tell(wave, flow.name, found)
        return self._keep(flow.name, batch)

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
        """The batches before, by slot."""
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


def _prints(flow: Flow, rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Equal for records that differ in what people know them by alone."""
    return [_print({name: value for name, value in row.items() if name != flow.label}) for row in rows]


def _print(row: Mapping[str, Any]) -> bytes:
    try:
        return orjson.dumps(row, default=_document)
    except TypeError:  # a number beyond 64 bits, text that is not Unicode
        return repr(row).encode(errors="surrogatepass")


def _document(value: Any) -> Any:
    return value.json if isinstance(value, Document) else repr(value)
