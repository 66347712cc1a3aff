"""The runbook while it is followed: ticks, skips, starts, gates that pass. Durable before it is answered."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Coroutine, Mapping
from difflib import get_close_matches

import orjson

from engine.clock import Clock
from engine.errands import Errands
from engine.errors import EngineError, Refused
from engine.facts import Facts, Value
from engine.gates import Verdict
from engine.ledger import Ledger
from engine.model import OVER, Mark, StepState
from engine.shelf import Shelf
from engine.snapshot import Snapshots
from engine.steps import Standing, approvals, open_phase, standings
from engine.trouble import describe
from engine.turns import over_already, refuse_start, refuse_tick
from engine.wire import Fact, PhaseStatus, Receipt, RunbookStatus, Skip, Start, Status, StepStatus, Tick
from runbooks.runbook import Do, Runbook

_NONE = "This migration has no runbook. Name one in migration.yaml: runbook: runbook.yaml"
_BETWEEN = 1.0  # seconds between two looks at gates that do not hold

log = logging.getLogger(__name__)


class Phases:
    """One migration's runbook. `open` before anything else."""

    def __init__(
        self, shelf: Shelf, errands: Errands, ledger: Ledger, snapshots: Snapshots, facts: Facts, clock: Clock
    ) -> None:
        self._shelf = shelf
        self._errands = errands
        self._ledger = ledger
        self._snapshots = snapshots
        self._facts = facts
        self._clock = clock
        self._marks: dict[str, Mark] = {}  # as they are on disk
        self._beginning: set[str] = set()  # steps whose command is being given now
        self._tasks: set[asyncio.Task[None]] = set()
        self._one_at_a_time = asyncio.Lock()

    @property
    def busy(self) -> bool:
        """Whether a step is being carried out."""
        return bool(self._tasks or self._beginning)

    @contextlib.asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Take up what was said before, and let gates pass from now on."""
        self._marks = await self._ledger.marks()
        for mark in [mark for mark in self._marks.values() if mark.state is StepState.RUNNING]:
            await self._say(await self._errands.settle(mark), by="engine")
        watch = asyncio.create_task(self._watch(), name="runbook")
        try:
            yield
        finally:
            ending = [watch, *self._tasks]
            for task in ending:
                task.cancel()
            await asyncio.gather(*ending, return_exceptions=True)

    # ------------------------------------------------------------ commands

    async def tick(self, command: Tick) -> Receipt:
        async with self._acting() as runbook:
            there = await self._standing(runbook, command.step)
            refuse_tick(there, command, self._marks.get(command.step))
            state = StepState.DONE if command.go else StepState.BLOCKED
            words = "granted" if command.go else "no-go"
            what = "step done" if there.step.kind == "manual" else f"approval {words}"
            await self._say(Mark(command.step, state, command.by, self._now(), command.note.strip()), what=what)
            await self._pass_gates(runbook)
            said = "is done" if there.step.kind == "manual" else f"says {'go' if command.go else 'no-go'}"
            return _receipt(f"Step {command.step} {said}. {await self._next(runbook)}")

    async def skip(self, command: Skip) -> Receipt:
        if not command.reason.strip():
            raise Refused(f"Say why: cutover runbook skip {command.step} --reason WHY")
        async with self._acting() as runbook:
            there = await self._standing(runbook, command.step)
            if there.state in OVER:
                raise Refused(over_already(there, self._marks[command.step]))
            if there.state is StepState.RUNNING:
                raise Refused(f"Step {command.step} is running: it cannot be skipped any more. See: cutover status")
            mark = Mark(command.step, StepState.SKIPPED, command.by, self._now(), command.reason.strip())
            await self._say(mark, what="step skipped")
            await self._pass_gates(runbook)
            return _receipt(f"Step {command.step} is skipped. {await self._next(runbook)}")

    async def start(self, command: Start) -> Receipt:
        async with self._acting() as runbook:
            there = await self._standing(runbook, command.step)
            do = refuse_start(there, self._marks.get(command.step))
            self._beginning.add(command.step)
        # The lock is open while the command is given: its preflight may take long, and others may tick meanwhile.
        try:
            mark = Mark(command.step, StepState.RUNNING, command.by, self._now())
            mark = await self._errands.begin(there.step, do, mark)
            async with self._one_at_a_time:
                await self._say(mark._replace(at=self._now()), what=f"step {mark.state}")
        finally:
            self._beginning.discard(command.step)
        if mark.state is StepState.RUNNING:
            self._spawn(self._carry_out(do, mark))
            return _receipt(f"Step {command.step} is running: {do.verb}.", effective=False)
        async with self._one_at_a_time:
            await self._pass_gates(runbook)
            return _receipt(f"Step {command.step} is done: {mark.note} {await self._next(runbook)}")

    # ------------------------------------------------------------ asking

    async def status(self, status: Status | None = None) -> RunbookStatus | None:
        """Where the runbook stands; None without one. `status`: a snapshot of this moment, if there is one already."""
        runbook = await self._shelf.look()
        if runbook is None:
            return None
        verdicts = await self._verdicts(runbook, status)
        there = self._standings(runbook, verdicts)
        current = open_phase(runbook, self._marks)
        phases, word = [], "done"
        for phase in runbook.phases:
            word = "open" if phase is current else "waiting" if word in ("open", "waiting") else "done"
            steps = [self._shown(there[step.step], verdicts.get(step.step)) for step in phase.steps]
            phases.append(PhaseStatus(id=phase.phase, title=phase.title, state=word, steps=steps))
        return RunbookStatus(
            runbook=runbook.runbook,
            content=runbook.version,
            phase=current.phase if current else "",
            phases=phases,
            problem=self._shelf.problem,
        )

    async def required(self) -> RunbookStatus:
        """Where the runbook stands. Raises Refused in a migration without one."""
        status = await self.status()
        if status is None:
            raise Refused(_NONE)
        return status

    def _shown(self, there: Standing, verdict: Verdict | None) -> StepStatus:
        step, mark = there.step, self._marks.get(there.step.step)
        who = self._shelf.people.get(step.owner or "", "")
        note = mark.note if mark else ""
        if there.no_go and there.state is StepState.BLOCKED:
            note = f"no-go at {there.no_go}"
        elif there.state is StepState.BLOCKED and verdict is not None:
            note = verdict.why
        return StepStatus(
            id=step.step,
            title=step.title,
            kind=step.kind,
            owner=f"{step.owner} ({who})" if who else step.owner or "",
            minutes=step.minutes,
            after=list(step.after),
            evidence=step.evidence,
            state=there.state,
            by=mark.by if mark else "",
            at=mark.at if mark else "",
            note=note,
            gate=step.gate or "",
            facts=_facts_then(mark) if mark and mark.facts else verdict.facts if verdict else [],
            verb=step.do.verb if step.do else "",
            about=step.about,
        )

    async def _verdicts(self, runbook: Runbook, status: Status | None = None) -> dict[str, Verdict]:
        """What every gate says that is not over; counters are asked only when there is one."""
        undone = [step for step in self._shelf.judges if not self._is_over(step)]
        if not undone:
            return {}
        facts = self._known(runbook, status or await self._snapshots.take())
        return {step: self._shelf.judges[step].ask(facts) for step in undone}

    def _known(self, runbook: Runbook, status: Status) -> dict[str, Value | None]:
        return self._facts.gather(status, approvals(runbook, self._marks))

    def _standings(self, runbook: Runbook, verdicts: Mapping[str, Verdict]) -> dict[str, Standing]:
        return standings(runbook, self._marks, frozenset(self._beginning), lambda step: verdicts[step].holds)

    # ------------------------------------------------------------ gates

    async def _watch(self) -> None:
        """A gate that did not hold when its predecessors were done passes once it does."""
        while True:
            try:
                async with self._one_at_a_time:
                    runbook = await self._shelf.look()
                    if runbook is not None:
                        await self._pass_gates(runbook)
            except EngineError as error:
                log.error("The gates of the runbook could not be looked at: %s", error)
            except Exception as error:  # noqa: BLE001 - gates must be looked at again whatever went wrong once
                log.error("The gates of the runbook could not be looked at: %s", describe(error))
            await self._clock.sleep(_BETWEEN)

    async def _pass_gates(self, runbook: Runbook) -> None:
        """Every gate whose turn it is and whose sentence holds is done, and may let others pass."""
        while waiting := self._gates_in_turn(runbook):
            facts = self._known(runbook, await self._snapshots.take())
            verdicts = {step: self._shelf.judges[step].ask(facts) for step in waiting}
            passing = [step for step in waiting if verdicts[step].holds]
            for step in passing:
                shown = orjson.dumps([[fact.name, fact.value, fact.holds] for fact in verdicts[step].facts]).decode()
                note = ", ".join(f"{fact.name} was {fact.value}" for fact in verdicts[step].facts)
                await self._say(
                    Mark(step, StepState.DONE, "engine", self._now(), note, facts=shown), what="gate passed"
                )
            if not passing:
                return

    def _gates_in_turn(self, runbook: Runbook) -> list[str]:
        there = standings(runbook, self._marks, frozenset(self._beginning), lambda _: True)
        return [name for name, one in there.items() if one.step.kind == "gate" and one.state is StepState.READY]

    # ------------------------------------------------------------ automatic steps

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work, name="step of the runbook")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _carry_out(self, do: Do, mark: Mark) -> None:
        ended = await self._errands.finish(do, mark)
        async with self._one_at_a_time:
            try:
                await self._say(ended._replace(at=self._now()), by="engine")
                runbook = await self._shelf.look()
                if runbook is not None:
                    await self._pass_gates(runbook)
            except EngineError as error:  # the next engine finds the run's outcome, and says it then
                log.error("The end of step %s could not be written: %s", mark.step, error)

    # ------------------------------------------------------------ inside

    @contextlib.asynccontextmanager
    async def _acting(self) -> AsyncIterator[Runbook]:
        """One command at a time, on the file as it stands now."""
        async with self._one_at_a_time:
            runbook = await self._shelf.look()
            if runbook is None:
                raise Refused(_NONE)
            yield runbook

    async def _standing(self, runbook: Runbook, name: str) -> Standing:
        there = self._standings(runbook, await self._verdicts(runbook))
        if name in there:
            return there[name]
        near = get_close_matches(name, there, 1, 0.5)
        if name in self._marks:
            raise Refused(f"Step {name} is not in the runbook any more; what was said about it is kept in the ledger.")
        hint = f"Did you mean {near[0]}?" if near else "Which there are: cutover runbook show"
        raise Refused(f"There is no step {name}. {hint}")

    async def _say(self, mark: Mark, *, what: str = "", by: str = "") -> None:
        await self._ledger.mark(mark, what or f"step {mark.state}", by=by)
        self._marks[mark.step] = mark

    async def _next(self, runbook: Runbook) -> str:
        """What can be done now, for the end of an answer."""
        there = self._standings(runbook, await self._verdicts(runbook))
        ready = [name for name, one in there.items() if one.state in (StepState.READY, StepState.FAILED)]
        stuck = [name for name, one in there.items() if one.state is StepState.BLOCKED and not one.no_go]
        if open_phase(runbook, self._marks) is None:
            return "The runbook is done."
        if not ready:
            return f"Waiting for {', '.join(stuck)}." if stuck else "Nothing else is ready now."
        return f"Next: {', '.join(ready[:4])}{', ...' if len(ready) > 4 else ''}."

    def _is_over(self, step: str) -> bool:
        return step in self._marks and self._marks[step].state in OVER

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _receipt(message: str, *, effective: bool = True) -> Receipt:
    return Receipt(accepted=True, durable=True, effective=effective, message=message)


def _facts_then(mark: Mark) -> list[Fact]:
    """What a gate saw when it passed."""
    return [Fact(name=name, value=value, holds=holds) for name, value, holds in orjson.loads(mark.facts)]
