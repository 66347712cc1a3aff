"""A wave waits for a person's signature; with it comes the manifest that anybody can re-check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC
from importlib.metadata import version
from pathlib import Path

from engine.assembly import PlannedWave
from engine.clock import Clock
from engine.compare import Kind
from engine.conductor import Conductor
from engine.errors import EngineError, Refused
from engine.flow import Flow
from engine.ledger import Ledger
from engine.logbook import WaveRow
from engine.manifest import Counts, Seal, write_durably, write_manifest, write_records
from engine.model import Bucket, WaveState
from engine.rulings import DRIFTED, GATE, last_drift, last_ruling
from engine.signed_page import page
from engine.wire import Message, Receipt, Sign, SignedCause, SignedEntity, SignOff
from engine.wire.manifest import FOLDER, Manifest, SignedFile
from engine.wire.manifest import digest as digest_of

_RUNNING = "it is part of the run that goes on. Watch: cutover status --watch. End it: cutover stop"
_LAST = "manifest"  # names in `meta`: the migration's newest manifest; `manifest:WAVE`, the wave's


class Kept(Message):
    """What the ledger keeps of a manifest."""

    number: int
    file: str
    digest: str


class SignOffs:
    """Shows what would be signed, and signs it."""

    def __init__(self, conductor: Conductor, ledger: Ledger, seal: Callable[[], Seal], clock: Clock) -> None:
        """`seal` is asked for when something is signed: the first time, a key is made."""
        self._conductor = conductor
        self._ledger = ledger
        self._seal = seal
        self._clock = clock

    async def preview(self, wave: str) -> SignOff:
        """What would be signed at this moment, and what stands in the way of it."""
        planned = self._conductor.wave(wave)
        row = (await self._ledger.waves())[wave]
        refusals = [_RUNNING] if self._conductor.busy and wave in self._conductor.running else []
        return await self._preview(planned, row, refusals)

    async def sign(self, command: Sign) -> Receipt:
        """Write the manifest, then make the wave signed off. Raises Refused with all that stands in the way."""
        async with self._conductor.at_rest(command.wave) as planned:
            row = (await self._ledger.waves())[command.wave]
            seen = await self._preview(planned, row, [])
            stands = seen.refusals + ([] if command.despite.strip() else seen.despite)
            if stands:
                raise Refused(_in_the_way(command.wave, seen, stands))
            kept = await self._write(command, planned, row, seen)
            detail = f"{FOLDER}/{kept.file}, digest {kept.digest}"
            meta = {f"{_LAST}:{command.wave}": kept.model_dump_json(), _LAST: kept.model_dump_json()}
            await self._ledger.sign(command.wave, command.by, detail, meta)
        message = f"Wave {command.wave} is signed off. Re-check it: cutover manifest verify {FOLDER}/{kept.file}"
        return Receipt(accepted=True, durable=True, effective=True, message=message)

    # ------------------------------------------------------------ what would be signed

    async def _preview(self, planned: PlannedWave, row: WaveRow, refusals: list[str]) -> SignOff:
        ledger = self._ledger
        entities = await self._entities(planned, row)
        ruling = await last_ruling(ledger, row.name)
        results = ruling.results if ruling else []
        drift = await last_drift(ledger, row.name)
        refusals = [*refusals, *_unfinished(row, entities)]
        cut_off = [key for flow in _flows(planned) for key in await ledger.in_change(row.id, flow.entity)]
        if n := len(cut_off):
            changes = "1 change was" if n == 1 else f"{n:,} changes were"
            refusals.append(f"{changes} cut off with an engine; first: cutover run --wave {row.name}")
        if (planned.rules or results) and (ruling is None or ruling.playbook != planned.playbook):
            refusals.append(f"its rules were not asked since the playbook changed; cutover validate --wave {row.name}")
        despite = [
            f"the rule {result.rule} fails: {result.note or f'{result.failed:,} of {result.checked:,}'}"
            for result in results
            if result.gate and not result.holds
        ]
        # What others edited at the target is somebody's will: it is told, and stands in nobody's way.
        edited = (await ledger.drifts.counts()).get(row.name, {}).get(Kind.EDITED, 0)
        if drift and drift.confirmed > edited:
            despite.append(f"{drift.confirmed - edited:,} confirmed differences between the sides")
        return SignOff(
            wave=row.name,
            state=row.state,
            file=f"{FOLDER}/{row.name}-{await self._number(row.name)}.json",
            playbook=self._playbook(row.name),
            playbook_version=row.playbook,
            rules_version=ruling.playbook if ruling else "",
            entities=entities,
            rules=results,
            drift=drift,
            aside=[
                SignedCause(bucket=bucket, cause=cause, field=field, records=n)
                for bucket, wave, cause, field, n in await ledger.causes()
                if wave == row.name
            ],
            loose_references=(await ledger.loose_references()).get(row.id, 0),
            note=row.cause,
            refusals=refusals,
            despite=despite,
            images=(await ledger.images.counts()).get(row.id, 0),
            last=await self._newest(row.name),
        )

    async def _entities(self, planned: PlannedWave, row: WaveRow) -> list[SignedEntity]:
        tally, counted = await self._ledger.tally(), await self._ledger.planned()
        return [
            SignedEntity(
                entity=flow.name,
                planned=counted.get((row.id, flow.entity)),
                buckets=_words(tally.get((row.id, flow.entity), {})),
            )
            for flow in _flows(planned)
        ]

    async def _number(self, wave: str) -> int:
        kept = await self._ledger.get_meta(f"{_LAST}:{wave}")
        return Kept.model_validate_json(kept).number + 1 if kept else 1

    async def _newest(self, wave: str) -> str:
        kept = await self._ledger.get_meta(f"{_LAST}:{wave}")
        return f"{FOLDER}/{Kept.model_validate_json(kept).file}" if kept else ""

    def _playbook(self, wave: str) -> str:
        books = self._conductor.assembly.migration.playbooks
        return next(book.playbook for book in books if any(each.wave == wave for each in book.waves))

    # ------------------------------------------------------------ writing it

    async def _write(self, command: Sign, planned: PlannedWave, row: WaveRow, seen: SignOff) -> Kept:
        number = await self._number(row.name)
        name = f"{row.name}-{number}"
        folder = Path(self._conductor.assembly.migration.folder) / FOLDER
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            listed = await write_records(self._ledger, row.id, _flows(planned), folder / f"{name}.records")
            _compare(listed.counts, seen.entities)
            seal, last = self._seal(), await self._ledger.get_meta(_LAST)
            before = Kept.model_validate_json(last) if last else None
            manifest = Manifest(
                migration=self._conductor.assembly.migration.name,
                wave=row.name,
                number=number,
                signed_at=self._clock.now().astimezone(UTC).isoformat(timespec="seconds"),
                signed_by=command.by,
                note=command.note,
                despite=command.despite.strip() if seen.despite else "",
                stood=seen.despite,
                engine=version("cutover-cockpit"),
                playbook=seen.playbook,
                playbook_version=seen.playbook_version,
                rules_version=seen.rules_version,
                approved_by=row.approved,
                started=row.started,
                ended=row.ended,
                proof=seen.note,
                entities=seen.entities,
                aside=seen.aside,
                loose_references=seen.loose_references,
                rules=seen.rules,
                drift=seen.drift,
                records=listed.records,
                page=SignedFile(file=f"{name}.md", digest=""),
                previous=SignedFile(file=before.file, digest=before.digest) if before else None,
                public_key=seal.public_key,
                fingerprint=seal.fingerprint,
            )
            words = page(manifest)
            write_durably(folder / f"{name}.md", words)
            signed = manifest.model_copy(update={"page": SignedFile(file=f"{name}.md", digest=digest_of(words))})
            return Kept(
                number=number, file=f"{name}.json", digest=write_manifest(folder / f"{name}.json", signed, seal)
            )
        except OSError as error:
            raise EngineError(
                f"The manifest could not be written to {folder} ({error.strerror}); nothing was signed. "
                f"Mend that, then: cutover sign --wave {row.name}"
            ) from error


async def void(ledger: Ledger, wave: str, by: str, why: str) -> None:
    """The newest manifest of this wave tells of what was and is no more: the audit trail says so; its files stay."""
    kept = await ledger.get_meta(f"{_LAST}:{wave}")
    if kept is not None:
        manifest = Kept.model_validate_json(kept)
        await ledger.note(by, "manifest void", wave, f"{FOLDER}/{manifest.file}, digest {manifest.digest}: {why}")


def _flows(planned: PlannedWave) -> list[Flow]:
    return [flow for part in planned.parts for flow in (part.flow, *part.flow.children)]


def _words(counts: Mapping[Bucket, int]) -> dict[str, int]:
    return {bucket.word: counts[bucket] for bucket in sorted(counts) if counts[bucket]}


def _unfinished(row: WaveRow, entities: list[SignedEntity]) -> Iterator[str]:
    """What no reason can sign away: without it the wave is not loaded."""
    if row.state is WaveState.SIGNED_OFF:
        yield "it is signed off already. What changed since can be signed after: cutover run --wave " + row.name
    elif row.state is not WaveState.AWAITING_SIGN_OFF and not (
        row.state is WaveState.NEEDS_HUMAN and row.cause.startswith((GATE, DRIFTED))
    ):
        yield f"its state is {row.state}; first: cutover run --wave {row.name}"
    ways_out = {
        Bucket.IN_DOUBT: "in doubt; see: cutover quarantine list",
        Bucket.IN_FLIGHT: f"on the way; first: cutover run --wave {row.name}",
    }
    for bucket, way_out in ways_out.items():
        if n := sum(entity.buckets.get(bucket.word, 0) for entity in entities):
            yield f"{n:,} record{' is' if n == 1 else 's are'} {way_out}"


def _in_the_way(wave: str, seen: SignOff, stands: list[str]) -> str:
    text = f"Wave {wave} cannot be signed off: {'; '.join(stands)}."
    if seen.refusals:
        return text
    return f'{text} Mend it, or say why it is signed all the same: cutover sign --wave {wave} --despite "WHY"'


def _compare(counts: Counts, entities: list[SignedEntity]) -> None:
    """The lines are what the sums say, or nothing is signed."""
    said = {(entity.entity, word): n for entity in entities for word, n in entity.buckets.items()}
    if said != dict(counts):
        raise EngineError("The ledger's records and its sums differ; nothing was signed. See the engine's log.")
