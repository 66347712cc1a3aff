"""Visits every state that the model can reach, and holds the promises of the engine against each."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from tests.model.wave import DONE, STEPS, Item, Shape, State, Step, after, idle


class Broken(NamedTuple):
    """A promise that was not kept, and the shortest way there."""

    promise: str
    way: list[str]

    def __str__(self) -> str:
        return f"{self.promise}: {' > '.join(self.way)}"


class Seen(NamedTuple):
    """All states within reach. `depth`: steps to the farthest of them."""

    states: int
    moves: int
    depth: int
    broken: Broken | None


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


def search(shape: Shape, *, faults: int, runs: int = 1, steps: Mapping[str, Step] = STEPS) -> Seen:
    """Breadth first, so that the first broken promise comes by the shortest way."""
    first = State(tuple(Item() for _ in shape.parents), faults=faults, runs=runs)
    came: dict[State, tuple[State, str] | None] = {first: None}
    depths = {first: 0}
    calm: dict[State, list[State]] = {}  # state -> from which it is reached without a further fault
    queue = deque([first])
    moves = 0
    while queue:
        s = queue.popleft()
        for word, t in after(shape, s, steps):
            moves += 1
            fresh = t not in came
            if fresh:
                came[t], depths[t] = (s, word), depths[s] + 1
                queue.append(t)
            if t.faults == s.faults and word != "undo_begin":  # giving up is a person's choice, and no way to an end
                calm.setdefault(t, []).append(s)
            if promise := never(shape, t) if fresh else "":
                return Seen(len(came), moves, depths[t], Broken(promise, _way(came, t)))
            if promise := not_now(shape, word, t):
                return Seen(len(came), moves, depths[s] + 1, Broken(promise, [*_way(came, s), word]))
    stuck = _stuck(came, calm)
    broken = Broken("without further faults it never ends", _way(came, stuck)) if stuck else None
    return Seen(len(came), moves, max(depths.values()), broken)


def _stuck(came: Mapping[State, object], calm: Mapping[State, list[State]]) -> State | None:
    """The first state from which no end is within reach although nothing goes wrong any more."""
    ending = {s for s in came if over(s)}
    queue = deque(ending)
    while queue:
        for before in calm.get(queue.popleft(), ()):
            if before not in ending:
                ending.add(before)
                queue.append(before)
    return next((s for s in came if s not in ending), None)


def _way(came: Mapping[State, tuple[State, str] | None], s: State) -> list[str]:
    words: list[str] = []
    while (step := came[s]) is not None:
        s = step[0]
        words.append(step[1])
    return words[::-1]
