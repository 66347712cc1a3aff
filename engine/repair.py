"""Sends again what is missing or changed: opens those entries anew, and the wave's own pipeline does the rest.

What is opened is durable in one step, so a repair that is cut off is finished by the next run. Nothing is created
without a look whether it is there after all; what somebody edited is left alone unless that is asked for by name.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from connectors.kit.contract import Doubt, Readback, Undo, Write
from engine.clock import Clock
from engine.compare import EXTERNAL_ID, PARENT, Difference, Kind
from engine.conductor import Conductor
from engine.drifts import Opened
from engine.errors import Refused
from engine.flow import Flow
from engine.inspection import ask_once
from engine.ledger import Ledger
from engine.model import UNDONE
from engine.wire import Receipt, Repair, RepairPlan, Run

_MOST = 100_000  # differences that are mended at a time
_BATCH = 100

_BY_HAND = "there is more at the target than there should be: remove it there"
_ELSEWHERE = "it hangs on another record: move it there"
_NO_UPDATES = "the target takes no updates of it"
_NO_ID = "the target cannot put our id back"


@dataclass(slots=True)
class _Deeds:
    """What a repair would do, by flow."""

    create: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    update: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    sign: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    ties: list[tuple[int, str, str, str]] = field(default_factory=list)  # entity, key, name, to_key ("": all of it)
    roots: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    stuck: Counter[str] = field(default_factory=Counter)
    fields: Counter[str] = field(default_factory=Counter)
    edited: int = 0

    @property
    def records(self) -> int:
        return sum(map(len, self.roots.values()))


class Repairs:
    """Previews repairs, and does them."""

    def __init__(self, conductor: Conductor, ledger: Ledger, clock: Clock) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._clock = clock

    async def preview(self, wave: str, kinds: Sequence[str], keys: Sequence[str], also_edited: str) -> RepairPlan:
        deeds = await self._deeds(wave, kinds, keys, also_edited)
        row = (await self._ledger.waves())[wave]
        return RepairPlan(
            wave=wave,
            state=row.state,
            records=deeds.records,
            create=sum(map(len, deeds.create.values())),
            update=sum(map(len, deeds.update.values())) + sum(map(len, deeds.sign.values())),
            ties=len(deeds.ties),
            edited=deeds.edited,
            stuck=dict(deeds.stuck),
            fields=dict(deeds.fields),
            note="" if deeds.records else "there is nothing to mend. Compare anew: cutover reconcile",
        )

    async def repair(self, command: Repair) -> Receipt:
        """Open what is to be sent again, then run the wave."""
        deeds = await self._deeds(command.wave, command.kinds, command.keys, command.also_edited)
        if not deeds.records:
            raise Refused(f"There is nothing to mend in wave {command.wave}. Type: cutover drift list")
        async with self._conductor.at_rest(command.wave):
            await self._conductor.refuse_run([command.wave])
            row = (await self._ledger.waves())[command.wave]
            if row.state in UNDONE:
                raise Refused(f"Wave {command.wave} was rolled back. Run it: cutover run --wave {command.wave}")
            for name, keys in deeds.sign.items():
                await self._sign(self._flow(name), keys)
            opened, ties = await self._opened(deeds)
            detail = f"{deeds.records} records" + (", also edited ones" if command.also_edited else "")
            await self._ledger.drifts.reopen(opened, ties, command.by, command.wave, detail)
        await self._conductor.run(Run(waves=[command.wave], by=command.by))
        message = f"Mending {deeds.records} records of wave {command.wave}."
        return Receipt(accepted=True, durable=True, effective=True, message=message)

    # ------------------------------------------------------------ what to do

    async def _deeds(self, wave: str, kinds: Sequence[str], keys: Sequence[str], also_edited: str) -> _Deeds:
        self._conductor.wave(wave)
        unknown = [kind for kind in kinds if kind not in set(Kind)]
        if unknown:
            raise Refused(f"There is no class {unknown[0]}. Classes: {', '.join(Kind)}.")
        if also_edited and also_edited != wave:
            raise Refused(f"To overwrite what somebody edited, name the wave: --also-edited {wave}")
        deeds = _Deeds()
        for kept in await self._ledger.drifts.list(wave=wave, limit=_MOST):
            one = kept.difference
            if (kinds and one.kind not in kinds) or (keys and one.key not in keys and one.root not in keys):
                continue
            self._deed(deeds, one, also_edited=bool(also_edited))
        return deeds

    def _deed(self, deeds: _Deeds, one: Difference, *, also_edited: bool) -> None:
        flow = self._flow(one.flow)
        if one.kind is Kind.EDITED and not also_edited:
            deeds.edited += 1
            return
        ties = [tie for tie in (flow.ties or {}).values() if tie.field and tie.field == one.field]
        if one.kind in (Kind.EXTRA, Kind.DUPLICATE):
            deeds.stuck[_BY_HAND] += 1
            return
        if one.kind is Kind.MISSING and one.field:
            name, _, to_key = one.field.rpartition(" to ")
            deeds.ties.append((flow.entity, one.key, name, to_key))
        elif one.kind is Kind.MISSING:
            deeds.create[flow.name].add(one.key)
        elif one.field == PARENT and flow.name != one.flow.partition("/")[0]:
            deeds.stuck[_ELSEWHERE] += 1
            return
        elif one.field == EXTERNAL_ID:
            if not isinstance(flow.target, Undo):
                deeds.stuck[_NO_ID] += 1
                return
            deeds.sign[flow.name].add(one.key)
        elif ties:
            deeds.ties += [(flow.entity, one.key, tie.name, "") for tie in ties]
        elif not flow.writes.updates:
            deeds.stuck[_NO_UPDATES] += 1
            return
        else:
            deeds.update[flow.name].add(one.key)
        if one.field:
            deeds.fields[one.field.partition(" to ")[0]] += 1
        deeds.roots[one.flow.partition("/")[0]].add(one.root)

    def _flow(self, name: str) -> Flow:
        top = self._conductor.assembly.flows[name.partition("/")[0]]
        return next((child for child in top.children if child.name == name), top)

    # ------------------------------------------------------------ doing it

    async def _opened(self, deeds: _Deeds) -> tuple[list[Opened], list[tuple[int, str, str, str]]]:
        opened: dict[tuple[int, str], Opened] = {}
        ties = list(deeds.ties)
        for name, roots in deeds.roots.items():
            flow = self._flow(name)
            for key in roots:
                opened[flow.entity, key] = Opened(flow.entity, key, None, again=False, lasting=flow.lasting)
        for name, keys in deeds.update.items():
            flow = self._flow(name)
            for key in keys:
                opened[flow.entity, key] = Opened(flow.entity, key, None, again=True, lasting=True)
        for name, keys in deeds.create.items():
            flow = self._flow(name)
            there = await self._there_after_all(flow, keys)
            for key in keys:
                opened[flow.entity, key] = Opened(flow.entity, key, there.get(key, ""), again=True, lasting=True)
                ties.append((flow.entity, key, "", ""))
            for child in flow.children:
                for key in await self._gone_with(child, keys):
                    opened[child.entity, key] = Opened(child.entity, key, "", again=True, lasting=True)
        return list(opened.values()), ties

    async def _there_after_all(self, flow: Flow, keys: Collection[str]) -> dict[str, str]:
        """{key: id} of those that the target has: under another id than the ledger knows, or made anew since they were
        found missing (a search may not show that yet)."""
        long_ago = datetime.fromtimestamp(0, UTC)
        doubts = {flow.xid(key): (key, Doubt(flow.xid(key), "", long_ago)) for key in keys}
        found = await ask_once(flow.target.find, flow.target_entity, [doubt for _, doubt in doubts.values()])
        known = await self._ledger.known(flow.entity, list(keys))
        there = {entry.target: key for key, entry in known.items() if entry.target}
        there |= {written.target: doubts[xid][0] for xid, written in found.items()}
        target = flow.target
        assert isinstance(target, Readback)
        standing = await ask_once(target.stand, flow.target_entity, list(there), ()) if there else {}
        return {there[id]: id for id in standing}

    async def _gone_with(self, child: Flow, parents: Iterable[str]) -> list[str]:
        """Keys of what hung on records that are gone, and is gone too."""
        records = await ask_once(child.source.children, child.scope(), list(parents))
        known = await self._ledger.known(child.entity, [record.key for record in records])
        ids = {entry.target: entry.key for entry in known.values() if entry.target}
        target = child.target
        assert isinstance(target, Readback)
        standing = await ask_once(target.stand, child.target_entity, list(ids), ()) if ids else {}
        return [key for id, key in ids.items() if id not in standing]

    async def _sign(self, flow: Flow, keys: Iterable[str]) -> None:
        """Put our external id back, and change nothing else."""
        target = flow.target
        assert isinstance(target, Undo)
        known = await self._ledger.known(flow.entity, list(keys))
        writes = [Write(flow.xid(key), {}, entry.target) for key, entry in known.items()]
        try:
            for at in range(0, len(writes), _BATCH):
                await ask_once(target.restore, flow.target_entity, writes[at : at + _BATCH])
        finally:
            self._conductor.wrote()
