"""Walks the waves of a run, and does what commands ask. Every command is durable before it is answered."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from difflib import get_close_matches
from functools import partial
from math import inf

from engine.asides import AsideRow
from engine.assembly import Assembly, PlannedWave
from engine.batches import Batches
from engine.checks import preflight
from engine.clock import Clock
from engine.context import Context
from engine.errors import EngineError, Refused
from engine.exclusion import exclude, take_back
from engine.inspection import rules_hold
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import LOADED, UNCHECKED, UNDONE, WORKING, Bucket, Entry, Hold, SetAside, WaveState
from engine.pacing import ALL, Pacing
from engine.people import People
from engine.reconcile import at_the_end
from engine.telemetry import Telemetry
from engine.trouble import describe
from engine.waves import WaveRunner
from engine.wire import Exclude, Pause, Receipt, Resolve, Resume, Retry, Run, Stop

_REST = 5.0  # seconds that a command waits for its third stage before it answers without it
_GRACE = 20.0  # seconds that a stop waits for calls on the way

Work = Callable[[PlannedWave], Awaitable[WaveState]]

log = logging.getLogger(__name__)


class Conductor:
    """One engine's commands. `assemble` reads the migration folder anew: a run uses what stands there then."""

    def __init__(
        self,
        ledger: Ledger,
        pacing: Pacing,
        clock: Clock,
        telemetry: Telemetry,
        secret: bytes,
        assembly: Assembly,
        assemble: Callable[[], Awaitable[Assembly]],
    ) -> None:
        self.assembly = assembly
        self.stopped = asyncio.Event()
        self.running: list[str] = []
        self.last_words = ""  # the outcome of a run that could not be written
        self.number = 0  # of the newest run of this engine
        self._ledger = ledger
        self._pacing = pacing
        self._clock = clock
        self._telemetry = telemetry
        self._secret = secret
        self._assemble = assemble
        self._people = People()
        self._batches = Batches(ledger, secret)
        self._born, self._last_end, self._cut_off = clock.monotonic(), -inf, -inf
        self._one_at_a_time = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def word(self) -> str:
        return "stopping" if self._stopping else "running" if self.busy else "idle"

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def over(self) -> None:
        """Wait for the end of the run that goes on."""
        if self._task is not None:
            await asyncio.wait({self._task})

    @asynccontextmanager
    async def at_rest(self, wave: str) -> AsyncIterator[PlannedWave]:
        """This wave, while no run has it and none begins: for what must find it unchanged. Raises Refused."""
        async with self._one_at_a_time:
            planned = self.wave(wave)
            if self._stopping or (self.busy and wave in self.running):
                self.refuse_when_busy()
            yield planned

    def wrote(self) -> None:
        """Something left for a target outside of a run: it may come as late as what a run sent."""
        self._last_end = self._clock.monotonic()

    async def afresh(self) -> Assembly:
        """The migration as its folder stands now; while a run goes on, as it stood when that began."""
        async with self._one_at_a_time:
            if not self.busy:
                await self._assemble_anew()
            return self.assembly

    async def take_up_holds(self) -> None:
        """Holds of engines before this one stand until a person lifts them."""
        for hold in await self._ledger.holds():
            self._pacing.hold(hold)

    # ------------------------------------------------------------ commands

    async def run(self, command: Run) -> Receipt:
        async with self._one_at_a_time:
            return await self._run(command)

    async def _run(self, command: Run) -> Receipt:
        await self._assemble_anew()
        states = await self._ledger.waves()
        for name in command.waves:
            self.wave(name)
        names = [
            name
            for name in self.assembly.waves
            if (name in command.waves if command.waves else states[name].state not in LOADED | UNDONE)
        ]
        if not names:
            # An engine that died after its last wave left a run without an end: this one ends, and says so.
            self.number = await self._ledger.start_run([], command.by, "")
            await self._ledger.end_run(self.number, "done")
            undone = [name for name in self.assembly.waves if states[name].state in UNDONE]
            message = (
                f"Nothing to run. What was rolled back runs only by name: cutover run --wave {undone[0]}"
                if undone
                else "Every wave is loaded: nothing to run."
            )
            return Receipt(accepted=True, durable=True, effective=True, message=message)
        await self.refuse_run(names)
        await self._preflight([name for name in names if states[name].state in UNCHECKED])
        for name in names:
            if states[name].state in UNDONE:
                await self._batches.forget(name)
            await self._ledger.approve(name, command.by, self.assembly.waves[name].playbook)
        await self.begin(names, command.by, self._run_wave)
        return Receipt(accepted=True, durable=True, effective=True, message=f"Running {', '.join(names)}.")

    async def pause(self, command: Pause) -> Receipt:
        if command.wave:
            self.wave(command.wave)
        hold = Hold(command.wave, command.reason, command.by, self._clock.now().isoformat(timespec="milliseconds"))
        await self.brake(hold)
        effective = await self._rest(command.wave, _REST if command.wait else 0.0)
        what = f"Wave {command.wave}" if command.wave else "Every wave"
        message = f"{what} is held." if effective else f"{what} is held; calls on the way are still finishing."
        return Receipt(accepted=True, durable=True, effective=effective, message=message)

    async def brake(self, hold: Hold) -> None:
        """A hold: on disk first, then in force."""
        await self._ledger.hold(hold)
        self._pacing.hold(hold)

    async def resume(self, command: Resume) -> Receipt:
        if command.wave:
            self.wave(command.wave)
        holds = await self._ledger.holds()
        # Without a wave, every hand is taken off the brake: that is what a person means who types `resume`.
        lifted = [hold for hold in holds if not command.wave or hold.wave == command.wave]
        if not lifted and command.wave and any(hold.wave == ALL for hold in holds):
            raise Refused(f"Wave {command.wave} is held with all others. Type: cutover resume")
        for hold in lifted:
            await self._ledger.lift(hold.wave, command.by)
            self._pacing.lift(hold.wave)
        message = f"{len(lifted)} hold{'s' if len(lifted) != 1 else ''} lifted." if lifted else "Nothing was held."
        return Receipt(accepted=True, durable=True, effective=True, message=message)

    async def retry(self, command: Retry) -> Receipt:
        async with self._one_at_a_time:
            return await self._retry(command)

    async def _retry(self, command: Retry) -> Receipt:
        await self._assemble_anew()
        if command.wave:
            self.wave(command.wave)
        rows = await self._ledger.aside(wave=command.wave, cause=command.cause, keys=command.keys, limit=1_000_000)
        # What a person has excluded comes back only when it is asked for by name.
        wanted = {Bucket.QUARANTINED, Bucket.EXCLUDED} if command.cause or command.keys else {Bucket.QUARANTINED}
        rows = [row for row in rows if row.bucket in wanted]
        if not rows:
            raise Refused("No quarantined record fits. Type: cutover quarantine list")
        await self._refuse_another_mapping({row.wave for row in rows})
        await take_back(self._ledger, rows, command.by)
        await self._ledger.note(
            command.by, "retry", command.wave, f"{len(rows)} records; cause {command.cause or 'any'}"
        )
        await self.take_up(rows, [], command.by)
        return Receipt(accepted=True, durable=True, effective=True, message=f"Retrying {len(rows)} records.")

    async def take_up(self, rows: Sequence[AsideRow], waves: Sequence[str], by: str) -> None:
        """Begin a run of these waves, and of those whose records these are: they are carried again, come what may."""
        records: dict[str, dict[str, list[str]]] = {}
        children: dict[str, dict[str, dict[str, str]]] = {}
        for row in rows:
            if row.parent:
                parent_flow = row.entity.partition("/")[0]
                number = await self._ledger.entity(parent_flow)
                parent = (await self._ledger.known(number, [row.parent])).get(row.parent)
                if parent is not None and parent.target:
                    children.setdefault(row.wave, {}).setdefault(row.entity, {})[row.parent] = parent.target
            else:
                records.setdefault(row.wave, {}).setdefault(row.entity, []).append(row.key)
        names = [name for name in self.assembly.waves if name in records or name in children or name in waves]
        self._refuse_half_undone(names, await self._ledger.waves())

        async def again(planned: PlannedWave) -> WaveState:
            runner = await self.runner(planned)
            return await runner.retry(records.get(runner.name, {}), children.get(runner.name, {}))

        await self.begin(names, by, again)

    async def exclude(self, command: Exclude) -> Receipt:
        async with self._one_at_a_time:
            if command.wave:
                self.wave(command.wave)
            return await exclude(self._ledger, command, self.running)

    async def resolve(self, command: Resolve) -> Receipt:
        self.refuse_when_busy()
        rows = await self._ledger.aside(keys=[command.key])
        rows = [row for row in rows if row.bucket is Bucket.IN_DOUBT]
        if not rows:
            raise Refused(f"{command.key} is not in doubt. Type: cutover quarantine list")
        if len(rows) > 1:
            raise Refused(
                f"{command.key} is in doubt in {' and '.join(row.entity for row in rows)}: resolve them there."
            )
        row = rows[0]
        number, wave = await self._ledger.entity(row.entity), (await self._ledger.waves())[row.wave].id
        known = (await self._ledger.known(number, [row.key]))[row.key]
        if command.target:
            # What hangs on a record is whole as it is; a record's status and comments are taken up by the next run.
            bucket = Bucket.SYNCED if row.parent else Bucket.IN_FLIGHT
            entry = Entry(row.key, bucket, command.target, known.version)
            home = row.entity.rpartition("/")[0]
            soils = (await self._ledger.entity(home), [row.parent]) if row.parent else None
            await self._ledger.settle(wave, number, [entry], soils=soils)
            word = f"exists as {command.target}"
        else:
            cause = "a person found that it does not exist at the target: retry creates it"
            aside = SetAside(row.key, cause, "", "", known.version, row.parent)
            await self._ledger.settle(wave, number, (), [aside])
            word = "does not exist"
        await self._ledger.note(command.by, "resolve", row.wave, f"{row.entity} {row.key} {word}")
        message = (
            f"{row.key} {word}. Next: cutover {'run --wave ' + row.wave if command.target else 'quarantine retry'}"
        )
        return Receipt(accepted=True, durable=True, effective=True, message=message)

    async def stop(self, command: Stop) -> Receipt:
        await self._ledger.note(command.by, "stop")
        asyncio.get_running_loop().call_soon(lambda: asyncio.ensure_future(self.end()))
        return Receipt(accepted=True, durable=True, effective=False, message="The engine ends when its calls are back.")

    async def end(self) -> None:
        """Let calls on the way finish, then end. What is cut off all the same is taken up by the next run."""
        if self._stopping:
            return
        self._stopping = True
        if self.busy:
            assert self._task is not None
            self._pacing.hold(Hold(ALL, "the engine is stopping", "engine", ""))  # not durable: it ends with us
            await self._rest(ALL, _GRACE)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.stopped.set()

    # ------------------------------------------------------------ the run

    async def _assemble_anew(self) -> None:
        """Take the migration folder as it stands now."""
        self.refuse_when_busy()
        self.assembly = await self._assemble()
        self._people = People()

    async def _preflight(self, drafts: list[str]) -> None:
        """Waves that were never checked: ready, or refused with what is missing."""
        if not drafts:
            return
        for name in drafts:
            await self._ledger.wave_state(name, WaveState.PREFLIGHT)
        missing = [line for line in await preflight(self.assembly) if not line.ok]
        cause = " ".join(f"{line.system}: {line.subject}: {line.detail}. {line.hint}".strip() for line in missing)
        for name in drafts:
            await self._ledger.wave_state(name, WaveState.DRAFT if missing else WaveState.READY, cause)
        if missing:
            raise Refused(f"Not ready. {cause} All of it: cutover check")

    async def _run_wave(self, planned: PlannedWave) -> WaveState:
        return await (await self.runner(planned)).run()

    async def begin(self, names: list[str], by: str, work: Work) -> None:
        """Start `work` on these waves, one after another, as a run. The caller has seen that none goes on."""
        if self._stopping:
            raise Refused("The engine is stopping. Wait a moment, then type the command again.")
        books = sorted({self.assembly.waves[name].playbook for name in names})
        for book in self.assembly.migration.playbooks:
            if book.version in books:
                await self._ledger.undo.keep_book(book.version, self.assembly.text_of(book))
        if self._last_end == -inf and await self._ledger.last_run() is not None:
            self._last_end = self._born
        if self._cut_off == -inf and await self._ledger.cut_off():
            self._cut_off = self._born
        number = self.number = await self._ledger.start_run(names, by, " ".join(books))
        self._telemetry.begin_run()
        self.running = names
        self.last_words = ""
        self._task = asyncio.create_task(self._walk(number, names, work), name="run")

    async def _walk(self, number: int, names: list[str], work: Work) -> None:
        outcome = "interrupted"
        try:
            outcome = await self._walk_waves(names, work)
        except asyncio.CancelledError:
            raise
        except EngineError as error:  # of the ledger: what happens to a wave, the wave tells
            outcome = f"failed: {error}"
        except Exception as error:  # noqa: BLE001 - the engine must outlive its own bugs, and say where they are
            log.error("The run ended by an error of the engine itself: %s", describe(error))
            outcome = f"failed: an error of the engine itself ({describe(error)}); see its log"
            for name in names:
                if (await self._ledger.waves())[name].state in WORKING:
                    await self._ledger.wave_state(name, WaveState.FAILED, outcome)
        finally:
            self._last_end = self._clock.monotonic()
            if outcome != "done":
                self._cut_off = self._last_end
            try:
                await self._ended(number, outcome)
            finally:
                self.running = []  # last: whoever sees that nothing runs shall find the outcome

    async def _ended(self, number: int, outcome: str) -> None:
        """On disk, if it can be written; an engine that cannot write any more says at least why, while it lives."""
        self._telemetry.end_run()
        try:
            await self._ledger.end_run(number, outcome)
        except EngineError as error:
            self.last_words = outcome
            log.error("The end of the run could not be written: %s", error)

    async def _walk_waves(self, names: list[str], work: Work) -> str:
        for name in names:
            planned = self.assembly.waves[name]
            began = self._clock.monotonic()
            written = self._telemetry.totals["written"]
            state = await work(planned)
            if state not in LOADED and state is not WaveState.ROLLED_BACK:
                return f"{state}: wave {name}"
            if (n := self._telemetry.totals["written"] - written) >= 100:
                rate = n / max(0.001, self._clock.monotonic() - began)
                await self._ledger.set_meta("rate", f"{rate:.3f}")
        return "done"

    def context(self, row: WaveRow) -> Context:
        return Context(
            row.id,
            row.name,
            self._ledger,
            self._pacing,
            self._clock,
            self._people,
            self._telemetry,
            self._secret,
            self._last_end,
            self._cut_off,
            self._batches,
            self.assembly.vault,
        )

    async def runner(self, planned: PlannedWave) -> WaveRunner:
        row = (await self._ledger.waves())[planned.name]
        flows = tuple(self.assembly.flows.values())
        last_look = partial(rules_hold, self.assembly, row, self._ledger, self._clock)
        context = self.context(row)
        others = {
            name: [part.flow for part in other.parts]
            for name, other in self.assembly.waves.items()
            if name != planned.name and other.prove == "all"
        }
        compare = at_the_end(context, [part.flow for part in planned.parts], planned.prove, others)
        return WaveRunner(context, planned.parts, flows, self.brake, planned.chunk, planned.workers, last_look, compare)

    # ------------------------------------------------------------ refusals

    def wave(self, name: str) -> PlannedWave:
        if name not in self.assembly.waves:
            near = get_close_matches(name, self.assembly.waves, 1, 0.4)
            hint = f"Did you mean {near[0]}?" if near else f"Waves: {', '.join(self.assembly.waves)}."
            raise Refused(f"There is no wave {name}. {hint}")
        return self.assembly.waves[name]

    def refuse_when_busy(self) -> None:
        if self._stopping:
            raise Refused("The engine is stopping. Wait a moment, then type the command again.")
        if self.busy:
            raise Refused(f"{', '.join(self.running)} is running. Watch: cutover status --watch. End it: cutover stop")

    async def refuse_run(self, names: Sequence[str]) -> None:
        """Raises Refused when a run of these waves could not begin now."""
        self.refuse_when_busy()
        states = await self._ledger.waves()
        self._refuse_out_of_order(names, {name: row.state for name, row in states.items()})
        self._refuse_half_undone(names, states)
        await self._refuse_another_mapping(names)

    def _refuse_half_undone(self, names: Iterable[str], states: dict[str, WaveRow]) -> None:
        for name in names:
            if states[name].state is WaveState.ROLLING_BACK:
                raise Refused(f"Wave {name} is half rolled back. First: cutover rollback --wave {name}")

    async def _refuse_another_mapping(self, names: Iterable[str]) -> None:
        """A re-run with the former mapping that was cut off is no run with the folder's."""
        for name in names:
            same = await self._ledger.undo.same(name)
            if same not in ("", self.assembly.waves[name].playbook):
                raise Refused(cut_off(name, same))

    def _refuse_out_of_order(self, names: Iterable[str], states: dict[str, WaveState]) -> None:
        loaded = {name for name, state in states.items() if state in LOADED}
        for name in names:
            missing = [before for before in self.assembly.waves[name].after if before not in loaded]
            if missing:
                raise Refused(f"Wave {name} comes after {', '.join(missing)}, which is not loaded. Run that one first.")
            loaded.add(name)

    async def _rest(self, wave: str, patience: float = _REST) -> bool:
        deadline = self._clock.monotonic() + patience
        while not self._pacing.at_rest(wave):
            if self._clock.monotonic() > deadline:
                return False
            await self._clock.sleep(0.02)
        return True


def cut_off(wave: str, same: str) -> str:
    """What to type about a re-run with a former mapping that did not come to its end."""
    return (
        f"Wave {wave} was being carried again with playbook {same}, the one it ran with, when it was cut off; "
        f"the folder says another thing now. Go on: cutover rerun --wave {wave} --mapping same. "
        f"Or carry all of it again with the folder's: cutover rerun --wave {wave}"
    )
