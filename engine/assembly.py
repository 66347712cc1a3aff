"""From a loaded migration to things that run: connectors, flows, waves. Assembles; decides nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import orjson

from connectors.kit.contract import Connection, Connector, Creates, Lookup, Readback, Source, Target, Traits, Undo
from connectors.kit.errors import Misconfigured
from engine.clock import Clock
from engine.flow import Existing, Flow, Tie
from engine.ledger import Ledger
from engine.mapping import Mapper, MappingError, compile_entity
from engine.systems import Systems
from engine.validation import Check, compile_rule
from engine.vault import Vault, master_of
from engine.waves import Part
from runbooks.migration import Migration
from runbooks.playbook import Child, EntityPair, Playbook, Prove


@dataclass(frozen=True, slots=True)
class PlannedWave:
    """A wave of a playbook, with its parts in the order of their dependencies."""

    name: str
    about: str
    after: tuple[str, ...]
    chunk: int
    workers: int
    playbook: str  # content hash
    parts: tuple[Part, ...]
    rules: tuple[Check, ...] = ()
    prove: Prove = "all"


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything a migration consists of, ready to run."""

    migration: Migration
    systems: dict[str, Connector]
    flows: dict[str, Flow]
    waves: dict[str, PlannedWave]
    vault: Vault

    def text_of(self, book: Playbook) -> str:
        """A playbook as its file has it, to be kept beside the runs that use it."""
        return orjson.dumps(self.migration.documents[book.playbook].root.value).decode()


async def assemble(migration: Migration, ledger: Ledger, systems: Systems, clock: Clock, secret: bytes) -> Assembly:
    """Compile everything, call nobody. Raises LoadError, MappingError and Misconfigured with what to change."""
    access = {name: migration.resolve_secrets(name) for name in migration.systems}
    connectors: dict[str, Connector] = {}
    for name, system in migration.systems.items():
        limits = system.limits.model_dump(exclude_none=True)
        secrets, folder = access[name], str(migration.folder)
        connection = Connection(name, system.connector, secrets.url, secrets.auth, system.options, limits, folder)
        connectors[name] = systems.connect(connection)
    mappers = {
        pair.entity: compile_entity(
            pair,
            where=partial(_where, migration, book, at),
            secret=secret,
            documents=partial(_takes_documents, connectors[pair.target.system]),
        )
        for book in migration.playbooks
        for at, pair in enumerate(book.entities)
    }
    program = await ledger.meta("program", f"{migration.name}-{clock.secret(4).hex()}")
    flows = {
        pair.entity: await _flow(pair, mappers[pair.entity], connectors, program, ledger)
        for book in migration.playbooks
        for pair in book.entities
    }
    waves: dict[str, PlannedWave] = {}
    for book in migration.playbooks:
        order = _referred_first(book)
        rules = _rules(migration, book, flows)
        for wave in book.waves:
            parts = tuple(Part(flows[entity], wave.filters[entity]) for entity in order if entity in wave.filters)
            waves[wave.wave] = PlannedWave(
                wave.wave, wave.about, wave.after, wave.chunk, wave.workers, book.version, parts, rules, wave.prove
            )
            await ledger.add_wave(wave.wave)
    vault = Vault(ledger.images, clock, master_of(migration, clock))
    return Assembly(migration, connectors, flows, _after_one_another(waves), vault)


def _where(migration: Migration, book: Playbook, at: int, path: tuple[str | int, ...]) -> str:
    return migration.where(book.playbook, ("entities", at, *path))


def _takes_documents(target: Connector, entity: str) -> bool:
    return target.traits(entity).documents


def _rules(migration: Migration, book: Playbook, flows: dict[str, Flow]) -> tuple[Check, ...]:
    problems: list[str] = []

    def where(at: int, key: str) -> str:
        return migration.where(book.playbook, ("rules", at, key))

    rules = tuple(compile_rule(rule, flows, partial(where, at), problems) for at, rule in enumerate(book.rules))
    if problems:
        raise MappingError(problems)
    return rules


