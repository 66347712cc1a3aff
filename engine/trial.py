"""Maps one record, and what hangs on it, without sending them: what would go out, and which rule made each field."""

from __future__ import annotations

from connectors.kit.contract import Record, Scope
from connectors.kit.document import decoded
from engine.assembly import Assembly
from engine.errors import Refused
from engine.existing import another, matched, several, word_of
from engine.flow import Flow
from engine.mapping import Absent, Mapped, Traced
from engine.people import People
from engine.wire import TracedField, Trial

_PAGE = 100
_CHILDREN = 20  # of each kind that are mapped


async def try_record(assembly: Assembly, word: str, entity: str = "") -> Trial:
    """The record with this key, or with this label (a ticket number), of this entity (none: the first that has it)."""
    if entity and entity not in assembly.flows:
        raise Refused(f"There is no entity {entity}. Entities: {', '.join(assembly.flows)}.")
    flows = [assembly.flows[entity]] if entity else list(assembly.flows.values())
    for flow in flows:
        record = await find(flow, word)
        if record is not None:
            trial = await _try(flow, record)
            return trial.model_copy(update={"children": await _children(flow, record)})
    raise Refused(f"No record {word} was found at {', '.join(flow.source_system for flow in flows)}.")


async def find(flow: Flow, word: str) -> Record | None:
    """The record with this key, or with this label (a ticket number)."""
    scope = flow.scope()
    found = await flow.source.fetch(scope, [word])
    if not found and flow.label:
        labelled = Scope(scope.entity, (flow.source.equals(flow.label, word),), scope.fields)
        return await _first(flow, labelled)
    return found[0] if found else None


async def _first(flow: Flow, scope: Scope) -> Record | None:
    """The first record of a scope, on whichever page: an empty one is not the end."""
    for span in await flow.source.spans(scope, 1):
        rest: str | None = span
        while rest is not None:
            page = await flow.source.read(scope, rest, _PAGE)
            if page.records:
                return page.records[0]
            rest = page.rest
    return None


async def _try(flow: Flow, record: Record) -> Trial:
    people = await People().known(flow, [record])
    mapped = flow.mapper.map([record], people)[0]
    fields = [_traced(step) for step in flow.mapper.trace(record, people)]
    refused = "" if isinstance(mapped, Mapped) else mapped.cause
    target = decoded(mapped.fields) if isinstance(mapped, Mapped) else {}
    if isinstance(mapped, Mapped) and mapped.status:
        target["(status)"] = mapped.status
    return Trial(
        existing=await _existing(flow, record),
        entity=flow.name,
        key=record.key,
        source=dict(record.fields),
        target=target,
        refused=refused,
        fields=fields,
        defects=list(mapped.defects),
    )


async def _existing(flow: Flow, record: Record) -> str:
    """What the look-up finds, in words."""
    rule = flow.existing
    if rule is None:
        return ""
    word = word_of(record.fields.get(rule.by))
    if not word:
        return f"nothing is looked for: {rule.by} is empty. It would be created"
    found = (await matched(flow).lookup(flow.target_entity, rule.match, [word])).get(word, [])
    if not found:
        return f"no record has this {rule.match}. It would be created"
    if len(found) > 1:
        return f"it would be quarantined: {several(flow, rule)}"
    if found[0].xid not in ("", flow.xid(record.key)):
        return f"it would be quarantined: {another(flow, rule)}"
    return f"{flow.target_entity} {found[0].target} has the same {rule.match}. It would be updated"


async def _children(flow: Flow, record: Record) -> list[Trial]:
    tried: list[Trial] = []
    for child in flow.children:
        hanging = await child.source.children(child.scope(), [record.key])
        tried += [await _try(child, one) for one in hanging[:_CHILDREN]]
    return tried


def _traced(step: Traced) -> TracedField:
    left_out = isinstance(step.value, Absent)
    return TracedField(
        field=step.field,
        rule=step.rule,
        sources=list(step.sources),
        where=step.where,
        value=None if left_out else decoded(step.value),
        left_out=left_out and not step.refusal,
        refusal=step.refusal,
    )
