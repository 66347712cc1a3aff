"""Rules of the playbook: compiled once, asked about one wave, answered with counts and keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.kit.contract import Readback
from engine.both_sides import ask_children, ask_each
from engine.expressions import Expression, ExpressionError, compile_expression
from engine.flow import Flow
from engine.gates import Judge
from engine.inquiry import Found, Inquiry
from engine.mapping.values import getter
from engine.model import LOADED, Bucket
from engine.rulings import GATE, NOTES, Ruling, last_drift
from engine.wire import RuleResult
from runbooks.gates import parse
from runbooks.validation import WAVE_FACTS, ValidationRule

_SAMPLE = 20  # keys that are kept
_UNSETTLED = (Bucket.IN_FLIGHT, Bucket.IN_DOUBT)


@dataclass(frozen=True, slots=True)
class Check:
    """One rule, ready to be asked."""

    rule: ValidationRule
    flow: Flow | None  # of the entity it is about
    facts: Judge | None = None
    when: Expression | None = None
    then: Expression | None = None


def compile_rule(
    rule: ValidationRule, flows: Mapping[str, Flow], where: Callable[[str], str], problems: list[str]
) -> Check:
    """Make a rule askable; what is wrong goes to `problems`, with the place that `where` gives of one of its keys."""
    flow = flows[rule.entity] if rule.entity is not None else None
    if flow is not None and (rule.each or rule.children) and not isinstance(flow.target, Readback):
        kind = "each" if rule.each else "children"
        problems.append(
            f"{where(kind)}: the rule '{rule.rule}' looks at the target, and the connector of system "
            f"{flow.target_system} cannot read back what was written; take the rule out, or use counts"
        )
    facts = Judge(parse(rule.holds, WAVE_FACTS)) if rule.holds is not None else None
    return Check(rule, flow, facts, *expressions_of(rule, where, problems))


def expressions_of(
    rule: ValidationRule, where: Callable[[str], str], problems: list[str]
) -> tuple[Expression | None, Expression | None]:
    """Of which records it speaks, and what must be true of each; None where it does not say."""
    when, then = (_expression(text, where(key), problems) for key, text in (("when", rule.when), ("then", rule.then)))
    return when, then


def _expression(text: str, where: str, problems: list[str]) -> Expression | None:
    if not text:
        return None
    try:
        expression = compile_expression(text, _reader)
    except ExpressionError as error:
        problems.append(f"{where}: {error}")
        return None
    problems += [
        f"{where}: '{name}' is of neither side; write source.{name} or target.{name}"
        for name in expression.fields
        if name.partition(".")[0] not in ("source", "target") or "." not in name
    ]
    return expression


def _reader(name: str) -> Callable[[Mapping[str, Any]], Any]:
    side, _, field = name.partition(".")
    read = getter(field)
    return lambda record: read(record[side])


# ---------------------------------------------------------------- asking


async def judge(inquiry: Inquiry, checks: Sequence[Check]) -> Ruling:
    """Ask every rule that is about this wave. Raises what a system raises."""
    results = [
        await _answer(inquiry, check) for check in checks if check.flow is None or check.flow.name in inquiry.scopes
    ]
    return Ruling(playbook=inquiry.playbook, results=results)


def gate_cause(wave: str, ruling: Ruling, notes: str) -> str:
    """Why the wave needs a person; "" when every gate holds. `notes`: what its proof has to say beside."""
    failing = ruling.failing_gates
    if not failing:
        return ""
    what = "; ".join(f"{each.rule} ({each.about}): {each.failed:,} of {each.checked:,} fail" for each in failing)
    verb = f"cutover validate --wave {wave}"
    return f"{GATE}{what}. Mend it, then: {verb}" + (f"{NOTES}{notes}" if notes else "")


async def _answer(inquiry: Inquiry, check: Check) -> RuleResult:
    rule = check.rule
    if check.facts is not None:
        found = await _facts(inquiry, check.facts)
    elif check.flow is None:
        raise AssertionError(f"the rule {rule.rule} is about nothing")
    elif rule.counts:
        found = await _counts(inquiry, check.flow)
    elif rule.references:
        found = await _references(inquiry, check.flow)
    elif rule.children:
        found = await ask_children(inquiry, check.flow, rule)
    else:
        found = await ask_each(inquiry, check.flow, rule, check.when, check.then)
    return RuleResult(
        rule=rule.rule,
        about=rule.about,
        severity=rule.severity,
        owner=rule.owner,
        gate=rule.gate,
        wave=inquiry.wave_name,
        holds=not found.failed,
        checked=found.checked,
        failed=found.failed,
        skipped=found.skipped,
        whole=found.whole,
        sample=found.sample[:_SAMPLE],
        note=found.note,
        at=inquiry.clock.now().isoformat(timespec="milliseconds"),
    )


async def _facts(inquiry: Inquiry, facts: Judge) -> Found:
    verdict = facts.ask(await _of_wave(inquiry))
    return Found(checked=1, failed=int(not verdict.holds), note="" if verdict.holds else verdict.why)


async def _of_wave(inquiry: Inquiry) -> dict[str, int | None]:
    ledger = inquiry.ledger
    tally, planned = await ledger.tally(), await ledger.planned()
    of_wave = [(inquiry.wave, flow.entity) for flow, _ in inquiry.scopes.values()]
    counts = {bucket: sum(tally.get(each, {}).get(bucket, 0) for each in of_wave) for bucket in Bucket}
    records = sum(planned.get(each, 0) for each in of_wave)
    seen = sum(n for bucket, n in counts.items() if bucket is not Bucket.LEFT)
    drift = await last_drift(ledger, inquiry.wave_name)
    return {
        **{bucket.word: n for bucket, n in counts.items()},
        "records": records,
        "to_do": max(0, records - seen),
        "loose_references": (await ledger.loose_references()).get(inquiry.wave, 0),
        "drift": drift.confirmed if drift else None,
    }


async def _counts(inquiry: Inquiry, flow: Flow) -> Found:
    at = (inquiry.wave, flow.entity)
    counts = (await inquiry.ledger.tally()).get(at, {})
    planned = (await inquiry.ledger.planned()).get(at, 0)
    held = sum(n for bucket, n in counts.items() if bucket is not Bucket.LEFT)
    unsettled = sum(counts.get(bucket, 0) for bucket in _UNSETTLED)
    note = f"the source counts {planned:,}, the ledger {held:,}, of which {unsettled:,} are not settled"
    failed = abs(planned - held) + unsettled
    return Found(checked=max(planned, held), failed=failed, note=note if failed else "")


async def _references(inquiry: Inquiry, flow: Flow) -> Found:
    """A tie is broken when its other end was seen, or will not come: no wave that is still to be loaded brings it."""
    ledger = inquiry.ledger
    rows = await ledger.waves()
    to_come = {
        part.entity
        for name, parts in inquiry.entities_by_wave.items()
        if name != inquiry.wave_name and rows[name].state not in LOADED
        for part in parts
    }
    failed = waiting = 0
    sample: list[str] = []
    for to_entity, bucket, n in await ledger.loose_ends(inquiry.wave, flow.entity):
        if bucket == 0 and to_entity in to_come:
            waiting += n
            continue
        failed += n
        sample += await ledger.loose_keys(inquiry.wave, flow.entity, to_entity, bucket, _SAMPLE - len(sample))
    note = f"{waiting:,} wait for waves to come" if waiting else ""
    return Found(await ledger.references(inquiry.wave, flow.entity), failed, waiting, sample=sample, note=note)