async def _flow(pair: EntityPair, mapper: Mapper, systems: dict[str, Connector], program: str, ledger: Ledger) -> Flow:
    source = _source(systems, pair.source.system)
    target = _target(systems, pair.target.system)
    ties: dict[str, Tie] = {}
    for reference in mapper.ties:
        ties[reference.id] = Tie(
            reference.id,
            await ledger.entity(reference.to_entity),
            link=reference.name if reference.kind == "link" else "",
            field=reference.name if reference.kind == "field" else "",
        )
    flow = Flow(
        name=pair.entity,
        entity=await ledger.entity(pair.entity),
        whose=_whose(program, pair.entity, pair.source.system),
        label=pair.label,
        source_system=pair.source.system,
        target_system=pair.target.system,
        source=source,
        target=target,
        source_entity=pair.source.entity,
        target_entity=pair.target.entity,
        filters=(pair.source.filter,) if pair.source.filter else (),
        mapper=mapper,
        reads=source.traits(pair.source.entity),
        writes=await _writes(target, pair.target.system, pair.target.entity, ledger),
        moves=pair.status is not None,
        ties=ties,
        closes=pair.rollback.status if pair.rollback else "",
        existing=_existing(pair, target, mapper, ties),
    )
    children = [
        await _child(flow, child, own, program, ledger)
        for child, own in zip(pair.children, mapper.children, strict=True)
    ]
    return replace(flow, children=tuple(children))


async def _child(parent: Flow, child: Child, mapper: Mapper, program: str, ledger: Ledger) -> Flow:
    name = f"{parent.name}/{child.label}"
    return replace(
        parent,
        name=name,
        entity=await ledger.entity(name),
        hangs_on=parent.entity,
        whose=_whose(program, name, parent.source_system),
        label="",
        source_entity=child.entity,
        target_entity=child.target,
        filters=(),
        mapper=mapper,
        reads=parent.source.traits(child.entity),
        writes=await _writes(parent.target, parent.target_system, child.target, ledger),
        moves=False,
        has_content=child.target == "attachment",
        ties={},
        existing=None,
    )


def _existing(pair: EntityPair, target: Target, mapper: Mapper, ties: Mapping[str, Tie]) -> Existing | None:
    """Refused where the target cannot do all of it: find a record, tell what it is like, and put it back."""
    if pair.existing is None:
        return None
    able = all(isinstance(target, port) for port in (Lookup, Readback, Undo))
    if not (able and target.traits(pair.target.entity).updates):
        raise Misconfigured(
            f"{pair.entity}: the connector of {pair.target.system} cannot look up records that are there before "
            f"and put them back as they were",
            hint="Take `existing` out of the playbook: every record is created then.",
        )
    fields = dict.fromkeys((*mapper.makes, *(tie.field for tie in ties.values() if tie.field)))
    steps = tuple(pair.status.fields) if pair.status else ()
    return Existing(pair.existing.match, pair.existing.by, tuple(fields), steps)


def _whose(program: str, flow: str, system: str) -> str:
    return f"{program}\x1f{flow}\x1f{system}\x1f"


async def _writes(target: Target, system: str, entity: str, ledger: Ledger) -> Traits:
    """What the connector declares, with the horizon that `cutover check` measured where one was."""
    traits = target.traits(entity)
    measured = await ledger.get_meta(f"horizon:{system}:{entity}")
    if measured is not None and traits.creates is Creates.LAGGING:
        return replace(traits, search_settle=float(measured))
    return traits


def _source(systems: dict[str, Connector], name: str) -> Source:
    connector = systems[name]
    if not isinstance(connector, Source):
        raise Misconfigured(f"system {name} cannot be read from", hint="Name another source in the playbook.")
    return connector


def _target(systems: dict[str, Connector], name: str) -> Target:
    connector = systems[name]
    if not isinstance(connector, Target):
        raise Misconfigured(f"system {name} cannot be written to", hint="Name another target in the playbook.")
    return connector


def _referred_first(book: Playbook) -> list[str]:
    """Entities, each after those it refers to; where references go in a circle, as the playbook has them."""
    refers = {pair.entity: [reference.to for reference in pair.references] for pair in book.entities}
    return _sorted(refers)


def _after_one_another(waves: dict[str, PlannedWave]) -> dict[str, PlannedWave]:
    """Waves, each after those it comes after; else as the playbooks have them."""
    return {name: waves[name] for name in _sorted({name: wave.after for name, wave in waves.items()})}


def _sorted(needs: dict[str, Sequence[str]] | dict[str, list[str]] | dict[str, tuple[str, ...]]) -> list[str]:
    done: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in done or name in above or name not in needs:
            return
        for needed in needs[name]:
            visit(needed, above | {name})
        done[name] = None

    for name in needs:
        visit(name, frozenset())
    return list(done)
