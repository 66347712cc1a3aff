"""`cutover verify`: has the independent verifier read both sides, and holds its word against the engine's own."""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC

from connectors.kit.errors import ConnectorError
from engine.assembly import Assembly
from engine.clock import Clock
from engine.conductor import Conductor
from engine.drifts import Kept
from engine.errors import EngineError, Refused
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.model import LOADED, UNDONE, WaveState
from engine.rulings import last_drift
from engine.trouble import describe
from engine.verifier import Findings, Hearing, Verifier, WaveUnderTest
from engine.wire import Drift, Receipt, Verify, VerifyEntity, VerifyFinding, VerifyReport, VerifyWave

_NOT_BEGUN = frozenset({WaveState.DRAFT, WaveState.PREFLIGHT, WaveState.READY, WaveState.APPROVED}) | UNDONE
_READ = LOADED | {WaveState.NEEDS_HUMAN}  # all of its scope was read: what is not there by now is missing
_SHOWN = 200  # findings
_NAMED = 5  # keys in a sentence
_KEPT = "verify:"  # a name in `meta`, with the wave's behind it
_CONCERNS = ("missing", "extra", "changed", "duplicate")  # differences that both would find

log = logging.getLogger(__name__)


class Verifications:
    """One at a time; it runs beside whatever else the engine does."""

    def __init__(self, conductor: Conductor, ledger: Ledger, clock: Clock) -> None:
        self._conductor = conductor
        self._ledger = ledger
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._wave = ""
        self._done = self._planned = 0
        self._began = 0.0
        self._problem = ""

    @property
    def busy(self) -> bool:
        return self._task is not None and not self._task.done()

    async def verify(self, command: Verify) -> Receipt:
        """Start it. Raises Refused when there is nothing to verify, or one goes on."""
        if self.busy:
            raise Refused(f"Wave {self._wave} is being verified. Wait for it: GET /verify tells how far it is.")
        assembly = await self._conductor.afresh()
        rows = await self._ledger.waves()
        if command.wave:
            self._conductor.wave(command.wave)
            if rows[command.wave].state in _NOT_BEGUN:
                raise Refused(f"Wave {command.wave} has not begun. Run it: cutover run --wave {command.wave}")
        names = [command.wave] if command.wave else [n for n in assembly.waves if rows[n].state not in _NOT_BEGUN]
        if not names:
            raise Refused("No wave has begun. Run one: cutover run")
        await self._ledger.note(
            command.by, "verify", command.wave, f"sample {command.sample}" if command.sample else ""
        )
        self._done, self._began, self._problem, self._wave = 0, self._clock.monotonic(), "", names[0]
        self._planned = await self._to_read(assembly, rows, names, command.sample)
        self._task = asyncio.create_task(self._walk(assembly, names, command), name="verify")
        message = f"Verifying {', '.join(names)}. How far it is, and what it found: GET /verify"
        return Receipt(accepted=True, durable=False, effective=True, message=message)

    async def report(self) -> VerifyReport:
        """How far it is, and what was said last about each wave."""
        kept = [await self._ledger.get_meta(_KEPT + name) for name in self._conductor.assembly.waves]
        return VerifyReport(
            running=self.busy,
            wave=self._wave if self.busy else "",
            done=self._done,
            planned=self._planned,
            seconds_left=self._seconds_left(),
            problem=self._problem,
            waves=[VerifyWave.model_validate_json(each) for each in kept if each],
        )

    async def end(self) -> None:
        """The engine ends: what was begun is not finished, and nothing was changed by it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------ inside

    async def _walk(self, assembly: Assembly, names: list[str], command: Verify) -> None:
        try:
            for name in names:
                self._wave = name
                await self._one(assembly, name, command)
        except (ConnectorError, EngineError) as error:
            self._problem = f"Wave {self._wave} was not verified to its end: {error}"
        except Exception as error:  # noqa: BLE001 - the engine must outlive its own bugs, and say where they are
            log.error("The verification ended by an error of the engine itself: %s", describe(error))
            self._problem = f"An error of the engine itself: {describe(error)}. See its log."

    async def _one(self, assembly: Assembly, name: str, command: Verify) -> None:
        rows = await self._ledger.waves()
        verifier = Verifier(Hearing(self._clock), self._ledger, self._count)
        found = await verifier.verify(self._under_test(assembly, rows, name), command.sample)
        at = self._clock.now().astimezone(UTC).isoformat(timespec="seconds")
        disagrees = await self._disagreement(name, found)
        row, planned = rows[name], assembly.waves[name]
        word = VerifyWave(
            wave=name,
            ok=not disagrees and not any(each.findings for each in found),
            at=at,
            by=command.by,
            playbook=row.playbook,
            mapping_changed=row.playbook != planned.playbook,
            entities=[_told(each) for each in found],
            findings=[VerifyFinding(**f._asdict()) for each in found for f in each.findings][:_SHOWN],
            disagrees_with_reconcile=disagrees,
        )
        await self._ledger.set_meta(_KEPT + name, word.model_dump_json())

    def _under_test(self, assembly: Assembly, rows: dict[str, WaveRow], name: str) -> WaveUnderTest:
        running = self._conductor.running if self._conductor.busy else []
        read = {row.id for row in rows.values() if row.state in _READ and row.name not in running}
        return WaveUnderTest(
            id=rows[name].id,
            name=name,
            loaded=rows[name].id in read,
            scopes=tuple((part.flow, part.scope) for part in assembly.waves[name].parts),
            flows=assembly.flows,
            waves=tuple(row.id for row in rows.values()),
            loaded_waves=frozenset(read),
            undone=tuple(
                (part.flow, part.scope)
                for planned in assembly.waves.values()
                if rows[planned.name].state in UNDONE
                for part in planned.parts
            ),
        )

    async def _to_read(self, assembly: Assembly, rows: dict[str, WaveRow], names: list[str], sample: int | None) -> int:
        counted = await self._ledger.planned()
        parts = [(rows[name].id, part.flow.entity) for name in names for part in assembly.waves[name].parts]
        return sum(min(counted.get(part, 0), sample or counted.get(part, 0)) for part in parts)

    def _count(self, records: int) -> None:
        self._done += records

    def _seconds_left(self) -> float | None:
        if not self.busy or not self._done:
            return None
        took = self._clock.monotonic() - self._began
        return round(max(0, self._planned - self._done) * took / self._done, 1)

    # ------------------------------------------------------------ two opinions

    async def _disagreement(self, wave: str, found: list[Findings]) -> list[str]:
        """Where the engine's own comparison of this wave, if there was one, says something else."""
        drift = await last_drift(self._ledger, wave)
        if drift is None:
            return []
        theirs = {
            (kept.difference.flow, kept.difference.key): kept for kept in await self._ledger.drifts.list(wave=wave)
        }
        ours = {(finding.entity, finding.key) for each in found for finding in each.findings}
        return [*_only_ours(ours - theirs.keys(), drift), *_only_theirs(theirs, ours, found, drift)]


