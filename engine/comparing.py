"""Comparisons that somebody asked for: begun, followed, taken up again; and what is known of the drift."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, ParamSpec, TypeVar

import orjson

from connectors.kit.errors import ConnectorError, Throttled, Unavailable
from engine.assembly import PlannedWave
from engine.census import beyond
from engine.clock import Clock
from engine.conductor import Conductor
from engine.drifts import Walk
from engine.errors import EngineError, Refused
from engine.flow import Flow
from engine.inspection import ask_once
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.masks import masked
from engine.model import UNCHECKED, UNDONE, WORKING, Bucket, Entry
from engine.pacing import Pacing
from engine.people import People
from engine.reconcile import Reconciler, Tally, drifted, keep, waiting
from engine.sides import Sides, readable
from engine.trial import find
from engine.trouble import describe
from engine.wire import (
    Comparison,
    Comparisons,
    DriftField,
    DriftList,
    DriftRow,
    DriftShow,
    Receipt,
    Reconcile,
)

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_TRIES = 6
_FIRST_WAIT, _LONGEST_WAIT = 1.0, 30.0  # seconds


class Comparing:
    """The commands of comparing."""

    def __init__(self, conductor: Conductor, ledger: Ledger, pacing: Pacing, clock: Clock, secret: bytes) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._pacing = pacing
        self._clock = clock
        self._secret = secret
        self._task: asyncio.Task[None] | None = None
        self._current = ""  # wave that is being compared
        self._pace: tuple[float, int] = (0.0, 0)  # when it was begun or taken up, and what was compared by then

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    @contextlib.asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """What goes on ends with this; the next engine can take it up."""
        try:
            yield
        finally:
            if self._task is not None:
                self._task.cancel()
                await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ commands

    async def reconcile(self, command: Reconcile) -> Receipt:
        """Begin, or go on with what was cut off."""
        if self.busy:
            raise Refused(f"Wave {self._current} is being compared. Watch: cutover reconcile --wave {self._current}")
        if command.full and command.sample:
            raise Refused("Compare all of it, or a sample: not both.")
        rows = await self._ledger.waves()
        names = [self._conductor.wave(command.wave).name] if command.wave else list(self._conductor.assembly.waves)
        begun = [name for name in names if rows[name].state not in UNCHECKED | UNDONE]
        if not begun:
            which = f"Wave {command.wave} has" if command.wave else "No wave has"
            raise Refused(f"{which} {'not begun' if command.wave else 'begun'}. Run it: cutover run")
        scope = "full" if command.full else f"sample {command.sample}" if command.sample else "dirty"
        await self._ledger.note(command.by, "reconcile", command.wave, scope)
        walks = [await self._begin(rows[name], scope, command.by) for name in begun]
        self._task = asyncio.create_task(self._walk_all([rows[name] for name in begun], walks), name="reconcile")
        return Receipt(accepted=True, durable=True, effective=True, message=f"Comparing {', '.join(begun)}.")

    async def state(self) -> Comparisons:
        walks, counts = await self._ledger.drifts.walks(), await self._ledger.drifts.counts()
        return Comparisons(
            comparisons=[
                Comparison(
                    wave=name,
                    scope=walk.scope,
                    by=walk.by,
                    started=walk.started,
                    ended=walk.ended,
                    running=self.busy and not walk.ended and not walk.outcome,
                    compared=walk.compared,
                    total=walk.total,
                    seconds_left=self._left(walk),
                    kinds={str(kind): n for kind, n in counts.get(name, {}).items()},
                    outcome=walk.outcome,
                )
                for name in self._conductor.assembly.waves
                if (walk := walks.get(name)) is not None
            ]
        )

    async def rows(self, *, wave: str, keys: Sequence[str]) -> DriftList:
        if wave:
            self._conductor.wave(wave)
        counts = await self._ledger.drifts.counts()
        kept = await self._ledger.drifts.list(wave=wave, keys=keys)
        return DriftList(
            kinds={
                name: {str(kind): n for kind, n in kinds.items()}
                for name, kinds in counts.items()
                if not wave or name == wave
            },
            rows=[DriftRow(wave=one.wave, found=one.found, **_told(one.difference._asdict())) for one in kept],
        )

    async def show(self, word: str, *, plainly: bool) -> DriftShow:
        """One record on both sides, at this moment: by its key, or by its label (a ticket number)."""
        key, found, rows = word, await self._known(word), (await self.rows(wave="", keys=[word])).rows
        if not found and not rows:
            for flow in self._conductor.assembly.flows.values():
                if (record := await find(flow, word)) is not None and (found := await self._known(record.key)):
                    key, rows = record.key, (await self.rows(wave="", keys=[record.key])).rows
                    break
            else:
                raise Refused(f"The ledger knows no record {word}. Type: cutover drift list")
        wanted = {row.entity for row in rows}
        found.sort(key=lambda one: one[0].name not in wanted)
        entity, target = (found[0][0].name, found[0][1].target) if found else (rows[0].entity, rows[0].target)
        shown = DriftShow(rows=rows, entity=entity, key=key, target=target, masked=not plainly, fields=[])
        if not found:
            note = "only records themselves are shown: look at this one at the target, by its id"
            return shown.model_copy(update={"note": note})
        flow, entry = found[0]
        if not entry.target or not readable(flow):
            return shown.model_copy(update={"note": "it is not at the target, or that cannot be read back"})
        pair = await self._sides(ask_once).both(flow, entry)
        fields = [
            DriftField(
                field=each,
                differs=pair.wanted.get(each) != pair.there.get(each),
                wanted=_shown(pair.wanted.get(each), plainly),
                there=_shown(pair.there.get(each), plainly),
            )
            for each in sorted({*pair.wanted, *pair.there})
        ]
        return shown.model_copy(update={"fields": fields})

    async def _known(self, key: str) -> list[tuple[Flow, Entry]]:
        """What the ledger has under this key, of each entity."""
        flows = self._conductor.assembly.flows.values()
        known = [(flow, await self._ledger.known(flow.entity, [key])) for flow in flows]
        return [(flow, entries[key]) for flow, entries in known if entries]

    # ------------------------------------------------------------ the comparison

    async def _begin(self, row: WaveRow, scope: str, by: str) -> Walk:
        tally = await self._ledger.tally()
        total = 0
        for flow in self._flows(row):
            if scope == "dirty":
                total += await self._ledger.drifts.dirty_count(row.id, flow.entity)
            else:
                total += tally.get((row.id, flow.entity), {}).get(Bucket.SYNCED, 0)
        if scope.startswith("sample"):
            total = min(total, int(scope.partition(" ")[2]))
        return await self._ledger.drifts.begin(row.name, scope, by, total)

    async def _walk_all(self, rows: Sequence[WaveRow], walks: Sequence[Walk]) -> None:
        for row, walk in zip(rows, walks, strict=True):
            self._current = row.name
            self._pace = (self._clock.monotonic(), walk.compared)
            try:
                outcome, done = await self._walk(row, walk), True
            except asyncio.CancelledError:
                raise
            except (ConnectorError, EngineError) as error:
                outcome, done = f"failed: {error} To go on: cutover reconcile --wave {row.name}", False
            except ExceptionGroup as group:
                outcome, done = f"failed: {_first(group)} To go on: cutover reconcile --wave {row.name}", False
            except Exception as error:  # noqa: BLE001 - a bug must be said where somebody looks for the answer
                outcome, done = f"failed by an error of the engine itself ({describe(error)})", False
            await self._ledger.drifts.end(row.id, outcome, done=done)

    async def _walk(self, row: WaveRow, walk: Walk) -> str:
        ledger, flows = self._ledger, self._flows(row)
        reconciler = Reconciler(ledger, row.id, self._sides(self._ask), waiting(self._pacing, self._clock, row.name))
        compared, tallies, notes = walk.compared, [], []
        entities = [flow.entity for flow in flows]
        reached = entities.index(walk.entity) if walk.entity in entities else 0
        if walk.scope.startswith("sample") or walk.entity not in entities:  # nothing to go on with: from the beginning
            compared, reached = 0, 0

        async def progress(flow: Flow, after: str, n: int) -> None:
            nonlocal compared
            compared += n
            await ledger.drifts.at(row.id, flow.entity, after, compared)

        for flow in flows[reached:]:
            after = walk.after if flow.entity == walk.entity else ""
            if walk.scope.startswith("sample"):
                tallies.append(await reconciler.sampled(flow, max(1, walk.total // len(flows)), progress))
            else:
                tallies.append(await reconciler.whole(flow, after, progress, dirty=walk.scope == "dirty"))
        if walk.scope == "full":
            scopes = {part.flow.name: part.scope for part in self._conductor.wave(row.name).parts}
            for flow in flows:
                alike, scope = self._alike(flow), scopes[flow.name]
                notes += await beyond(ledger, self._ask, row.id, flow, alike, scope, reconciler, self._unsettled)
        await keep(ledger, self._clock, row.name, tallies)
        return "; ".join([self._said(row, await ledger.drifts.counts(), tallies), *notes])

    def _said(self, row: WaveRow, counts: dict[str, dict[Any, int]], tallies: Sequence[Tally]) -> str:
        moving = sum(tally.moving for tally in tallies)
        compared = sum(tally.compared for tally in tallies) - moving
        kinds = counts.get(row.name, {})
        told = drifted(row.name, kinds) if kinds else f"{compared:,} records compared, none differs"
        return f"{told}; {moving:,} on their way" if moving else told

    def _flows(self, row: WaveRow) -> list[Flow]:
        planned: PlannedWave = self._conductor.wave(row.name)
        return [part.flow for part in planned.parts if readable(part.flow)]

    async def _unsettled(self) -> bool:
        """A create may have been applied whose outcome is not in the ledger yet, or never came to it."""
        rows, unanswered = await self._ledger.waves(), await self._ledger.unanswered()
        return self._conductor.busy or any(row.state in WORKING for row in rows.values()) or any(unanswered.values())

    def _alike(self, flow: Flow) -> list[Flow]:
        """All flows that write to where this one writes."""
        place = (flow.target_system, flow.target_entity)
        return [f for f in self._conductor.assembly.flows.values() if (f.target_system, f.target_entity) == place]

    def _sides(self, ask: Any) -> Sides:
        return Sides(self._ledger, People(), self._secret, ask)

    def _left(self, walk: Walk) -> float | None:
        since, before = self._pace
        if not self.busy or walk.wave != self._current or walk.compared <= before:
            return None
        rate = (walk.compared - before) / max(0.001, self._clock.monotonic() - since)
        return round(max(0, walk.total - walk.compared) / rate, 1)

    async def _ask(
        self, call: Callable[Arguments, Awaitable[Result]], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """A call that is made again when the system is away for a moment. Reading twice does no harm."""
        tries = 0
        while True:
            try:
                return await call(*args, **kwargs)
            except Throttled as error:
                await self._clock.sleep(max(error.retry_after, _FIRST_WAIT))
            except Unavailable:
                tries += 1
                if tries == _TRIES:
                    raise
                await self._clock.sleep(min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (tries - 1)))


def _told(difference: dict[str, Any]) -> dict[str, str]:
    return {("entity" if name == "flow" else name): str(value) for name, value in difference.items()}


def _shown(value: Any, plainly: bool) -> str:
    """A value for a screen, or what may be shown of it unasked."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS, default=str).decode()
    return text if plainly else masked(text)


def _first(group: BaseExceptionGroup[Exception]) -> str:
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return str(error) if isinstance(error, ConnectorError | EngineError) else describe(error)
