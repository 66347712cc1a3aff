"""Would it work tonight? Reach, credentials, permissions per operation, schema, and horizons measured with canaries."""

from __future__ import annotations

from difflib import get_close_matches

from connectors.kit.contract import Canary, Creates, FieldInfo, Scope
from connectors.kit.errors import ConnectorError
from engine.assembly import Assembly
from engine.existing import matched
from engine.flow import Flow
from engine.ledger import Ledger
from engine.model import WaveState
from engine.wire import CheckLine, CheckReport

_NOBODYS = "cutover-check-9c1f"  # a value that no record has
_ITSELF = ("key", "id")  # of a record, where a system's schema does not list them


async def check(assembly: Assembly, ledger: Ledger, canaries: int) -> CheckReport:
    """Ask every system; nothing is changed but by canaries, which are deleted again. What holds makes waves ready."""
    lines = await preflight(assembly)
    reached = {line.system for line in lines} - {line.system for line in lines if not line.ok}
    for flow in assembly.flows.values():
        if flow.target_system in reached:
            lines += await _schema(flow)
            lines += await _lookup(flow) if flow.existing else []
        if canaries and flow.target_system in reached:
            lines += await _horizon(flow, ledger, canaries)
    report = CheckReport(ok=all(line.ok for line in lines), lines=lines)
    if report.ok:
        for name, row in (await ledger.waves()).items():
            if row.state is WaveState.DRAFT:
                await ledger.wave_state(name, WaveState.READY)
    return report


async def preflight(assembly: Assembly) -> list[CheckLine]:
    """Reach, credentials, and every right that the waves need."""
    lines: list[CheckLine] = []
    for name, connector in assembly.systems.items():
        try:
            findings = await connector.check(_reads(assembly, name), _writes(assembly, name))
        except ConnectorError as error:
            lines.append(_failed(name, "reach", error))
            continue
        lines += [
            CheckLine(system=name, subject=f.subject, ok=f.ok, detail=_without(f.hint, f.detail), hint=f.hint)
            for f in findings
        ]
    return lines


def _without(hint: str, detail: str) -> str:
    """An error's text may end with its hint, which stands on a line of its own here."""
    return detail.removesuffix(hint).rstrip(" .") if hint else detail


def _reads(assembly: Assembly, system: str) -> list[Scope]:
    """Every scope that waves will read, so that a bad filter is found now and not at night."""
    scopes = {
        part.scope: None for wave in assembly.waves.values() for part in wave.parts if part.flow.source_system == system
    }
    children = {
        child.scope(): None
        for flow in assembly.flows.values()
        for child in flow.children
        if child.source_system == system
    }
    return [*scopes, *children]


def _writes(assembly: Assembly, system: str) -> list[str]:
    entities: dict[str, None] = {}
    for flow in assembly.flows.values():
        if flow.target_system == system:
            entities[flow.target_entity] = None
            entities.update({child.target_entity: None for child in flow.children})
            if any(tie.link for tie in (flow.ties or {}).values()):
                entities["link"] = None
    return list(entities)


async def _schema(flow: Flow) -> list[CheckLine]:
    """Every field that the mapping makes exists and may be written; every field that is required is made."""
    subject = f"schema: {flow.target_entity}"
    try:
        known = {info.name: info for info in await flow.target.schema(flow.target_entity)}
    except ConnectorError as error:
        return [_failed(flow.target_system, subject, error)]
    if not known:
        detail = "nothing is there yet to compare the mapping with"
        return [CheckLine(system=flow.target_system, subject=subject, ok=True, detail=detail)]
    lines = [_target_field(flow, subject, name, known) for name in flow.mapper.makes]
    missing = [info.name for info in known.values() if info.required and info.name not in flow.mapper.makes]
    lines += [
        CheckLine(
            system=flow.target_system,
            subject=subject,
            ok=False,
            detail=f"{name} is required there, and no rule makes it",
            hint=f"Add a rule for {name} to entity {flow.name} in its playbook.",
        )
        for name in missing
    ]
    bad = [line for line in lines if not line.ok]
    fine = CheckLine(
        system=flow.target_system, subject=subject, ok=True, detail=f"{len(flow.mapper.makes)} mapped fields exist"
    )
    return bad or [fine]


def _target_field(flow: Flow, subject: str, name: str, known: dict[str, FieldInfo]) -> CheckLine:
    info = known.get(name)
    if info is not None and info.writable:
        return CheckLine(system=flow.target_system, subject=subject, ok=True, detail=name)
    if info is not None:
        detail, hint = f"{name} cannot be written", f"Remove the rule for {name}, or ask for the right to write it."
    else:
        near = get_close_matches(name, known, 1)
        detail, hint = f"{name} does not exist there", f"Did you mean {near[0]}?" if near else "Remove its rule."
    return CheckLine(system=flow.target_system, subject=subject, ok=False, detail=detail, hint=hint)


async def _lookup(flow: Flow) -> list[CheckLine]:
    """The source has the field to look up by; the target has the other, finds by it, and can be put back."""
    rule = flow.existing
    if rule is None:
        return []
    lines: list[CheckLine] = []
    for system, side, entity, name in (
        (flow.source_system, flow.source, flow.source_entity, rule.by),
        (flow.target_system, flow.target, flow.target_entity, rule.match),
    ):
        subject = f"existing: {entity}"
        try:
            known = {word for info in await side.schema(entity) for word in (info.name, info.label)}
        except ConnectorError as error:
            lines.append(_failed(system, subject, error))
            continue
        if known and name not in {*known, *_ITSELF}:
            near = get_close_matches(name, known, 1)
            hint = f"Did you mean {near[0]}?" if near else "Name another field under `existing` in the playbook."
            lines.append(
                CheckLine(system=system, subject=subject, ok=False, detail=f"{name} does not exist there", hint=hint)
            )
    if lines:
        return lines
    subject = f"existing: {flow.target_entity}"
    try:
        await matched(flow).lookup(flow.target_entity, rule.match, [_NOBODYS])
        await matched(flow).image(flow.target_entity, [], rule.fields)
    except ConnectorError as error:
        return [_failed(flow.target_system, subject, error)]
    detail = f"records can be looked up by {rule.match}"
    return [CheckLine(system=flow.target_system, subject=subject, ok=True, detail=detail)]


async def _horizon(flow: Flow, ledger: Ledger, rounds: int) -> list[CheckLine]:
    """How long a search lags behind a create, measured; the longest of all rounds counts three times."""
    target = flow.target
    if flow.writes.creates is Creates.NATIVE or not isinstance(target, Canary):
        return []
    subject = f"settle horizon: {flow.target_entity}"
    try:
        seconds = max([await target.canary(flow.target_entity) for _ in range(rounds)])
    except ConnectorError as error:
        return [_failed(flow.target_system, subject, error)]
    horizon = max(1.0, seconds * 3)
    await ledger.set_meta(f"horizon:{flow.target_system}:{flow.target_entity}", f"{horizon:.3f}")
    detail = f"a search saw {rounds} canaries after at most {seconds:.1f} s; absence counts after {horizon:.1f} s"
    return [CheckLine(system=flow.target_system, subject=subject, ok=True, detail=detail)]


def _failed(system: str, subject: str, error: ConnectorError) -> CheckLine:
    return CheckLine(system=system, subject=subject, ok=False, detail=str(error), hint=getattr(error, "hint", ""))