def _only_ours(ours: set[tuple[str, str]], drift: Drift) -> list[str]:
    if not ours:
        return []
    return [f"{len(ours):,} records differ of which the comparison of {drift.at} knows nothing: {_names(ours)}"]


def _only_theirs(
    theirs: dict[tuple[str, str], Kept], ours: set[tuple[str, str]], found: list[Findings], drift: Drift
) -> list[str]:
    """An edit at the target, and a mapping that was changed, may be no difference to this eye."""
    whole = {each.entity for each in found if each.whole}
    alone = {
        place
        for place, kept in theirs.items()
        if place not in ours and place[0].partition("/")[0] in whole and kept.difference.kind in _CONCERNS
    }
    if not alone:
        return []
    return [f"{len(alone):,} differences of the comparison of {drift.at} are none to the verifier: {_names(alone)}"]


def _names(places: set[tuple[str, str]]) -> str:
    named = [f"{entity} {key}" for entity, key in sorted(places)[:_NAMED]]
    return ", ".join(named) + (", ..." if len(places) > _NAMED else "")


def _told(found: Findings) -> VerifyEntity:
    judged = found.judged
    return VerifyEntity(
        entity=found.entity,
        read=found.read,
        compared=judged.compared,
        on_their_way=judged.on_their_way,
        aside=judged.aside,
        elsewhere=judged.elsewhere,
        undone=judged.undone,
        at_target=found.there,
        kinds=found.kinds,
        whole=found.whole,
        not_compared=sorted(judged.untold),
        notes=found.notes,
    )
