"""What no model sees of a runbook: ids, predecessors, waves, roles and facts that must be known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from runbooks.document import Document
from runbooks.errors import Problem, did_you_mean
from runbooks.facts import names
from runbooks.gates import GateError, parse
from runbooks.runbook import ALL
from runbooks.walk import at, circle, found, twice, unknown

_STEPS = ("phases", "*", "steps", "*")


def ids_used_once(document: Document) -> Iterator[Problem]:
    """Phases and steps are named once in a runbook."""
    yield from twice("phase", found([document], "phases", "*", "phase"))
    yield from twice("step", found([document], *_STEPS, "step"))


def steps_in_order(document: Document) -> Iterator[Problem]:
    """`after` names steps of this phase or an earlier one, and no step waits for itself."""
    steps = list(found([document], *_STEPS, "step"))
    phase_of = {step.name: step.loc[1] for step in steps}
    after: dict[str, list[str]] = {step.name: [] for step in steps}
    id_at = {step.loc[:-1]: step.name for step in steps}
    for named in found([document], *_STEPS, "after", "*"):
        step = id_at.get(named.loc[:4], "")
        if named.name not in phase_of:
            yield unknown("step", named, list(phase_of))
        elif int(phase_of[named.name]) > int(named.loc[1]):
            text = f"'{named.name}' stands in a later phase, which would never open; move one of the two"
            yield document.problem(named.loc, text)
        elif step:
            after[step].append(named.name)
    told: set[str] = set()
    for each in steps:
        ring = [] if each.name in told else circle(each.name, after)
        if ring:
            told.update(ring)
            text = f"the steps wait for each other: {' → '.join([*ring, ring[0]])}; take one 'after' out"
            yield document.problem((*each.loc[:-1], "after"), text)


def waves_known(document: Document, waves: Sequence[str]) -> Iterator[Problem]:
    """Automatic steps name waves of the migration."""
    known = [*waves, ALL]
    for verb in ("retry", "pause", "resume", "run"):
        for named in (*found([document], *_STEPS, "do", verb), *found([document], *_STEPS, "do", verb, "*")):
            if named.name not in known:
                yield unknown("wave", named, known)


def gates_hold_water(document: Document, waves: Sequence[str]) -> Iterator[Problem]:
    """Every gate is a sentence over facts that there are."""
    approvals = [str(step["step"]) for _, step in at(document.root.value, _STEPS) if _is_approval(step)]
    known = names(waves, approvals)
    for named in found([document], *_STEPS, "gate"):
        try:
            parse(named.name, known)
        except GateError as error:
            yield document.problem(named.loc, str(error))


def roles_filled(document: Document, people: Iterable[str]) -> Iterator[Problem]:
    """A warning for each role, once, that nobody has."""
    known = list(people)
    told: set[str] = set()
    for named in found([document], *_STEPS, "owner"):
        if named.name not in known and named.name not in told:
            told.add(named.name)
            hint = did_you_mean(named.name, known)
            text = f"nobody has the role '{named.name}'{hint}; name somebody under 'people' in migration.yaml"
            yield document.problem(named.loc, text)


def window_declared(document: Document, windows: bool) -> Iterator[Problem]:
    """A warning for gates that ask for the end of a window where there is none."""
    for named in found([document], *_STEPS, "gate"):
        if "window.minutes_left" in named.name and not windows:
            text = "migration.yaml declares no window: window.minutes_left is never known, and this gate never holds"
            yield document.problem(named.loc, text)


def _is_approval(step: object) -> bool:
    return isinstance(step, dict) and isinstance(step.get("step"), str) and bool(step.get("approval"))
