"""What automatic steps of the runbook do: the conductor's own commands, as a person would give them."""

from __future__ import annotations

from engine import checks
from engine.conductor import Conductor
from engine.errors import EngineError, Refused
from engine.ledger import Ledger
from engine.model import Bucket, Mark, StepState
from engine.trouble import describe
from engine.wire import Pause, Resume, Retry, Run
from runbooks.runbook import Do, Step

_LONGEST = 500  # characters of a note


class Errands:
    """Begins what a step does, and tells how it ended."""

    def __init__(self, conductor: Conductor, ledger: Ledger) -> None:
        self._conductor = conductor
        self._ledger = ledger

    async def begin(self, step: Step, do: Do, mark: Mark) -> Mark:
        """Give the command. `mark` is that the step is running; what is over at once comes back done.

        Raises Refused when the conductor does; then nothing was begun.
        """
        if do.run is not None:
            await self._conductor.run(Run(waves=list(do.waves), by=mark.by))
            return mark._replace(run=self._conductor.number)
        if do.retry is not None:
            if not await self._quarantined(do.waves):
                return mark._replace(state=StepState.DONE, note="nothing was quarantined")
            await self._conductor.retry(Retry(wave="".join(do.waves), by=mark.by))
            return mark._replace(run=self._conductor.number)
        if do.check is not None:
            return mark
        if do.pause is not None:
            reason = f"runbook, {step.step}: {step.title}"
            receipt = await self._conductor.pause(Pause(wave="".join(do.waves), reason=reason, by=mark.by, wait=False))
        else:
            receipt = await self._conductor.resume(Resume(wave="".join(do.waves), by=mark.by))
        return mark._replace(state=StepState.DONE, note=receipt.message)

    async def finish(self, do: Do, mark: Mark) -> Mark:
        """Wait for the end of what was begun; done or failed, and why."""
        return await self._check(do.check, mark) if do.check is not None else await self._run(mark)

    async def settle(self, mark: Mark) -> Mark:
        """What an engine before this one left running."""
        outcome = await self._ledger.outcome(mark.run) if mark.run else ""
        return _ended(mark, outcome or "interrupted")

    async def _run(self, mark: Mark) -> Mark:
        while not (outcome := await self._ledger.outcome(mark.run)) and self._conductor.busy:
            await self._conductor.over()
        return _ended(mark, outcome or self._conductor.last_words or "interrupted")

    async def _check(self, canaries: int, mark: Mark) -> Mark:
        try:
            report = await checks.check(self._conductor.assembly, self._ledger, canaries)
        except EngineError as error:
            return mark._replace(state=StepState.FAILED, note=str(error)[:_LONGEST])
        except Exception as error:  # noqa: BLE001 - a connector's bug must not leave the step running for ever
            return mark._replace(state=StepState.FAILED, note=f"an error of the check itself: {describe(error)}")
        if report.ok:
            return mark._replace(state=StepState.DONE, note=f"{len(report.lines)} checks, all well")
        missing = "; ".join(f"{line.system}: {line.subject}: {line.detail}" for line in report.lines if not line.ok)
        return mark._replace(state=StepState.FAILED, note=f"{missing} All of it: cutover check"[:_LONGEST])

    async def _quarantined(self, waves: tuple[str, ...]) -> bool:
        rows, tally = await self._ledger.waves(), await self._ledger.tally()
        for name in waves:
            if name not in rows:
                raise Refused(f"There is no wave {name}. Which there are: cutover plan")
        wanted = {rows[name].id for name in waves or rows}
        return any(counts.get(Bucket.QUARANTINED, 0) for (wave, _), counts in tally.items() if wave in wanted)


def _ended(mark: Mark, outcome: str) -> Mark:
    if outcome == "done":
        return mark._replace(state=StepState.DONE, note="the run is done")
    if outcome == "interrupted":
        words = f"it was interrupted; nothing is lost. Go on: cutover runbook start {mark.step}"
    else:
        words = f"{outcome}. Why: cutover status. When that is mended: cutover runbook start {mark.step}"
    return mark._replace(state=StepState.FAILED, note=words[:_LONGEST])
