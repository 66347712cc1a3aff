"""Asks the rules of the playbook when a person wants to know, and tells what they said last."""

from __future__ import annotations

from engine.clock import Clock
from engine.conductor import Conductor
from engine.errors import Refused
from engine.inspection import ask_once, rules_hold
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import UNCHECKED, WaveState
from engine.rulings import GATE, NOTES, last_ruling
from engine.wire import RuleResult, Validate, Validation


class Inspector:
    """The commands of the rules."""

    def __init__(self, conductor: Conductor, ledger: Ledger, clock: Clock) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._clock = clock

    async def results(self) -> Validation:
        """What the rules said last, wave by wave."""
        return Validation(results=[each for name in self._conductor.assembly.waves for each in await self._last(name)])

    async def validate(self, command: Validate) -> Validation:
        """Ask the rules as the playbook has them now. A wave that only a gate kept goes on when its gates hold."""
        assembly = await self._conductor.afresh()
        rows = await self._ledger.waves()
        if command.wave:
            self._conductor.wave(command.wave)
            if rows[command.wave].state in UNCHECKED:
                raise Refused(f"Wave {command.wave} has not begun. Run it: cutover run --wave {command.wave}")
        names = [command.wave] if command.wave else [n for n in assembly.waves if rows[n].state not in UNCHECKED]
        results = []
        for name in names:
            cause = await rules_hold(assembly, rows[name], self._ledger, self._clock, ask_once, _notes(rows[name]))
            await self._consequence(name, cause, command.by)
            results += await self._last(name)
        await self._ledger.note(command.by, "validate", command.wave, f"{sum(not r.holds for r in results)} rules fail")
        return Validation(results=results)

    async def _last(self, wave: str) -> list[RuleResult]:
        ruling = await last_ruling(self._ledger, wave)
        return ruling.results if ruling else []

    async def _consequence(self, wave: str, cause: str, by: str) -> None:
        """A loaded wave whose gate fails needs a person; one that needed a person for that alone is loaded."""
        if self._conductor.busy and wave in self._conductor.running:
            return  # its own end will ask again
        async with self._conductor.at_rest(wave):
            row = (await self._ledger.waves())[wave]
            stopped = row.state is WaveState.NEEDS_HUMAN and row.cause.startswith(GATE)
            if cause and (stopped or row.state is WaveState.AWAITING_SIGN_OFF):
                await self._ledger.wave_state(wave, WaveState.NEEDS_HUMAN, cause, by=by)
            elif stopped and not cause:
                await self._ledger.loaded(wave, _notes(row))


def _notes(row: WaveRow) -> str:
    """What the proof of the wave said, from its cause."""
    if row.cause.startswith(GATE):
        return row.cause.partition(NOTES)[2]
    return row.cause if row.state is WaveState.AWAITING_SIGN_OFF else ""
