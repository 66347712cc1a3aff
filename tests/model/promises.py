"""What holds in every state of a wave and its rollback."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from tests.model.search import Promises, Seen, search
from tests.model.wave import DONE, STEPS, Item, Shape, State, Step, after, idle


def never(shape: Shape, s: State) -> str:
    """What may never be, in any state."""
    if s.harm:
        return s.harm
    if any(one.copies > 1 for one in s.items):
        return "something is there twice"
    if s.told and not s.hold:
        return "a pause that was acknowledged is forgotten"
    if s.wave == "rolled_back":
        for i in shape.records():
            one, hanging = s.items[i], [s.items[c] for c in shape.children(i)]
            stays = one.edited or any(child.edited for child in hanging)
            if not stays and any(each.copies or each.entry for each in (one, *hanging)):
                return "a rollback has ended, and something of it stays"
            if one.copies and not one.target:
                return "a rollback has ended, and the ledger does not know what stays"
    return ""


def not_now(shape: Shape, word: str, s: State) -> str:
    """What may not be at the moment after this step."""
    if word != "loaded":
        return ""
    for i, one in enumerate(s.items):
        parent = shape.parents[i]
        in_scope = one.source and (parent is None or s.items[parent].entry == "synced")  # a child goes with its record
        if in_scope and one.entry not in DONE:
            return "a wave is loaded, and the sum is not closed"
        if in_scope and one.entry == "synced" and one.copies != 1:
            return "a wave is loaded, and something is lost"
        if one.copies and not one.entry:
            return "a wave is loaded, and the ledger does not know something of ours"
    return ""


def over(s: State) -> bool:
    return s.wave in ("loaded", "rolled_back") and idle(s)


def explore(shape: Shape, *, faults: int, runs: int = 1, steps: Mapping[str, Step] = STEPS) -> Seen:
    """All that may become of a wave of this shape. `faults`: that may happen; `runs`: that may be begun."""
    promises = Promises(partial(never, shape), partial(not_now, shape), over, frozenset({"undo_begin"}))
    first = State(tuple(Item() for _ in shape.parents), faults=faults, runs=runs)
    return search(first, partial(after, shape, steps=steps), promises)
